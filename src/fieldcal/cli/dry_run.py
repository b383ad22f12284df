"""`fieldcal sync --dry-run`: what a pass would do now, booking by booking, each with its reason."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby

import typer

from fieldcal.app import App
from fieldcal.asked import refresh
from fieldcal.cli import report, show
from fieldcal.cli.sync import meant_by
from fieldcal.plan.zones import span_text
from fieldcal.setup_model import Actor
from fieldcal.sites import Sites
from fieldcal.state import mailboxes
from fieldcal.sync.preview import Step, counted, preview
from fieldcal.sync.site import Site


async def show_plan(app: App, actor: Actor, environment: str | None, names: list[str] | None, *, json: bool) -> None:
    """Refresh what is known of the source, then print the plan of each environment; nothing is written anywhere.

    Exit status 1 where the source could not be read; the plan is then that of what was known before.
    """
    meant = await app.database.reading(meant_by, actor, environment, names)
    plans: list[dict[str, object]] = []
    async with Sites(app) as sites:
        for place, only in meant.items():
            site = await sites.working(place)
            error = await refresh(site)
            steps = await app.database.reading(preview, site)
            steps = [step for step in steps if only is None or step.mailbox in only]
            addresses = await _addresses(site, steps)
            # Those of no mailbox last.
            steps.sort(
                key=lambda one: (one.mailbox is None, addresses.get(one.mailbox or "", ""), one.start, one.booking)
            )
            plans.append({
                "environment": place, "error": error, "skipped": counted(steps), "counts": _counts(steps),
                "steps": [{**asdict(step), "address": addresses.get(step.mailbox or "", "")} for step in steps],
            })  # fmt: skip
            if not json:
                _print(place, steps, addresses, error)
    if json:
        show.as_json(plans)
    if any(plan["error"] for plan in plans):
        raise typer.Exit(1)


async def _addresses(site: Site, steps: list[Step]) -> dict[str, str]:
    boxes = sorted({step.mailbox for step in steps if step.mailbox is not None})
    found = await site.database.reading(mailboxes.some, site.environment, boxes)
    return {box.id: box.address for box in found}


def _counts(steps: list[Step]) -> dict[str, int]:
    return {verb: sum(step.verb == verb for step in steps) for verb in ("create", "update", "remove", "skip")}


def _print(place: str, steps: list[Step], addresses: dict[str, str], error: str) -> None:
    for mailbox, those in groupby(steps, lambda step: step.mailbox):
        show.line(addresses.get(mailbox, mailbox) if mailbox else "Without a mailbox")
        show.pairs([(step.verb, _told(step)) for step in those])
    if steps:
        show.line("")
    counts = _counts(steps)
    done = ", ".join(f"{number:,} to {verb}" for verb, number in counts.items() if verb != "skip")
    if sum(counts.values()) == counts["skip"]:
        done = "nothing would be written"
    show.line(f"Environment {place}: {done}. This was a dry run: no calendar was touched.")
    for line in report.without_event(counted(steps)):
        show.line(f"  {line}")
    if error:
        show.line(error)


def _told(step: Step) -> str:
    time = span_text(step.start, step.end, step.zone)
    return f"{time}: {step.worker or 'nobody'}, {step.title}; {step.reason}"
