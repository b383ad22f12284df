"""What `mailbox test` and `mailbox enable` do: Test & Enable with a bar, and each result with its remedy."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from fieldcal.app import App
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import chosen, confirm, working
from fieldcal.setup import trial
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Actor, Mailbox, Selection, TrialStatus
from fieldcal.state import environments, mailboxes

#: More results than these are told by their failures only.
_ALL_SHOWN = 20


def run(
    selection: Selection, environment: str | None, as_user: str | None, *,
    yes: bool, json: bool, only_off: bool = False,
) -> None:  # fmt: skip
    """Ask with the count, test at once, tell; exit status 1 when one did not succeed."""

    async def work(app: App, actor: Actor) -> list[Mailbox]:
        with app.database.read() as tx:
            place = chosen(tx, environment)
            wanted = mailboxes.ids(tx, place, selection)
            permitted(tx, actor, Action.SET_UP, place, wanted)
            if only_off:
                wanted = [mailbox.id for mailbox in mailboxes.some(tx, place, wanted) if not mailbox.enabled]
            signed_in = bool(environments.get(tx, place).organization)
        if not wanted:
            return []
        count = plural(len(wanted), "mailbox", "mailboxes")
        confirm(f"Test & Enable {count} of {place}?", yes=yes, mailboxes=len(wanted))
        if not signed_in:
            await app.settle(place)
        with show.progress("Test & Enable", quiet=json) as tick:
            return await trial.run_now(
                app.bench(), actor, place, wanted, lambda done, of, box: tick(done, of, f"{box.address}: {box.status}")
            )

    tested = working(as_user, work)
    if json:
        show.as_json([_as_told(mailbox) for mailbox in tested])
    else:
        _tell(tested, only_off=only_off)
    if any(mailbox.status is not TrialStatus.SUCCESS for mailbox in tested):
        raise typer.Exit(1)


def _tell(tested: Sequence[Mailbox], *, only_off: bool) -> None:
    if not tested:
        show.line(f"Nothing to do: no mailbox of this selection is {'switched off' if only_off else 'there'}.")
        return
    good = sum(mailbox.status is TrialStatus.SUCCESS for mailbox in tested)
    if len(tested) == 1:
        rows = [(c.name, "ok" if c.ok else "failed", c.detail, c.remedy) for c in tested[0].checks]
        show.table(("check", "result", "detail", "remedy"), rows)
        show.line(f"{tested[0].address}: {tested[0].status}")
        return
    shown = tested if len(tested) <= _ALL_SHOWN else [m for m in tested if m.status is not TrialStatus.SUCCESS]
    if shown:
        failures: list[tuple[str, ...]] = []
        for mailbox in shown:
            bad = next((check for check in mailbox.checks if not check.ok), None)
            found = (bad.name, bad.detail, bad.remedy) if bad else ("", "", "")
            failures.append((mailbox.address, mailbox.status.value, *found))
        show.table(("address", "status", "check", "reason", "remedy"), failures)
    show.line(f"{good} of {len(tested)} mailboxes succeeded.")


def _as_told(mailbox: Mailbox) -> dict[str, object]:
    return {
        "mailbox": mailbox.id, "address": mailbox.address, "status": mailbox.status, "enabled": mailbox.enabled,
        "checks": mailbox.checks,
    }  # fmt: skip
