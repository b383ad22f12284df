"""A crew's members in the crews' file: out and in again, each mistake by its line, and what stays is not touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from tests.schedule.test_crews import Gang

from fieldcal.schedule import crews, loading, membership
from fieldcal.schedule.importing import Preview
from fieldcal.schedule.membership import Joined
from fieldcal.schedule.sheets import CREWS

VIENNA = ZoneInfo("Europe/Vienna")
LABELS = {"a": "Ana", "b": "Ben; the tall one", "c": "Cleo [x]", "d": 'Dirk "Dee"'}
NAMED = {name.lower(): row for row, name in LABELS.items()}
_DAY = date(2026, 11, 23)


@pytest.fixture
def gang() -> Iterator[Gang]:
    made = Gang()
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ((), ""),
        ((Joined("a"),), "Ana"),
        ((Joined("a", until=_DAY), Joined("a", date(2027, 1, 1), leads=True)),
         "Ana [leads, from 2027-01-01]; Ana [until 2026-11-23]"),
        ((Joined("a", until=_DAY), Joined("b"), Joined("c")), None),
        ((Joined("d", _DAY, _DAY, leads=True),), None),
    ],
)  # fmt: skip
def test_what_is_told_of_members_is_read_again_as_the_same(members: membership.Members, text: str | None) -> None:
    told = membership.told(members, LABELS)
    assert text in {None, told}
    assert membership.read(told, NAMED) == (members, [])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Ana; Nobody", "'members': there is no worker 'Nobody'"),
        ("Twin", "'members': several are called 'Twin'"),
        ("Ana; ana [leads]", "'members' names 'ana [leads]' twice for some days"),
        ("Ana [boss]", "'members': 'boss' is none of leads, from 2026-11-23, until 2026-11-23"),
        ("Ana [from 0026-11-23]", "'members': 'from 0026-11-23' is none of"),
        ("Ana [from 2026-11-23, until 2026-11-22]", "'members': the last day of 'Ana' is before the first one"),
    ],
)
def test_what_cannot_be_a_member_is_told(text: str, wrong: str) -> None:
    _, found = membership.read(text, {**NAMED, "twin": None})
    assert len(found) == 1
    assert wrong in found[0]


def load(gang: Gang, text: str) -> Preview:
    return loading.load(gang.store, CREWS, text.encode(), VIENNA)[0]


def exported(gang: Gang) -> str:
    with gang.store.reading() as tx:
        return "".join(loading.export(tx, CREWS, VIENNA))


def groups(gang: Gang) -> dict[str, tuple[str, str, str]]:
    rows = gang.store.rows("bookableresourcegroup")
    return {one["bookableresourcegroupid"]: (one["childresource"], one["fromdate"], one["todate"]) for one in rows}


def test_members_go_out_and_in_with_their_crew_and_who_stays_is_not_touched(gang: Gang) -> None:
    text = exported(gang)
    assert text.splitlines()[1] == (
        'North,Europe/Berlin,,yes,"Ana [leads, from 2026-11-01]; Ben [from 2026-11-01]; '
        'Cleo [from 2026-11-01, until 2026-11-23]"'
    )
    before = groups(gang)
    again = load(gang, text)
    assert (again.mistakes, again.new, again.changed, again.same) == ((), (), (), 1)
    # one goes, one comes, a crew is new, and what a file does not name stays
    change = 'name;members\nNorth;"Ana [leads, from 2026-11-01]; Ben [from 2026-11-01]; Lift"\nSouth;cleo [leads]\n'
    found = load(gang, change)
    assert (found.mistakes, len(found.new), len(found.changed)) == ((), 1, 1)
    now = groups(gang)
    assert len(before.keys() & now.keys()) == 2
    assert {one[0] for one in now.values()} == {gang.ana, gang.ben, gang.lift, gang.cleo}
    assert load(gang, "name,zone\nNorth,Europe/Berlin").changed == ()
    assert load(gang, change).same == 2
    # in another zone the days are the same days
    assert len(load(gang, "name,zone\nNorth,America/New_York").changed) == 1
    with gang.store.reading() as tx:
        assert [one.since for one in crews.members(tx, gang.crew) if one.worker == gang.ana] == [date(2026, 11, 1)]
    assert load(gang, "name,members\nNorth,").changed
    with gang.store.reading() as tx:
        assert crews.members(tx, gang.crew) == []


def test_a_member_that_cannot_be_is_named_by_its_line_and_nothing_is_written(gang: Gang) -> None:
    gang.store.create("bookableresource", {"name": "South", "resourcetype": 6})
    before = gang.store.version()
    found = load(gang, "name,members\nNorth,Ana; South\nSouth,Lift [leads]\nWest,Nobody\n")
    assert sorted((one.line, one.heading, one.text) for one in found.mistakes) == [
        (2, "members", "South is a crew, and no member of one"),
        (3, "members", "Lift is no person, and cannot lead a crew"),
        (4, "members", "'members': there is no worker 'Nobody'"),
    ]
    assert gang.store.version() == before
