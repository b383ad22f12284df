"""Acknowledging alerts: which are meant, who may, and what is put on record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Alert
from fieldcal.state import alerts, audit


@dataclass(frozen=True, slots=True)
class Meant:
    """Which alerts somebody means: those that fit everything that is named; what is empty narrows nothing."""

    levels: Collection[str] = ()
    #: kinds
    codes: Collection[str] = ()
    #: ids of mailboxes
    mailboxes: Collection[str] = ()
    #: single ones: level, kind and mailbox; None for the mailbox: all of that level and kind
    picked: Collection[tuple[str, str, str | None]] = ()

    def takes(self, one: Alert) -> bool:
        """Whether this alert is meant."""
        return (
            (not self.levels or one.level in self.levels)
            and (not self.codes or one.code in self.codes)
            and (not self.mailboxes or one.mailbox in self.mailboxes)
            and (not self.picked or self._is_picked(one))
        )

    def _is_picked(self, one: Alert) -> bool:
        return any((one.level, one.code, mailbox) in self.picked for mailbox in (one.mailbox, None))


def standing(
    tx: Connection, actor: Actor, environments: Sequence[str], levels: Collection[str], *, seen: bool
) -> list[Alert]:
    """The alerts of these environments at these levels, the newest first; with `seen` the acknowledged ones too."""
    require(actor, Action.SEE_OVERVIEW)
    found = [one for place in environments for one in alerts.standing(tx, place, levels)]
    return [one for one in found if seen or not one.acknowledged_by]


def meant(tx: Connection, actor: Actor, environments: Sequence[str], wanted: Meant) -> list[Alert]:
    """Those of the alerts that nobody has acknowledged that are meant."""
    found = standing(tx, actor, environments, wanted.levels or alerts.LEVELS, seen=False)
    return [one for one in found if wanted.takes(one)]


def acknowledge(tx: Connection, actor: Actor, now: datetime, wanted: Sequence[Alert]) -> int:
    """Remember who has seen these; returns how many still stand. They come again when they grow worse, or come anew."""
    require(actor, Action.ALERTS)
    alike: dict[tuple[str, str], list[str]] = {}
    for one in wanted:
        alike.setdefault((one.environment, one.code), []).append(one.mailbox)
    done = 0
    for (place, code), boxes in alike.items():
        seen = alerts.acknowledge(tx, place, boxes, [code], actor.name, now)
        audit.record(tx, actor, now, "alert acknowledge", [f"{place}/{box}" if box else place for box in seen], code)
        done += len(seen)
    return done
