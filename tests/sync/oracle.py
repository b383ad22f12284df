"""What must stand in each calendar, said from the rules alone (design §1, §2): plain values, none of the product's logic.

The oracle is told what dispatchers, workers' hands and administrators do, looks at the calendars after every step, and
says which events may, must or must not stand there. It knows nothing of marks, links, intents or leases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.sync.truth import CANCELED, Job, Order, Rules, Stand, Version, Worker, differences
from tests.sync.words import Words

from fieldcal.state.plans import Row

#: so often the sync looks again whether a worker's other mailbox is set up by now
ASKED_AGAIN = timedelta(hours=1)


@dataclass(slots=True)
class Place:
    """One booking in one calendar."""

    #: our event there, as it was last seen
    stand: Stand | None = None
    #: what our last write into it said: the version
    said: Version | None = None
    #: as a hand left it, until we write again
    touched: Stand | None = None
    #: a hand took it away and nothing has been due there since: it must not come back by itself (D8)
    taken: bool = False
    #: a check has written over what a hand did here, or may have, and none has seen it as written since (D8)
    mended: bool = False
    #: nobody can know whether the sync still counts with an event here
    doubtful: bool = False
    #: what was true when this place was last settled
    settled: tuple[object, ...] | None = None
    #: the step since which settings may have taken hold of it
    since: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a pass may come to: no event, the event as it stood before (`keep`), or one that `says` this."""

    why: str
    says: Version | None = None
    keep: bool = False
    #: no event stands, but the sync counts with one that a hand took
    linked: bool = False


class Wrong(AssertionError):
    """The sync broke a promise; says which, where and how."""


