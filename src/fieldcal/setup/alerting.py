"""Acknowledging alerts: who may, and what is put on record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor, Alert
from fieldcal.state import alerts, audit


def standing(
    tx: Connection, actor: Actor, environments: Sequence[str], levels: Collection[str], *, seen: bool
) -> list[Alert]:
    """The alerts of these environments at these levels, the newest first; with `seen` the acknowledged ones too."""
    require(actor, Action.SEE_OVERVIEW)
    found = [one for place in environments for one in alerts.standing(tx, place, levels)]
    return [one for one in found if seen or not one.acknowledged_by]


def acknowledge(tx: Connection, actor: Actor, now: datetime, wanted: Sequence[Alert]) -> int:
    """Remember who has seen these; returns how many still stand. They come again when they grow worse, or come anew."""
    require(actor, Action.ALERTS)
    done = 0
    for one in wanted:
        if alerts.acknowledge(tx, one.environment, one.mailbox, [one.code], actor.name):
            done += 1
            subject = f"{one.environment}/{one.mailbox}" if one.mailbox else one.environment
            audit.record(tx, actor, now, "alert acknowledge", [subject], one.code)
    return done
