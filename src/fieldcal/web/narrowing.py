"""What a list of mailboxes is narrowed by, as addresses and forms say it: every filter beside every other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from fieldcal.errors import ConfigError
from fieldcal.setup_model import (
    AddressState,
    AlertState,
    MailboxStanding,
    MailboxState,
    Method,
    PauseState,
    Selection,
    TrialStatus,
)

_KINDS = {
    "standing": MailboxStanding, "approval": AddressState, "test": TrialStatus, "appointments": Method,
    "alerts": AlertState, "state": MailboxState, "paused": PauseState,
}  # fmt: skip
#: Filters with any text: a server profile, and a reason.
_TEXTS = ("server_profile", "reason")
#: Every filter, with its values; of those with any text none.
FILTERS: dict[str, tuple[str, ...]] = {
    **{name: tuple(str(one.value) for one in kind) for name, kind in _KINDS.items()},
    **dict.fromkeys(_TEXTS, ()),
}
#: What a form carries to say which mailboxes it means.
NAMES = ("search", *FILTERS)
_LONGEST = 500


def selection(said: Mapping[str, str], now: datetime) -> Selection:
    """Which mailboxes these filters leave at this moment; a `ConfigError` where a value is none."""
    chosen = {}
    for name, kind in _KINDS.items():
        if value := said.get(name, ""):
            if value not in FILTERS[name]:
                raise ConfigError(f"there is no {name} {value[:40]!r}")
            chosen[name] = kind(value)
    words = {name: said.get(name, "")[:_LONGEST] for name in _TEXTS}
    at = now if "paused" in chosen else None
    return Selection(search=said.get("search", "").strip()[:200], now=at, **words, **chosen)  # type: ignore[arg-type] # checked


def told(wanted: Selection) -> dict[str, str]:
    """The filters of a selection as an address or a form says them; none that is not set."""
    return {name: str(value) for name in NAMES if (value := getattr(wanted, name))}


def address(wanted: Selection) -> str:
    """Where exactly these mailboxes are listed."""
    query = urlencode(told(wanted))
    return "/mailboxes" + (f"?{query}" if query else "")
