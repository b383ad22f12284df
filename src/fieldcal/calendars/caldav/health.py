"""What `doctor` asks of a CalDAV server besides the sign-in: what it says it can do."""

from __future__ import annotations

from fieldcal.calendars.caldav.account import Account
from fieldcal.http import Http
from fieldcal.model import Check


async def examine(http: Http, account: Account) -> list[Check]:
    """What this account's server says of itself. Sends reads only; raises as `Http.request` does."""
    raise NotImplementedError
