"""`fieldcal mailbox list`: how far mailboxes are set up, narrowed by all that the page of mailboxes is narrowed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.setup_model import (
    CALDAV,
    Account,
    AddressState,
    AlertState,
    Mailbox,
    MailboxStanding,
    MailboxState,
    Method,
    PauseState,
    Selection,
    TrialStatus,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldcal.model import MailboxId
    from fieldcal.setup.mailboxes import Listed

Names = Annotated[list[str] | None, typer.Argument(metavar="ADDRESS...", help="Addresses or object ids of mailboxes.")]
InState = Annotated[MailboxState | None, typer.Option("--state", help="Only those in this state.")]
Search = Annotated[str, typer.Option("--search", help="Only those with this in the name or address.")]


def list_mailboxes(
    names: Names = None,
    *,
    environment: In = None,
    state: InState = None,
    search: Search = "",
    standing: Annotated[MailboxStanding | None, typer.Option("--standing", help="Only those that stand so.")] = None,
    approval: Annotated[AddressState | None, typer.Option("--approval", help="Only those whose address is so.")] = None,
    test: Annotated[TrialStatus | None, typer.Option("--test", help="Only those whose Test & Enable went so.")] = None,
    profile: Annotated[str, typer.Option("--profile", help="Only those with this server profile; -: with none.")] = "",
    method: Annotated[Method | None, typer.Option("--method", help="Only those with this appointments method.")] = None,
    alerts: Annotated[AlertState | None, typer.Option("--alerts", help="Only those with, or without, alerts.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Only those that are off for exactly this reason.")] = "",
    paused: Annotated[
        bool | None, typer.Option("--paused/--not-paused", help="Only those that are paused now, or that are not.")
    ] = None,
    sort: Annotated[str, typer.Option("--sort", help="Column to sort by; -COLUMN for descending.")] = "address",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many to show.")] = 100,
    offset: Annotated[int, typer.Option("--offset", min=0, help="How many to pass over first.")] = 0,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Show how far each is set up. Also why nothing is written where nothing is.

    What narrows the list adds up.
    """
    from fieldcal.cli import show
    from fieldcal.cli.session import chosen, desk
    from fieldcal.setup import mailboxes
    from fieldcal.standing import none_chosen
    from fieldcal.state import accounts, feeds, profiles

    with desk(as_user) as at, at.database.read() as tx:
        pause = None if paused is None else PauseState.PAUSED if paused else PauseState.NONE
        selection = Selection(
            tuple(names or ()), state, search, standing, approval, test, profile, method, alerts, reason, pause,
            at.now if pause else None,
        )  # fmt: skip
        place = chosen(tx, environment)
        page = mailboxes.listed(tx, at.actor, place, selection, sort=sort, offset=offset, limit=limit)
        read = feeds.workers_known(tx, place)
        own = accounts.some(tx, place, [mailbox.id for mailbox, _ in page.rows])
        everybody = {one.id: one.end.client_id for one in profiles.everyone(tx) if one.kind == CALDAV}
    if json:
        rows = [_as_told(mailbox, why, own[mailbox.id]) for mailbox, why in page.rows]
        show.as_json({"environment": place, "total": page.total, "mailboxes": rows})
        return
    if not page.total:
        show.line(none_chosen(place, selection, read=read))
        return
    _tell(page, own, everybody)
    if not page.rows:
        show.line(f"There are {page.total:,}, all before this --offset.")
    elif page.total > len(page.rows):
        show.line(f"{len(page.rows)} of {page.total}; --offset and --limit show the others.")


def _tell(page: Listed, own: Mapping[MailboxId, Account], everybody: dict[str, str]) -> None:
    from fieldcal.cli import show

    dav = bool(everybody)
    columns = ["address", "name", "profile", *["signs in as"] * dav, "method", "approval", "test", "enabled"]
    show.table(
        (*columns, "why nothing is written"),
        [
            (m.address, m.name, m.profile, *[_signs_in(m, own[m.id], everybody)] * dav, m.method, m.approval, m.status,
             m.enabled, why)
            for m, why in page.rows
        ],
    )  # fmt: skip


def _signs_in(mailbox: Mailbox, account: Account, everybody: dict[str, str]) -> str:
    """Who signs in for this mailbox on CalDAV; "" elsewhere."""
    if mailbox.profile not in everybody:
        return ""
    own = account.user or mailbox.address
    return own if account.secret else everybody[mailbox.profile] or f"{own}, no secret yet"


def _as_told(mailbox: Mailbox, why: str | None, account: Account) -> dict[str, object]:
    from fieldcal.secrets import shown

    return {
        "mailbox": mailbox.id, "address": mailbox.address, "name": mailbox.name, "profile": mailbox.profile,
        "method": mailbox.method, "approval": mailbox.approval, "approved_address": mailbox.approved_address,
        "approved_by": mailbox.approved_by, "test": mailbox.status, "tested_at": mailbox.tested_at,
        "checks": mailbox.checks, "enabled": mailbox.enabled, "last_sync_at": mailbox.last_sync_at,
        "trouble": mailbox.trouble, "ready": why is None, "why_not": why,
        "user_name": account.user, "secret": shown(account.secret), "calendar": account.collection,
    }  # fmt: skip
