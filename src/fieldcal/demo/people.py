"""One person for each role, who may sign in to the demo's admin centre; the technician among them has a calendar."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.demo.week import busiest
from fieldcal.setup import passwords, sign_in, users
from fieldcal.setup_model import Actor, Role
from fieldcal.state import users as rows


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a person types to sign in, and what the person may then do."""

    name: str
    password: str
    roles: frozenset[Role]


#: The administrator has both roles that R7 asks for, so that one sign-in can do the whole job.
_PEOPLE = {
    "admin": {Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}, "exchange-admin": {Role.EXCHANGE_ADMIN},
    "approver": {Role.MAILBOX_APPROVER}, "dispatcher": {Role.DISPATCHER}, "worker": {Role.WORKER},
    "reader": {Role.READER},
}  # fmt: skip


async def sign_ins(app: App, actor: Actor, hashed: Callable[[str], str] = passwords.hashed) -> list[SignIn]:
    """`fieldcal user add`, `grant` and `password` for each; the passwords are new ones every time."""
    now = app.clock.now()
    worker = await app.database.reading(busiest, ENVIRONMENT, now)
    made = [SignIn(name, secrets.token_urlsafe(12), frozenset(roles)) for name, roles in _PEOPLE.items()]
    hashes = [await asyncio.to_thread(hashed, one.password) for one in made]

    def keep(tx: Connection) -> None:
        for one, told in zip(made, hashes, strict=True):
            own = Role.WORKER in one.roles and worker is not None
            address = worker.address if own and worker is not None else ""
            mailbox = str(worker.mailbox or "") if own and worker is not None else ""
            if rows.find(tx, one.name) is None:
                users.add(tx, actor, now, one.name, sign_in=address or None, object_id=mailbox)
            for role in sorted(one.roles):
                users.grant(tx, actor, now, one.name, role)
            sign_in.set_password(tx, actor, now, one.name, told)

    await app.database.writing(keep)
    return made
