"""`fieldcal mailbox`: setting workers' mailboxes up, one or thousands at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.mailbox_list import InState, Names, Search, list_mailboxes
from fieldcal.cli.options import AsUser, In, Json, Yes
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup_model import Actor, MailboxState, Method, Selection

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fieldcal.setup.accounts import Wish


group = typer.Typer(help="Mailboxes: approve, test and enable, switch off.", no_args_is_help=True)
group.command("list")(list_mailboxes)

Every = Annotated[bool, typer.Option("--all", help="Every mailbox of the environment.")]


def _selection(names: list[str] | None, state: MailboxState | None, search: str, *, every: bool) -> Selection:
    if not names and not every and state is None and not search:
        raise ConfigError("which mailboxes? name addresses, or choose with --all, --state or --search")
    if names and every:
        raise ConfigError("either addresses or --all")
    return Selection(tuple(names or ()), state, search)


#: changes these mailboxes of an environment and says how many
Change = Callable[["Connection", Actor, datetime, str, list[MailboxId]], int]


def _change(
    selection: Selection, environment: str | None, as_user: str | None, verb: str, change: Change, *,
    yes: bool, json: bool, beside: Callable[[Connection, str, list[MailboxId]], str] | None = None,
) -> None:  # fmt: skip
    """Choose, ask with the count and with what happens `beside` it, change in one transaction, tell."""
    from fieldcal.cli import show
    from fieldcal.cli.session import chosen, confirm, desk
    from fieldcal.state import mailboxes

    with desk(as_user) as at:
        with at.database.read() as tx:
            place = chosen(tx, environment)
            wanted = mailboxes.ids(tx, place, selection)
            more = beside(tx, place, wanted) if beside else ""
        confirm(f"{verb} {_count(len(wanted))} of {place}?{more}", yes=yes, mailboxes=len(wanted))
        with at.database.write() as tx:
            done = change(tx, at.actor, at.now, place, wanted)
    if json:
        show.as_json({"environment": place, "mailboxes": done})
    elif not wanted:
        show.line(f"Nothing to do: no mailbox of {place} is in this selection.")
    else:
        show.line(f"{verb}: {_count(done)} of {place}.{more}")


def _known(selection: Selection, environment: str | None, as_user: str | None) -> None:
    """Return when every mailbox that is named is known."""
    from fieldcal.cli.session import chosen, desk
    from fieldcal.state import mailboxes

    with desk(as_user) as at, at.database.read() as tx:
        mailboxes.ids(tx, chosen(tx, environment), selection)


def _count(number: int) -> str:
    return "1 mailbox" if number == 1 else f"{number:,} mailboxes"


@group.command()
def edit(
    names: Names = None,
    *,
    profile: Annotated[str | None, typer.Option("--profile", help="The server profile to write through.")] = None,
    method: Annotated[Method | None, typer.Option("--method", help="The appointments method.")] = None,
    user_name: Annotated[
        str | None, typer.Option("--user-name", help="CalDAV: the mailbox's account name; else its address.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", help="CalDAV: its own password: env:NAME, file:PATH, or stdin.")
    ] = None,
    no_user_name: Annotated[
        bool, typer.Option("--no-user-name", help="The address is the account name again.")
    ] = False,
    no_secret: Annotated[bool, typer.Option("--no-secret", help="Forget the mailbox's own password.")] = False,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Choose profile, method, or a CalDAV account of its own."""
    from fieldcal.cli.options import sealed
    from fieldcal.cli.session import looked_up
    from fieldcal.setup import accounts, mailboxes
    from fieldcal.state import profiles

    wish = _wish(user_name, secret, no_user_name=no_user_name, no_secret=no_secret)
    selection = _selection(names, state, search, every=every)
    _known(selection, environment, as_user)
    if profile is not None:
        looked_up(as_user, profiles.get, profile)
    if profile is None and method is None and wish == accounts.Wish():
        raise ConfigError("nothing to change: name a --profile, a --method, or a CalDAV account")
    wish = replace(wish, secret=sealed(wish.secret))

    def change(tx: Connection, actor: Actor, now: datetime, place: str, wanted: list[MailboxId]) -> int:
        if (wish.user or wish.secret) and len(wanted) > 1:
            raise ConfigError("an account is one mailbox's own; for several see `fieldcal mailbox credentials --help`")
        if profile is not None or method is not None:
            mailboxes.edit(tx, actor, now, place, wanted, profile=profile, method=method)
        if wish != accounts.Wish():
            accounts.give(tx, actor, now, place, dict.fromkeys(wanted, wish))
        return len(wanted)

    def losing(tx: Connection, place: str, wanted: list[MailboxId]) -> str:
        lost = mailboxes.losing(tx, place, wanted, profile) if profile is not None else 0
        return f" The own secrets of {_count(lost)} were given for another server and are forgotten." if lost else ""

    _change(selection, environment, as_user, "Edit", change, yes=yes, json=json, beside=losing)


