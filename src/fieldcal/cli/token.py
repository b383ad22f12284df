"""`fieldcal token`: what scripts prove themselves by at the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, Json
from fieldcal.setup.scopes import LASTS, LONGEST, Scope

if TYPE_CHECKING:
    from fieldcal.state.tokens import Token

group = typer.Typer(help="Tokens of scripts for the REST API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The token's name, told in the audit.")]


@group.command()
def add(
    name: Name,
    *,
    user: Annotated[str, typer.Option("--user", metavar="USER", help="As whom the script acts.")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="What of that user's rights it has; may be repeated.")],
    days: Annotated[int, typer.Option("--days", min=1, max=LONGEST, help="How long it holds.")] = LASTS,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Make a token and print it, this once. It has the user's roles as they are at each call, within its scopes."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import tokens

    with desk(as_user) as at, at.database.write() as tx:
        made, text = tokens.add(tx, at.actor, at.now, name, user, scope, days)
    if json:
        show.as_json({**_as_told(made), "secret": text})
        return
    show.line(text)
    show.line(f"It acts as {made.user} ({made.scopes}) until {made.ends_at:%Y-%m-%d}. Keep it: it is not shown again.")


@group.command("list")
def list_tokens(as_user: AsUser = None, json: Json = False) -> None:
    """Show every token, and when it was last used. Never its text."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import tokens

    with desk(as_user) as at, at.database.read() as tx:
        found = tokens.listed(tx, at.actor)
    if json:
        show.as_json([_as_told(one) for one in found])
    elif not found:
        show.line("There is no token; `fieldcal token add NAME --user USER --scope read` makes one.")
    else:
        rows = [(one.name, one.user, one.scopes, one.made_by, one.ends_at, one.seen_at) for one in found]
        show.table(("token", "user", "scopes", "made by", "holds until", "last used"), rows)


@group.command()
def revoke(name: Name, as_user: AsUser = None, json: Json = False) -> None:
    """Have a token hold no more, at once."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import tokens

    with desk(as_user) as at, at.database.write() as tx:
        gone = tokens.revoke(tx, at.actor, at.now, name)
    if json:
        show.as_json({"token": gone.name, "user": gone.user})
    else:
        show.line(f"{gone.name} holds no more.")


def _as_told(one: Token) -> dict[str, object]:
    return {
        "token": one.name, "user": one.user, "scopes": one.scopes.split(), "made_by": one.made_by,
        "made_at": one.made_at, "ends_at": one.ends_at, "seen_at": one.seen_at,
    }  # fmt: skip
