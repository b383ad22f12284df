"""Taking everything of ours out of mailboxes, as a person asks for it: look, have it approved, carry it out.

The command line and the pages share it. Between the two steps stands the person, who is told the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.state import audit
from fieldcal.sync.clean import Cleaned, approve
from fieldcal.sync.passes import Progress, run_clean, run_survey
from fieldcal.sync.site import Site
from fieldcal.sync.survey import Survey


@dataclass(frozen=True, slots=True)
class Looked:
    """What a clean would do. `surveys`: every mailbox, in the order that was asked for."""

    surveys: tuple[Survey, ...]

    @property
    def able(self) -> list[Survey]:
        """Those that can be cleaned, now or when their server answers again."""
        return [one for one in self.surveys if not one.problem or one.passing]

    @property
    def left(self) -> dict[str, str]:
        """Those that cannot, by address, and why."""
        return {one.address: one.problem for one in self.surveys if one.problem and not one.passing}

    @property
    def events(self) -> int:
        """The events of ours that would be removed, as far as is known."""
        return sum(len(one.found.ours) for one in self.able)

    @property
    def unread(self) -> int:
        """Mailboxes among the able ones that did not answer yet."""
        return sum(bool(one.problem) for one in self.able)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one clean came to; `plan` None where there was nothing that could be done."""

    environment: str
    plan: int | None
    done: Sequence[Cleaned]
    #: mailboxes that could not even be looked at, and why
    left: dict[str, str]

    @property
    def whole(self) -> bool:
        """Nothing of ours stands in any of them."""
        return not self.left and not any(one.problem for one in self.done)


async def look(site: Site, actor: Actor, wanted: Sequence[MailboxId], progress: Progress) -> Looked:
    """What stands of ours in these mailboxes; touches nothing. Raises `NotAllowed`."""
    require(actor, Action.TAKE_OVER)
    return Looked(tuple(await run_survey(site, wanted, progress)))


async def counted_anew(
    site: Site, actor: Actor, wanted: Sequence[MailboxId], events: int, progress: Progress
) -> Looked:
    """What stands of ours in these, where it is still as many as a person has approved; else a `ConfigError`.

    Where a server is silent, nothing is known, and so nothing is done.
    """
    looked = await look(site, actor, wanted, progress)
    silent = [one for one in looked.able if one.problem]
    if silent:
        raise ConfigError(
            f"nothing was done, for it is not known what stands in {len(silent)} mailboxes; {silent[0].address}: "
            f"{silent[0].problem}"
        )
    if looked.events != events:
        raise ConfigError(f"these are {looked.events} events now, not {events}; nothing was done")
    return looked


async def carry_out(app: App, actor: Actor, site: Site, looked: Looked, progress: Progress) -> Outcome:
    """Switch those that were looked at off and take everything of ours out, as this person has approved."""
    require(actor, Action.TAKE_OVER)
    able = looked.able
    if not able:
        return Outcome(site.environment, None, (), looked.left)
    plan = await app.database.writing(_approve, actor, app.clock.now(), site, able)
    done = await run_clean(site, plan, actor.name, able, progress)
    return Outcome(site.environment, plan, done, looked.left)


def _approve(tx: Connection, actor: Actor, now: datetime, site: Site, able: Sequence[Survey]) -> int:
    plan = approve(tx, site, able, actor.name)
    subjects = [f"{site.environment}/{one.mailbox}" for one in able]
    audit.record(tx, actor, now, "mailbox clean", subjects, f"plan {plan}")
    return plan
