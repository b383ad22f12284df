"""Whom an import would take over: our mailboxes beside what the source has set up. Asks the source, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.errors import ConfigError
from fieldcal.setup import imports
from fieldcal.setup.imports import Candidate, Standing
from fieldcal.setup_model import Actor, Mailbox
from fieldcal.standing import no_mailbox
from fieldcal.state import feeds


@dataclass(frozen=True, slots=True)
class Survey:
    """Each of our mailboxes with what an import makes of it."""

    environment: str
    #: the server profile that they would be written through
    profile: str
    found: Sequence[Candidate]
    #: why it cannot be told whom Microsoft's own booking sync serves, "" where it can
    doubt: str

    def count(self, standing: Standing) -> int:
        """How many stand so."""
        return sum(candidate.standing is standing for candidate in self.found)


async def survey(app: App, actor: Actor, environment: str, profile: str | None) -> Survey:
    """Ask the source who is set up there. `profile`: None for the only active one.

    Raises where this person may not import, where there is no mailbox yet, and as the source does.
    """

    def meant(tx: Connection) -> tuple[str, list[Mailbox]]:
        ours = imports.allowed(tx, actor, environment)
        if not ours:
            lacking = no_mailbox(read=feeds.workers_known(tx, environment))
            raise ConfigError(f"{environment}: {lacking.why}: {lacking.remedy}")
        return imports.profile_for(tx, profile), ours

    through, ours = await app.database.reading(meant)
    there = await app.set_up_there(environment)
    return Survey(environment, through, imports.candidates(ours, there), there.doubt)
