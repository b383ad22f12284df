"""`fieldcal user`: people and their roles."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldcal.cli.options import AsUser, Json
from fieldcal.setup_model import Role, User

group = typer.Typer(help="People and their roles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="USER", help="The user's name, usually the sign-in name.")]
Granted = Annotated[Role, typer.Argument(help="The role.")]


@group.command()
def add(
    name: Name,
    *,
    full_name: Annotated[str, typer.Option("--name", help="The person's name.")] = "",
    sign_in: Annotated[str, typer.Option("--sign-in", help="Sign-in name (UPN), where it is another.")] = "",
    object_id: Annotated[str, typer.Option("--object-id", help="The directory's object id.")] = "",
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Add a user, without a role yet."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import users

    with desk(as_user) as at, at.database.write() as tx:
        made = users.add(tx, at.actor, at.now, name, full_name=full_name, sign_in=sign_in, object_id=object_id)
    _tell(made, json=json)


@group.command("list")
def list_users(as_user: AsUser = None, json: Json = False) -> None:
    """Show every user with the roles granted."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import users

    with desk(as_user) as at, at.database.read() as tx:
        found = users.everyone(tx, at.actor)
    if json:
        show.as_json([_as_told(user) for user in found])
    else:
        show.table(
            ("user", "name", "sign-in", "roles"),
            [(user.id, user.name, user.sign_in, ", ".join(sorted(user.roles))) for user in found],
        )


@group.command()
def grant(name: Name, role: Granted, as_user: AsUser = None, json: Json = False) -> None:
    """Give a role. Exchange administrator and mailbox approver are given by an Exchange administrator."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import users

    with desk(as_user) as at, at.database.write() as tx:
        user = users.grant(tx, at.actor, at.now, name, role)
    _tell(user, json=json)


@group.command()
def revoke(name: Name, role: Granted, as_user: AsUser = None, json: Json = False) -> None:
    """Take a role away."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import users

    with desk(as_user) as at, at.database.write() as tx:
        user = users.revoke(tx, at.actor, at.now, name, role)
    _tell(user, json=json)


def _as_told(user: User) -> dict[str, object]:
    return {
        "user": user.id, "name": user.name, "sign_in": user.sign_in, "object_id": user.object_id,
        "roles": sorted(user.roles),
    }  # fmt: skip


def _tell(user: User, *, json: bool) -> None:
    from fieldcal.cli import show

    if json:
        show.as_json(_as_told(user))
    else:
        show.line(f"{user.id}: {', '.join(sorted(user.roles)) or 'no role'}")
