"""What `mailbox import` does: show who is set up in the source already, ask, approve, run Test & Enable (R6, D9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import typer

from fieldcal.app import App
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import chosen, confirm, working
from fieldcal.set_up_there import Survey, survey
from fieldcal.setup import imports, trial
from fieldcal.setup.checks import failure
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup_model import Actor, Mailbox, TrialStatus


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

    survey: Survey
    tested: list[Mailbox]


def run(wish: Wish, as_user: str | None) -> None:
    """Import; exit status 1 when somebody was left out for fear of copies, or a test did not succeed."""
    outcome = working(as_user, lambda app, actor: _work(app, actor, wish))
    left = 0 if wish.accept_copies else outcome.survey.count(Standing.SERVED)
    if wish.json:
        show.as_json(_as_told(outcome))
    else:
        _tell(outcome, wish, left)
    failed = any(mailbox.status is not TrialStatus.SUCCESS for mailbox in outcome.tested)
    if not wish.dry_run and (left or failed):
        raise typer.Exit(1)


async def _work(app: App, actor: Actor, wish: Wish) -> Outcome:
    place = await app.database.reading(chosen, wish.environment)
    found = await survey(app, actor, place, wish.profile)
    wanted = imports.chosen(found.found, accept_copies=wish.accept_copies)
    if wish.dry_run or not wanted:
        return Outcome(found, [])
    confirm(_question(place, found.profile, wanted), yes=wish.yes)
    ids = await app.database.writing(imports.carry_out, actor, app.clock.now(), place, wanted, found.profile)
    with show.progress("Test & Enable", quiet=wish.json) as tick:
        tested = await trial.run_now(
            app.bench(), actor, place, ids, lambda done, of, box: tick(done, of, f"{box.address}: {box.status}")
        )
    return Outcome(found, tested)


def _question(place: str, profile: str, wanted: list[Candidate]) -> str:
    served = sum(candidate.standing is Standing.SERVED for candidate in wanted)
    warning = f" In {plural(served, 'of them', 'of them')} every booking may then stand twice." if served else ""
    many = plural(len(wanted), "mailbox", "mailboxes")
    return f"Import {many} of {place} through {profile}: approve, test and switch on?{warning}"


def _tell(outcome: Outcome, wish: Wish, left: int) -> None:
    rows = [(one.mailbox.address, one.mailbox.name, one.standing.value, one.detail) for one in outcome.survey.found]
    show.table(("address", "name", "import", "why"), rows)
    counted = Counter(candidate.standing for candidate in outcome.survey.found)
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
            show.line(f"{mailbox.address}: {mailbox.status.value}. {failure(bad)} {bad.remedy}")
    show.line(f"Imported through {outcome.survey.profile}: {len(outcome.tested)}; switched on: {good}.")


def _as_told(outcome: Outcome) -> dict[str, object]:
    return {
        "environment": outcome.survey.environment, "profile": outcome.survey.profile, "doubt": outcome.survey.doubt,
        "mailboxes": [
            {"mailbox": one.mailbox.id, "address": one.mailbox.address, "import": one.standing, "why": one.detail}
            for one in outcome.survey.found
        ],
        "tested": [
            {"mailbox": box.id, "address": box.address, "status": box.status, "enabled": box.enabled,
             "checks": box.checks}
            for box in outcome.tested
        ],
    }  # fmt: skip