def _wish(user_name: str | None, secret: str | None, *, no_user_name: bool, no_secret: bool) -> Wish:
    from fieldcal.attaching import secret_mistakes, user_mistakes
    from fieldcal.setup.accounts import Wish
    from fieldcal.setup.environments import refuse

    both = [name for name, set_, unset in (("user-name", user_name, no_user_name), ("secret", secret, no_secret))
            if set_ is not None and unset]  # fmt: skip
    empty = [name for name, given in (("--user-name", user_name), ("--secret", secret)) if given == ""]
    refuse(
        [f"either --{name} or --no-{name}" for name in both]
        + [f"{name}: it is empty; --no-{name.removeprefix('--')} takes it away" for name in empty]
        + user_mistakes(user_name or "")
        + ([] if secret == "stdin" else secret_mistakes(secret or ""))  # noqa: S105 - the option's word
    )
    return Wish("" if no_user_name else user_name, "" if no_secret else secret)


@group.command()
def credentials(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with the columns address, user, and secret or password.")
    ],
    *,
    environment: In = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be set; change nothing.")] = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Set CalDAV accounts of many from a file, all or none."""
    from fieldcal.cli.credentials import run

    run(file, environment, as_user, dry_run=dry_run, yes=yes, json=json)


@group.command()
def approve(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Approve the e-mail addresses. One that changes later needs approval again."""
    from fieldcal.setup import mailboxes

    selection = _selection(names, state, search, every=every)
    _change(selection, environment, as_user, "Approve", mailboxes.approve, yes=yes, json=json)


@group.command()
def reject(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Reject the e-mail addresses. Nothing more is written, nothing is removed."""
    from fieldcal.setup import mailboxes

    selection = _selection(names, state, search, every=every)
    _change(selection, environment, as_user, "Reject", mailboxes.reject, yes=yes, json=json)


@group.command()
def disable(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Switch synchronization off. What stands in the calendar stays, nothing new is written."""
    from fieldcal.setup import mailboxes

    selection = _selection(names, state, search, every=every)
    _change(selection, environment, as_user, "Disable", mailboxes.disable, yes=yes, json=json)


@group.command("test")
def try_now(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Test & Enable: switch on what passes every check. Exit status 1 if any fails."""
    from fieldcal.cli.trial import run

    run(_selection(names, state, search, every=every), environment, as_user, yes=yes, json=json)


@group.command()
def enable(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Test & Enable for those that are not switched on now. Exit status 1 if any fails."""
    from fieldcal.cli.trial import run

    run(_selection(names, state, search, every=every), environment, as_user, yes=yes, json=json, only_off=True)


@group.command()
def clean(
    names: Names = None,
    *,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Switch off and take every event of ours out. For a pilot that ends, or a leaver; run again, it goes on."""
    from fieldcal.cli.clean import run

    run(_selection(names, state, search, every=every), environment, as_user, yes=yes, json=json)


@group.command("import")
def import_mailboxes(
    *,
    environment: In = None,
    profile: Annotated[str | None, typer.Option("--profile", help="The server profile to write through.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who would be imported; change nothing.")] = False,
    accept_copies: Annotated[
        bool,
        typer.Option("--accept-copies", help="Import also those whom Microsoft's own booking synchronization serves."),
    ] = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Take over who is set up in Dataverse. Approves, tests and enables; exit status 1 if any is left out."""
    from fieldcal.cli.imports import Wish, run

    run(Wish(environment, profile, dry_run, accept_copies, yes, json), as_user)


@group.command()
def claim(
    names: Names = None,
    *,
    take_over: Annotated[bool, typer.Option("--take-over", help="Serve them from here, and nowhere else.")] = False,
    environment: In = None,
    every: Every = False,
    state: InState = None,
    search: Search = "",
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show who claims the mailboxes' calendars, or take them over."""
    from fieldcal.cli.claim import run

    selection = _selection(names, state, search, every=every)
    run(selection, environment, as_user, take_over=take_over, yes=yes, json=json)