class Oracle:
    """Keeps the truth and asks the calendars for it."""

    def __init__(self, follow_work_order: bool = False) -> None:
        self.step = 0
        self.follow_work_order = follow_work_order
        self.jobs: dict[str, Job] = {}
        self.orders: dict[str, Order] = {}
        self.workers: dict[str, Worker] = {}
        self.rules: list[tuple[int, Rules]] = [(0, Rules())]
        #: mailboxes that are set up and switched on, the profile and the environment too
        self.on: set[str] = set()
        self.places: dict[tuple[str, str], Place] = {}
        #: events that are none of ours, as hands left them: box -> key -> event
        self.foreign: dict[str, dict[bytes, Stand]] = {}
        #: categories that a hand gave to an event of ours
        self.categories: dict[bytes, list[str]] = {}
        #: something went wrong since the last quiet moment: some things may have happened or not
        self.storm = False
        #: searches may have missed an event since the last check
        self.blind = False
        #: when a calendar was looked at last
        self.moment = datetime.max.replace(tzinfo=UTC)
        #: what persons are asked or have said of removals
        self.persons = Words(self._true_now)
        #: when each mailbox was last enabled
        self.opened: dict[str, datetime] = {}
        #: bookings whose event Exchange refuses, or has refused (False) so that they wait for a change
        self.poisoned: dict[str, bool] = {}
        #: whether edited work orders are followed has changed in this story: an edit may have been seen or not
        self.follow_doubt = False

    # -- what people do

    def book(self, booking: str, name: str, version: Version) -> None:
        self.jobs[booking] = Job(name, [version], [self.step])

    def change(self, booking: str, at: datetime, **changes: object) -> None:
        job, before = self.jobs[booking], self.jobs[booking].now
        job.versions.append(replace(before, at=at, **changes))  # type: ignore[arg-type] # fields by name
        job.steps.append(self.step)
        if (before.triggers, before.gone) != (job.now.triggers, job.now.gone) and not self.poisoned.get(booking, True):
            del self.poisoned[booking]

    def edit_order(self, order: str, summary: str, at: datetime) -> None:
        self.orders[order].summaries.append((self.step, summary))
        if self.follow_work_order:
            for booking, job in self.jobs.items():
                if job.now.order == order and not job.now.deleted:
                    self.change(booking, at, edition=job.now.edition + 1)

    def delete_order(self, order: str, at: datetime) -> None:
        for booking, job in self.jobs.items():
            if job.now.order == order and not job.now.deleted:
                self.change(booking, at, order=None)

    def set_rules(self, **changes: object) -> None:
        follow = changes.pop("follow_work_order", None)
        if follow is not None:
            self.follow_work_order, self.follow_doubt = bool(follow), True
        self.rules.append((self.step, replace(self.rules[-1][1], **changes)))  # type: ignore[arg-type] # by name

    def hand_left(self, box: str, stand: Stand) -> None:
        """A worker made, copied or edited this event."""
        if not stand.made_by_us:
            self.foreign.setdefault(box, {})[stand.raw.key] = stand
            return
        place = self.place(box, stand.booking)
        place.stand = place.touched = stand

    def hand_took(self, box: str, stand: Stand) -> None:
        """A worker deleted this event."""
        self.categories.pop(stand.raw.key, None)
        if not stand.made_by_us:
            del self.foreign[box][stand.raw.key]
            return
        place = self.place(box, stand.booking)
        place.stand = place.touched = None
        place.taken = True

    def place(self, box: str, booking: str) -> Place:
        return self.places.setdefault((box, booking), Place())

    # -- what is asked after every step

    def look(self, box: str, stands: Iterable[Stand], *, quiet_box: bool) -> None:
        """Ask I1, I3, I4, I5 of one calendar, and take over what the sync did to it.

        `quiet_box`: nothing may have been written there (switched off, or nothing ran).
        """
        there = {stand.raw.key: stand for stand in stands}
        self._foreign_untouched(box, there)
        ours: dict[str, Stand] = {}
        for key, stand in there.items():
            if key in self.foreign.get(box, {}):
                continue
            if not stand.made_by_us:
                raise Wrong(f"I3: somebody made an event of no booking in {box}: {stand.raw.subject!r}")
            if stand.booking in ours:
                raise Wrong(f"I1: two events for {self.name(stand.booking)} in {box}")
            ours[stand.booking] = stand
        known = {booking for at, booking in self.places if at == box}
        for booking in sorted(known | set(ours)):
            place, now = self.place(box, booking), ours.get(booking)
            if _same(place.stand, now):
                continue
            if quiet_box:
                raise Wrong(f"I5: {self.name(booking)} was written into {box}, where nothing may be")
            self._step(box, booking, place, now)

    def _foreign_untouched(self, box: str, there: Mapping[bytes, Stand]) -> None:
        for key, stand in self.foreign.get(box, {}).items():
            if not _same(there.get(key), stand):
                what = "removed" if key not in there else "changed"
                raise Wrong(f"I3: {stand.raw.subject!r} in {box} is not ours and was {what}")
        for key, categories in self.categories.items():
            if key in there and there[key].raw.document.categories != categories:
                raise Wrong(f"what a worker added to {there[key].raw.subject!r} was lost")

    def _step(self, box: str, booking: str, place: Place, now: Stand | None) -> None:
        job = self.jobs.get(booking)
        if job is None:
            raise Wrong(f"an event for a booking that never was: {booking}")
        if now is None:
            if not any(self._proves_removal(version, box) for version in job.versions):
                raise Wrong(f"I4: the event of {job.name} was removed from {box} without evidence")
            if self._needs_a_word(job) and not self.persons.might_have_gone((box, booking), self.moment):
                raise Wrong(f"I4: the event of {job.name} was removed from {box} though a person has the word")
            place.stand = place.touched = None
            place.taken = False
            return
        said = self._version_of(job, now)
        if said is None:
            raise Wrong(f"the event of {job.name} in {box} says what the booking never was: {now.raw.subject!r}")
        place.stand, place.said, place.touched, place.taken = now, said, None, False

    def _proves_removal(self, version: Version, box: str) -> bool:
        if version.gone or self.workers[version.worker].proves_away(box):
            return True
        return any(
            rules.leaves_out(version) or (version.status == CANCELED and rules.canceled == "remove")
            for _, rules in self.rules
        )

    def _version_of(self, job: Job, stand: Stand) -> Version | None:
        for version in reversed(job.versions):
            if not self.differences(job, version, stand, since=0):
                return version
        return None

    # -- what is asked when a pass is over and nothing stood in its way

    def expect(self, box: str, now: datetime, *, sure: bool) -> dict[str, list[Outcome]]:
        """What each booking may come to in this calendar by a pass at `now`, from what stands there before it.

        `sure`: nothing has gone wrong since the last such moment, so what was done when is known.
        """
        return {booking: self._outcomes(box, booking, now, sure=sure) for booking in self.jobs}

    def settle(self, box: str, expected: Mapping[str, list[Outcome]], before: Mapping[str, Stand | None]) -> None:
        """Ask that each booking came to one of its outcomes; `before`: what stood there before the pass."""
        for booking, outcomes in expected.items():
            if booking in self.poisoned:
                continue
            job, place = self.jobs[booking], self.place(box, booking)
            met = [one for one in outcomes if not self._unmet(one, job, place, before.get(booking))]
            if not met:
                told = "; or ".join(self._unmet(one, job, place, before.get(booking)) for one in outcomes)
                raise Wrong(f"I2: {job.name} in {box}: {told}")
            if place.stand is None:
                links = {one.linked for one in met}
                place.taken, place.doubtful = True in links, len(links) > 1
            settled = (job.now.triggers, job.now.gone)
            if place.settled != settled:
                place.settled, place.since = settled, self.step

    def _unmet(self, outcome: Outcome, job: Job, place: Place, before: Stand | None) -> str:
        """Why this outcome is not what is seen; "" where it is."""
        if outcome.says is None and not outcome.keep:
            return "" if place.stand is None else f"its event should be gone ({outcome.why})"
        if outcome.keep:
            return "" if _same(before, place.stand) else f"nothing should have been written ({outcome.why})"
        if place.stand is None:
            return f"it has no event ({outcome.why})"
        since = job.steps[job.versions.index(self._first_like(job))]
        differences = self.differences(job, outcome.says, place.stand, since=since)
        return f"{', '.join(differences)} ({outcome.why})" if differences else ""

    def _first_like(self, job: Job) -> Version:
        """The earliest version since which nothing of D1 changed that is still so: from then on details are read."""
        edition = job.now.edition
        same = [replace(each, edition=edition) if self.follow_doubt else each for each in job.versions]
        return job.versions[[each.triggers for each in same].index(job.now.triggers)]

    def _outcomes(self, box: str, booking: str, now: datetime, *, sure: bool) -> list[Outcome]:
        place, job = self.place(box, booking), self.jobs[booking]
        current = self.rules[-1][1]
        if sure and place.settled != (job.now.triggers, job.now.gone):
            rules = [current]
        else:
            earlier = [before for step, before in self.rules[:-1] if self._held_after(step, place.since)]
            rules = list(dict.fromkeys([*earlier, current]))
        variants = [place]
        if place.stand is None and (place.doubtful or (place.taken and not sure)):
            variants = [replace(place, taken=True), replace(place, taken=False)]
        found: list[Outcome] = []
        for variant in variants:
            for each in rules:
                where = replace(each, window_past=current.window_past, window_future=current.window_future)
                found += self._ruled(variant, job.now, (box, booking), where, now, sure=sure)
        return list(dict.fromkeys(found))

    def _held_after(self, step: int, since: int) -> bool:
        """Whether the settings that came at `step` were still in force after `since`."""
        following = next(later for later, _ in self.rules if later > step or (later, _) == self.rules[-1])
        return following >= since

    def _ruled(
        self, place: Place, truth: Version, at: tuple[str, str], rules: Rules, now: datetime, *, sure: bool
    ) -> list[Outcome]:
        """What one booking may come to here (`at`: mailbox, booking) under one set of settings."""
        box = at[0]
        linked = place.stand is not None or place.taken
        said_end = place.said.end if linked and place.said else now
        if not linked:
            return [self._unlinked(truth, box, rules, now)]
        if not truth.gone and self.workers[truth.worker].box != box:
            return self._elsewhere(place, truth, at, now)
        if truth.gone or rules.leaves_out(truth):
            if rules.deleted == "keep":
                return [_kept(place, "deleted, and by setting events stay")]
            if said_end <= now:
                return [_kept(place, "deleted, and its event had ended")]
            return self._counted(place, at, now, "deleted")
        if said_end <= rules.near(now) and truth.end <= rules.near(now):
            frozen = _kept(place, "frozen: all of it lies before the window")
            return [frozen] if sure or place.stand is None else [frozen, Outcome("it was moved", says=truth)]
        if truth.status == CANCELED and rules.canceled == "keep":
            return [_kept(place, "canceled, and by setting its event stays as it is")]
        if truth.status == CANCELED and rules.canceled == "remove":
            return [Outcome("canceled, and by setting its event goes")]
        assert place.said is not None
        if truth.triggers == place.said.triggers:
            kept = _kept(place, "nothing of D1 changed")
            return [kept] if sure or place.stand is None else [kept, Outcome("written once more", says=truth)]
        if place.stand is None and rules.drift == "respect" and truth.job == place.said.job:
            return [_kept(place, "a hand took it, and by setting that is respected")]
        edited = self.follow_doubt and replace(truth, edition=place.said.edition).triggers == place.said.triggers
        unseen = [_kept(place, "whether its work order's edition was followed is not known")] if edited else []
        if place.stand is None:
            # A hand took it: the write finds it gone, and the booking is looked at as one without an event.
            return [*unseen, self._unlinked(truth, box, rules, now)]
        return [*unseen, Outcome("it changed", says=truth)]

    def _elsewhere(self, place: Place, truth: Version, at: tuple[str, str], now: datetime) -> list[Outcome]:
        """It belongs into another mailbox: given to another worker, or its worker has another one by now (D7, D10)."""
        home = self.workers[truth.worker].box
        if place.said is None or place.said.worker != truth.worker:
            return [Outcome("given to another worker")]
        if home is None:
            return [_kept(place, "its worker has no mailbox any more")]
        if home not in self.on:
            return [_kept(place, "its worker's other mailbox is not set up")]
        gone = self._counted(place, at, now, "its worker has another mailbox")
        asked_again = now >= self.opened[home] + ASKED_AGAIN
        return gone if asked_again else [*gone, _kept(place, "its worker's other mailbox was not set up before")]

    # -- removals that count, and persons

    def hear(self, rows: Sequence[Row], since: datetime | None) -> None:
        """What is held for a person or was decided; `since`: when whatever held it began."""
        if needless := self.persons.hear(rows, since):
            raise Wrong(f"the removal of {self.name(needless[0])} is held though the hour had room for it")

    def _true_now(self, booking: str) -> tuple[object, ...]:
        job = self.jobs.get(booking)
        return () if job is None else (job.rows, len(self.rules), self.workers[job.now.worker].box)

    def _counted(self, place: Place, at: tuple[str, str], now: datetime, why: str) -> list[Outcome]:
        """A removal that counts: gone, or held for a person."""
        goes = self.persons.may_go(at, now) or self.persons.may_turn(at, now)
        stays = [_kept(place, f"{why}, and its removal waits for a person")] if self.persons.may_stay(at, now) else []
        return [*([Outcome(why)] if goes else []), *stays]

    def _needs_a_word(self, job: Job) -> bool:
        """Whether all that ever spoke for a removal counts against the hour's budget."""
        moved = len({version.worker for version in job.versions}) > 1
        canceled = any(version.status == CANCELED for version in job.versions)
        return not moved and not (canceled and any(rules.canceled == "remove" for _, rules in self.rules))

    def _unlinked(self, truth: Version, box: str, rules: Rules, now: datetime) -> Outcome:
        if truth.gone or self.workers[truth.worker].box != box or rules.leaves_out(truth):
            return Outcome("it does not belong here")
        if truth.status == CANCELED:
            return Outcome("canceled before it had an event")
        if not rules.window_holds(truth, now):
            return Outcome("outside the window")
        return Outcome("in the window", says=truth)

    def differences(self, job: Job, version: Version, stand: Stand, *, since: int) -> list[str]:
        order = self.orders[version.order] if version.order else None
        return differences(job.name, version, order, self.workers[version.worker], stand, since)

    def name(self, booking: str) -> str:
        job = self.jobs.get(booking)
        return job.name if job else booking


def _kept(place: Place, why: str) -> Outcome:
    """Nothing is written; where a hand took the event, it stays taken."""
    return Outcome(why, keep=True, linked=place.taken) if place.stand is None else Outcome(why, keep=True)


def _same(one: Stand | None, other: Stand | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.raw == other.raw and one.properties == other.properties
