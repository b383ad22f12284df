"""Taking out what stands double, as a person asks for it: chosen among what was found, approved, carried out.

The command line and the pages share it. A copy that a hand may have made is taken only where it is named (I3).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.errors import ConfigError
from fieldcal.model import EventId
from fieldcal.plan.duplicates import Double, wanted
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.state import audit
from fieldcal.sync import duplicates
from fieldcal.sync.duplicates import Found, Removed
from fieldcal.sync.passes import Progress, run_remove
from fieldcal.sync.site import Site

Chosen = Sequence[tuple[Found, Double]]


def choose(found: Sequence[Found], named: frozenset[EventId]) -> Chosen:
    """All that we made ourselves, or exactly those that are named; `ConfigError` where one of them may not go."""
    unknown = named - {double.event.id for one in found for double in one.doubles}
    if unknown:
        raise ConfigError(f"no duplicate has the id {min(unknown)}; `fieldcal duplicates list` shows those there are")
    blocked = [double for one in found for double in one.doubles if double.event.id in named and double.obstacle]
    if blocked:
        raise ConfigError(f"{blocked[0].event.id} may not be removed: {blocked[0].obstacle}")
    return [(one, double) for one in found for double in wanted(one.doubles, named)]


def by_hand(chosen: Chosen) -> int:
    """How many of these a hand may have made."""
    return sum(not double.made_by_us for _, double in chosen)


async def remove(app: App, actor: Actor, site: Site, chosen: Chosen, progress: Progress) -> Sequence[Removed]:
    """Take these out, as this person has approved; each only while it stands as it was shown."""
    require(actor, Action.TAKE_OVER)

    def approved(tx: Connection) -> int:
        plan = duplicates.approve(tx, site, [(one.mailbox, double) for one, double in chosen], actor.name)
        subjects = [f"{site.environment}/{one.mailbox}/{double.event.id}" for one, double in chosen]
        audit.record(tx, actor, app.clock.now(), "duplicates remove", subjects, f"plan {plan}")
        return plan

    plan = await app.database.writing(approved)
    by_box = {
        one.mailbox: (one.address, frozenset(double.event.id for owner, double in chosen if owner is one))
        for one, _ in chosen
    }
    return await run_remove(site, plan, actor.name, by_box, progress)
