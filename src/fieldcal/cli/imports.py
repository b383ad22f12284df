"""What `mailbox import` does: show who is set up in the source already, ask, approve, run Test & Enable (R6, D9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import typer
from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import chosen, confirm, working
from fieldcal.errors import ConfigError
from fieldcal.setup import imports, trial
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup_model import Actor, Mailbox, TrialStatus
from fieldcal.standing import no_mailbox
from fieldcal.state import feeds


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; `dry_run`: show it, change nothing."""

    environment: str | None
    profile: str | None
    dry_run: bool
    accept_copies: bool
    yes: bool
    json: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found and done; `tested` is empty where nothing was imported."""

    environment: str
    profile: str
    found: list[Candidate]
    doubt: str
    tested: list[Mailbox]

    def count(self, standing: Standing) -> int:
        return sum(candidate.standing is standing for candidate in self.found)


def run(wish: Wish, as_user: str | None) -> None:
    """Import; exit status 1 when somebody was left out for fear of copies, or a test did not succeed."""
    outcome = working(as_user, lambda app, actor: _work(app, actor, wish))
    left = 0 if wish.accept_copies else outcome.count(Standing.SERVED)
    if wish.json:
        show.as_json(_as_told(outcome))
    else:
        _tell(outcome, wish, left)
    failed = any(mailbox.status is not TrialStatus.SUCCESS for mailbox in outcome.tested)
    if not wish.dry_run and (left or failed):
        raise typer.Exit(1)


async def _work(app: App, actor: Actor, wish: Wish) -> Outcome:
    def meant(tx: Connection) -> tuple[str, str, list[Mailbox]]:
        place = chosen(tx, wish.environment)
        ours = imports.allowed(tx, actor, place)
        if not ours:
            lacking = no_mailbox(read=feeds.workers_known(tx, place))
            raise ConfigError(f"{place}: {lacking.why}: {lacking.remedy}")
        return place, imports.profile_for(tx, wish.profile), ours

    place, profile, ours = await app.database.reading(meant)
    there = await app.set_up_there(place)
    found = imports.candidates(ours, there)
    wanted = imports.chosen(found, accept_copies=wish.accept_copies)
    if wish.dry_run or not wanted:
        return Outcome(place, profile, found, there.doubt, [])
    confirm(_question(place, profile, wanted), yes=wish.yes)
    ids = await app.database.writing(imports.carry_out, actor, app.clock.now(), place, wanted, profile)
    with show.progress("Test & Enable", quiet=wish.json) as tick:
        tested = await trial.run_now(
            app.bench(), actor, place, ids, lambda done, of, box: tick(done, of, f"{box.address}: {box.status}")
        )
    return Outcome(place, profile, found, there.doubt, tested)


def _question(place: str, profile: str, wanted: list[Candidate]) -> str:
    served = sum(candidate.standing is Standing.SERVED for candidate in wanted)
    warning = f" In {plural(served, 'of them', 'of them')} every booking may then stand twice." if served else ""
    many = plural(len(wanted), "mailbox", "mailboxes")
    return f"Import {many} of {place} through {profile}: approve, test and switch on?{warning}"


def _tell(outcome: Outcome, wish: Wish, left: int) -> None:
    rows = [(one.mailbox.address, one.mailbox.name, one.standing.value, one.detail) for one in outcome.found]
    show.table(("address", "name", "import", "why"), rows)
    counted = Counter(candidate.standing for candidate in outcome.found)
    show.line(", ".join(f"{counted[standing]} {standing.value}" for standing in Standing if counted[standing]) + ".")
    if left:
        show.line(
            "Whom Microsoft's own booking sync serves was left out, for every booking would stand twice in the "
            "calendar: switch it off there first, or accept the copies with --accept-copies."
        )
    if wish.dry_run:
        show.line("Nothing was changed (--dry-run).")
        return
    good = sum(mailbox.status is TrialStatus.SUCCESS for mailbox in outcome.tested)
    for mailbox in outcome.tested:
        bad = next((check for check in mailbox.checks if not check.ok), None)
        if bad is not None:
            show.line(f"{mailbox.address}: {mailbox.status.value}. {bad.name}: {bad.detail} {bad.remedy}")
    show.line(f"Imported through {outcome.profile}: {len(outcome.tested)}; switched on: {good}.")


def _as_told(outcome: Outcome) -> dict[str, object]:
    return {
        "environment": outcome.environment, "profile": outcome.profile, "doubt": outcome.doubt,
        "mailboxes": [
            {"mailbox": one.mailbox.id, "address": one.mailbox.address, "import": one.standing, "why": one.detail}
            for one in outcome.found
        ],
        "tested": [
            {"mailbox": box.id, "address": box.address, "status": box.status, "enabled": box.enabled,
             "checks": box.checks}
            for box in outcome.tested
        ],
    }  # fmt: skip
