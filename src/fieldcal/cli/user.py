"""`fieldcal user`: people and their roles."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fieldcal.cli.options import AsUser, Json, Yes
from fieldcal.errors import ConfigError
from fieldcal.setup_model import Role, User

group = typer.Typer(help="People and their roles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="USER", help="The user's name, usually the sign-in name.")]
Password = Annotated[
    str | None, typer.Option("--password", metavar="stdin", help="stdin: read the password from standard input.")
]
Granted = Annotated[Role, typer.Argument(help="The role.")]


@group.command()
def add(
    name: Name,
    *,
    full_name: Annotated[str, typer.Option("--name", help="The person's name.")] = "",
    sign_in: Annotated[str | None, typer.Option("--sign-in", help="Sign-in name (UPN), where it is another.")] = None,
    object_id: Annotated[str, typer.Option("--object-id", help="The directory's object id.")] = "",
    password: Password = None,
    invite: Annotated[
        bool, typer.Option("--invite", help="Print a link that works once, to choose a password with.")
    ] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Add a user, without a role yet. With --invite or --password the user may sign in to the admin centre."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import sign_in as proofs
    from fieldcal.setup import users

    told = _hash(password, name)
    if told and invite:
        raise ConfigError("a password or an invitation: write --password or --invite, not both")
    with desk(as_user) as at, at.database.write() as tx:
        made = users.add(tx, at.actor, at.now, name, full_name=full_name, sign_in=sign_in, object_id=object_id)
        link = proofs.invite(tx, at.actor, at.now, name) if invite else ""
        if told:
            proofs.set_password(tx, at.actor, at.now, name, told)
    _tell(made, json=json, link=link)


@group.command()
def password(
    name: Name,
    *,
    password: Password = None,
    invite: Annotated[bool, typer.Option("--invite", help="Print a link that works once instead.")] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Set a password, or make a link to choose one with. The user is signed out everywhere."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import sign_in as proofs
    from fieldcal.state import users

    told = _hash(password, name)
    if bool(told) == invite:
        raise ConfigError("say how: --password stdin reads it, --invite prints a link to choose one with")
    with desk(as_user) as at, at.database.write() as tx:
        link = proofs.invite(tx, at.actor, at.now, name) if invite else ""
        if told:
            proofs.set_password(tx, at.actor, at.now, name, told)
        user = users.get(tx, name)
    _tell(user, json=json, link=link)


@group.command()
def tie(
    name: Name,
    object_id: Annotated[str, typer.Argument(help="The account's object id in the directory.")],
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Let a user sign in with an account of the directory."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import sign_in

    with desk(as_user) as at, at.database.write() as tx:
        user = sign_in.tie(tx, at.actor, at.now, name, object_id)
    _tell(user, json=json)


@group.command()
def unlock(name: Name, as_user: AsUser = None, json: Json = False) -> None:
    """Forget a user's wrong passwords, so that nobody has to wait."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import tries

    with desk(as_user) as at, at.database.write() as tx:
        ended = tries.unlock(tx, at.actor, at.now, name)
    if json:
        show.as_json({"user": name, "forgotten": ended})
    else:
        show.line(f"{name}: {'the wrong tries are forgotten' if ended else 'there were no wrong tries'}.")


@group.command()
def vouch(name: Name, as_user: AsUser = None, json: Json = False) -> None:
    """Answer for an account: its person may set up the own mailbox."""
    from fieldcal.cli.session import desk
    from fieldcal.setup import vouching

    with desk(as_user) as at, at.database.write() as tx:
        user = vouching.vouch(tx, at.actor, at.now, name)
    _tell(user, json=json)


@group.command("signout")
def sign_out(name: Name, as_user: AsUser = None, json: Json = False) -> None:
    """End all of a user's sessions in the admin centre."""
    from fieldcal.cli import show
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import desk
    from fieldcal.setup import sign_in

    with desk(as_user) as at, at.database.write() as tx:
        ended = sign_in.sign_out_everywhere(tx, at.actor, at.now, name)
    if json:
        show.as_json({"user": name, "ended": ended})
    else:
        show.line(f"{name}: {plural(ended, 'session', 'sessions')} ended.")


@group.command()
def disable(name: Name, yes: Yes = False, as_user: AsUser = None, json: Json = False) -> None:
    """Take every right from a user who has left; the name is kept.

    Roles, sessions, tokens and the password; the audit keeps the name.
    """
    from fieldcal.cli.session import confirm, desk, looked_up
    from fieldcal.setup import sign_in
    from fieldcal.state import users

    looked_up(as_user, users.get, name)
    confirm(f"Take every role, session, token and the password from {name}?", yes=yes)
    with desk(as_user) as at, at.database.write() as tx:
        user = sign_in.disable(tx, at.actor, at.now, name)
    _tell(user, json=json)


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
    elif not found:
        show.line(
            "There is no user yet, and whoever runs commands here may do everything; `fieldcal user add USER` makes "
            "one, `fieldcal user grant` gives a role."
        )
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
        "roles": sorted(user.roles), "vouched": user.vouched,
    }  # fmt: skip


def _hash(given: str | None, name: str) -> str:
    """The hash of the password on standard input, "" where none is meant."""
    from fieldcal.setup import passwords

    if given is None:
        return ""
    if given != "stdin":
        raise ConfigError("--password: write stdin, and the password on standard input; a command line is seen by all")
    return passwords.hashed(sys.stdin.readline().rstrip("\r\n"), name)


def _tell(user: User, *, json: bool, link: str = "") -> None:
    from fieldcal.cli import show

    address = _address(link) if link else ""
    if json:
        show.as_json({**_as_told(user), **({"link": address} if link else {})})
        return
    show.line(f"{user.id}: {', '.join(sorted(user.roles)) or 'no role'}")
    if link:
        show.line(f"{address}")
        show.line("The link works once, for three days. Whoever has it can sign in as this user: send it privately.")


def _address(link: str) -> str:
    from fieldcal import runfile
    from fieldcal.cli.serve import pages
    from fieldcal.cli.session import settings_of_command

    settings = settings_of_command()
    running = runfile.find(settings.data)
    home = pages(settings, running) if running else settings.web_url or f"http://{settings.listen[0]}"
    return f"{home}/invitation/{link}"
