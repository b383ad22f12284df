"""`fieldcal alert`: what somebody should look at, and saying that somebody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json, Yes
from fieldcal.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.engine.letters import Address
    from fieldcal.setup_model import Actor, Alert

group = typer.Typer(help="Alerts: list and acknowledge them, try the e-mail.", no_args_is_help=True)


@group.command("list")
def list_alerts(
    environment: In = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Acknowledged ones and information too.")] = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show what nobody has acknowledged yet. Warnings and errors, the newest first."""
    from fieldcal.cli import show
    from fieldcal.cli.session import desk
    from fieldcal.setup import alerting
    from fieldcal.state import alerts

    with desk(as_user) as at, at.database.read() as tx:
        levels = alerts.LEVELS if every else alerts.URGENT
        found = alerting.standing(tx, at.actor, _places(tx, environment), levels, seen=every)
        named = _addresses(tx, found)
    if json:
        show.as_json([_as_told(one, named) for one in found])
    elif not found:
        show.line("There is nothing to look at.")
    else:
        rows = [
            (one.level, one.environment, _about(one, named), one.code, one.times, one.first_at, one.acknowledged_by,
             one.message) for one in found
        ]  # fmt: skip
        show.table(("level", "environment", "about", "code", "times", "since", "seen by", "message"), rows)


@group.command()
def acknowledge(
    environment: In = None,
    *,
    mailbox: Annotated[
        list[str] | None, typer.Option("--mailbox", metavar="ADDRESS", help="Alerts of this mailbox; may be repeated.")
    ] = None,
    code: Annotated[
        list[str] | None, typer.Option("--code", metavar="CODE", help="Alerts of this kind; may be repeated.")
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option("--level", metavar="LEVEL", help="Alerts of this level; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every alert that nobody has acknowledged.")] = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Say that somebody has seen them. They are told again when they grow worse, or come anew after a quiet hour."""
    from fieldcal.cli import show
    from fieldcal.cli.report import plural
    from fieldcal.cli.session import confirm, desk
    from fieldcal.setup import alerting
    from fieldcal.state import alerts

    if every is bool(mailbox or code or level):
        raise ConfigError("which alerts? name them with --mailbox, --code or --level, or all with --all")
    if strange := [one for one in level or () if one not in alerts.LEVELS]:
        raise ConfigError(f"there is no level {strange[0]!r}; there are {', '.join(alerts.LEVELS)}")
    with desk(as_user) as at:
        with at.database.read() as tx:
            meant = alerting.Meant(level or (), code or ())
            found = alerting.meant(tx, at.actor, _places(tx, environment), meant)
            named = _addresses(tx, found)
        wanted = [one for one in found if not mailbox or _meant(one, named, mailbox)]
        if not wanted and not every:
            raise ConfigError(
                "no alert that nobody has acknowledged is so; `fieldcal alert list` shows those there are"
            )
        confirm(f"Acknowledge {plural(len(wanted), 'alert', 'alerts')}?", yes=yes, mailboxes=len(wanted))
        with at.database.write() as tx:
            done = alerting.acknowledge(tx, at.actor, at.now, wanted)
    if json:
        show.as_json({"acknowledged": done})
    else:
        show.line(f"{plural(done, 'alert', 'alerts')} acknowledged.")


@group.command("test")
def send_test(as_user: AsUser = None, json: Json = False) -> None:
    """Send a test mail to whom alerts are told."""
    from fieldcal import post
    from fieldcal.cli import show
    from fieldcal.cli.session import working
    from fieldcal.setup.permissions import Action, require

    async def work(app: App, actor: Actor) -> Address:
        require(actor, Action.ALERTS)
        return await post.send_trial(app.config, app.secrets, app.tls, app.clock.now())

    address = working(as_user, work, ends=False)
    if json:
        show.as_json({"to": address.to, "levels": address.levels})
    else:
        show.line(f"A test mail was taken for {', '.join(address.to)}.")


def _places(tx: Connection, environment: str | None) -> list[str]:
    from fieldcal.state import environments

    return [environments.get(tx, environment).id] if environment else environments.names(tx)


def _addresses(tx: Connection, found: Sequence[Alert]) -> dict[tuple[str, str], str]:
    from fieldcal.model import MailboxId
    from fieldcal.state import mailboxes

    named: dict[tuple[str, str], str] = {}
    for place in {one.environment for one in found}:
        ids = [MailboxId(one.mailbox) for one in found if one.environment == place and one.mailbox]
        named |= {(place, str(box.id)): box.address for box in mailboxes.some(tx, place, ids)}
    return named


def _about(one: Alert, named: Mapping[tuple[str, str], str]) -> str:
    return named.get((one.environment, one.mailbox)) or one.mailbox


def _meant(one: Alert, named: Mapping[tuple[str, str], str], mailbox: Sequence[str]) -> bool:
    wanted = {name.strip().casefold() for name in mailbox}
    return bool({one.mailbox.casefold(), _about(one, named).casefold()} & wanted)


def _as_told(one: Alert, named: Mapping[tuple[str, str], str]) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(one), "address": named.get((one.environment, one.mailbox), "")}
