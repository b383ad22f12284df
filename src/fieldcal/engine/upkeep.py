"""Forget by age: once a day while a service runs, or on command. Small transactions with a breath in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, Table

from fieldcal.clock import Clock
from fieldcal.errors import ConfigError, FieldcalError
from fieldcal.setup.permissions import Action, require
from fieldcal.setup_model import Actor
from fieldcal.state import audit, environments, latency, pauses, proofs, pruning, sessions, wipe
from fieldcal.state.database import Database
from fieldcal.state.pass_tables import passes
from fieldcal.state.people_tables import audit as audit_table
from fieldcal.state.pruning import MARGIN, Ages, Old, Pruned
from fieldcal.state.tables import alerts, history, plan_rows

log = structlog.get_logger()

#: Once in this time everything old is forgotten by schedule, and this often it is looked whether that is due, seconds.
EVERY, LOOK = timedelta(days=1), 60.0
#: How long a batch lets others write before the next, seconds.
BREATH = 0.02
#: How long a pause is remembered that has ended: by another machine's clock it may last still.
PAUSED = timedelta(hours=1)
#: told of what was done so far
Told = Callable[[Pruned], None]


def _silent(_so_far: Pruned) -> None:
    return


def ages(history_days: int, audit_days: int, bookings_days: int) -> Ages:
    """The ages of so many days; 0 is for ever."""
    return Ages(*(timedelta(days=days) if days else None for days in (history_days, audit_days, bookings_days)))


async def by_schedule(database: Database, clock: Clock, kept: Ages) -> None:
    """Forget what is old once a day, for ever; what fails is logged and tried again a day later."""
    while True:
        try:
            if await database.writing(_begin, clock.now()):
                done = await prune(database, clock, kept)
                if done.total:
                    log.info("what is old was forgotten", action="pruned", **asdict(done))
        except FieldcalError as error:
            log.warning("the pruning failed", action="prune_failed", error=str(error))
        await clock.sleep(LOOK)


def _begin(tx: Connection, now: datetime) -> bool:
    """Whether it is due; then it counts as done, so that one that fails is not repeated at once."""
    last = pruning.last_run(tx)
    # One that lies ahead was set while the clock was wrong.
    if last is not None and last <= now < last + EVERY:
        return False
    pruning.remember_run(tx, now)
    return True


async def prune(database: Database, clock: Clock, kept: Ages, told: Told = _silent, *, dry: bool = False) -> Pruned:
    """Forget what is older than it is kept; with `dry` only count it. Returns how much of each kind."""
    now, total = clock.now(), Pruned()
    if not dry:
        await database.writing(_signed_in, now)
        while await database.writing(pauses.forget, now - PAUSED, pruning.BATCH) == pruning.BATCH:
            await clock.sleep(BREATH)
    for name, table, old in _kinds(await database.reading(environments.names), kept, now):
        while True:
            done = await database.reading(pruning.count, table, old) if dry else await database.writing(
                pruning.drop, table, old
            )  # fmt: skip
            total += Pruned(**{name: done})
            told(total)
            if dry or done < pruning.BATCH:
                break
            await clock.sleep(BREATH)
    if kept.history is not None and not dry:
        await database.writing(pruning.drop_empty_plans, now - kept.history)
        await database.writing(latency.forget, now - kept.history)
    if kept.bookings is not None:
        for place in await database.reading(environments.everyone):
            before = now - max(kept.bookings, timedelta(days=place.settings.window_past) + MARGIN)
            total = await _bookings(database, clock, place.id, before, total, told, dry=dry)
    return total


def _signed_in(tx: Connection, now: datetime) -> None:
    """Forget who was signed in from where, and who tried to. Their times are fixed; they are few: one transaction."""
    sessions.forget(tx, now)
    proofs.forget_old(tx, now)


def _kinds(names: list[str], kept: Ages, now: datetime) -> list[tuple[str, Table, ColumnElement[bool]]]:
    kinds: list[tuple[str, Table, ColumnElement[bool]]] = []
    if kept.history is not None:
        before = now - kept.history
        kinds += [("history", history, pruning.history_before(before))]
        kinds += [("passes", passes, pruning.passes_before(name, before)) for name in names]
        kinds += [("alerts", alerts, pruning.alerts_before(before))]
        kinds += [("plans", plan_rows, pruning.plan_rows_before(before))]
    if kept.audit is not None:
        kinds += [("audit", audit_table, pruning.audit_before(now - kept.audit))]
    return kinds


async def _bookings(
    database: Database, clock: Clock, environment: str, before: datetime, total: Pruned, told: Told, *, dry: bool
) -> Pruned:
    after: tuple[datetime, str] | None = None
    while True:
        look = database.reading if dry else database.writing
        old: Old = await look(_some_bookings, environment, before, after, dry)
        total += Pruned(bookings=len(old.gone), texts=len(old.thin))
        told(total)
        if old.last is None:
            return total
        after = old.last
        if not dry:
            await clock.sleep(BREATH)


def _some_bookings(
    tx: Connection, environment: str, before: datetime, after: tuple[datetime, str] | None, dry: bool
) -> Old:
    old = pruning.old_bookings(tx, environment, before, after)
    if not dry:
        pruning.forget(tx, environment, old.gone, before)
        pruning.thin(tx, environment, old.thin, before)
    return old


async def on_command(
    database: Database, clock: Clock, kept: Ages, actor: Actor, expect: int, told: Callable[[int, int], None]
) -> Pruned:
    """Forget what is older than it is kept, as a person asked for who was told how much it is.

    `expect`: at another number nothing is done, a `ConfigError`. `told`: how much is done, of how much.
    """
    require(actor, Action.DATA)
    found = await prune(database, clock, kept, dry=True)
    if found.total != expect:
        raise ConfigError(f"{found.total} rows are old now, not {expect}; nothing was done")
    done = await prune(database, clock, kept, lambda so_far: told(so_far.total, found.total))
    await database.writing(record, actor, clock.now(), done)
    return done


@dataclass(frozen=True, slots=True)
class Compacted:
    """The state was written anew. `left`: what is left to do, "" where nothing is."""

    left: str


def compact(database: Database, actor: Actor, now: datetime) -> Compacted:
    """Write the state anew without the bytes of what was forgotten."""
    require(actor, Action.DATA)
    left = wipe.wipe(database)
    with database.write() as tx:
        audit.record(tx, actor, now, "db compact", ["state"], left)
    return Compacted(left)


def record(tx: Connection, actor: Actor, now: datetime, done: Pruned) -> None:
    """Have the audit tell that a person had it done, and how much went."""
    told = ", ".join(f"{name} {number}" for name, number in asdict(done).items())
    audit.record(tx, actor, now, "db prune", ["state"], told)
