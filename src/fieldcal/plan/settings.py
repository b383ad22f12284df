"""The settings of one environment: each decision D1-D16 that has choices, with its default."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fieldcal.errors import ConfigError
from fieldcal.model import Window


class WithoutWorkOrder(StrEnum):
    """D2: what becomes of a booking that has no work order."""

    SYNCHRONIZE = "synchronize"
    SKIP = "skip"


class Canceled(StrEnum):
    """D5: what becomes of the event of a canceled booking."""

    MARK = "mark"
    REMOVE = "remove"
    KEEP = "keep"


class Deleted(StrEnum):
    """D6: what becomes of the event of a deleted booking."""

    REMOVE = "remove"
    KEEP = "keep"


class Drift(StrEnum):
    """D8: what is done about an event that a hand has changed or deleted, when the check finds it."""

    REPORT = "report"
    RESTORE = "restore"
    RESPECT = "respect"


class Proposed(StrEnum):
    """D16: what becomes of a booking that is only proposed."""

    TENTATIVE = "tentative"
    LEAVE_OUT = "leave_out"


class Account(StrEnum):
    """D11: which account is named."""

    SERVICE = "service"
    BILLING = "billing"


class Contact(StrEnum):
    """D11: which contact is named; `EITHER` is the reported-by contact, else the account's primary contact."""

    EITHER = "either"
    REPORTED_BY = "reported_by"
    ACCOUNT = "account"


class WhoIsSetUp(StrEnum):
    """D9: what becomes of mailboxes that the source has set up already."""

    ASK = "ask"
    AUTOMATIC = "automatic"


class ApprovalRule(StrEnum):
    """D12: who may approve e-mail and set others up."""

    PAGE = "page"
    STRICT = "strict"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of an environment. `parse` is the only way in from text."""

    #: minutes between two passes (R1), 1 to 1440
    interval: int = 15
    #: days back and ahead (R12), 0 to 365 and 1 to 365
    window_past: int = 7
    window_future: int = 14
    #: hours between two whole reads of the window where the source tells what changed, 0 (never) to 168
    sweep_every: int = 24
    #: D1: also `location`, also `work_order`
    follow_location: bool = False
    follow_work_order: bool = False
    without_work_order: WithoutWorkOrder = WithoutWorkOrder.SYNCHRONIZE
    canceled: Canceled = Canceled.MARK
    deleted: Deleted = Deleted.REMOVE
    drift: Drift = Drift.REPORT
    set_up_there: WhoIsSetUp = WhoIsSetUp.ASK
    account: Account = Account.SERVICE
    contact: Contact = Contact.EITHER
    approval_rule: ApprovalRule = ApprovalRule.PAGE
    #: D13: a worker approves the own mailbox when the sign-in name equals its address
    self_approval: bool = True
    proposed: Proposed = Proposed.TENTATIVE
    #: D15: events are made private
    private: bool = False
    #: D15: Jinja templates; "" is the built-in one
    subject_template: str = ""
    body_template: str = ""
    #: address of a booking in the source's own pages, `{id}` standing for it; "" shows no link
    booking_url: str = ""

    def window(self, now: datetime) -> Window:
        """The window of this instant (R12)."""
        return Window(now - timedelta(days=self.window_past), now + timedelta(days=self.window_future))


_RANGES = {"interval": (1, 1440), "window_past": (0, 365), "window_future": (1, 365), "sweep_every": (0, 168)}
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """`base` with these settings changed; raises one `ConfigError` that names every mistake at once."""
    settings, mistakes = read(given, base)
    if mistakes:
        raise ConfigError("; ".join(mistakes))
    return settings


def read(given: dict[str, Any], base: Settings | None = None) -> tuple[Settings, list[str]]:
    """`base` with those of these settings changed that can be, and what is wrong with the others."""
    kinds = {field.name: type(getattr(Settings(), field.name)) for field in fields(Settings)}
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for name, raw in given.items():
        if name not in kinds:
            mistakes.append(f"{name}: there is no such setting; there are {', '.join(sorted(kinds))}")
            continue
        try:
            values[name] = _value(name, kinds[name], raw)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    return replace(base or Settings(), **values), mistakes


def _value(name: str, kind: type, raw: Any) -> Any:
    if kind is bool:
        if isinstance(raw, bool):
            return raw
        if str(raw).lower() not in _WORDS:
            raise ValueError(f"{raw!r} is neither true nor false")
        return _WORDS[str(raw).lower()]
    if kind is int:
        low, high = _RANGES[name]
        digits = str(raw).strip()
        if not (digits.isascii() and digits.isdigit() and low <= int(digits) <= high):
            raise ValueError(f"{raw!r} is not a whole number from {low} to {high}")
        return int(digits)
    if issubclass(kind, StrEnum):
        try:
            return kind(str(raw))
        except ValueError:
            raise ValueError(f"{raw!r} is none of {', '.join(kind)}") from None
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is no text")  # noqa: TRY004 -- one kind of mistake for the caller
    return raw
