"""Alerts: counted up while they last, cleared when it is over, acknowledged by a person."""

from __future__ import annotations

import pytest
from tests.values import BOX, ENVIRONMENT, HOUR, NOW

from fieldcal.state import alerts
from fieldcal.state.database import Database


def test_f59_an_alert_counts_up_with_the_newest_message_until_it_is_cleared(database: Database) -> None:
    with database.write() as tx:
        alerts.raise_alert(tx, ENVIRONMENT, BOX, "failing", "warning", "first", NOW)
        alerts.raise_alert(tx, ENVIRONMENT, BOX, "failing", "error", "second", NOW + HOUR)
        alerts.raise_alert(tx, ENVIRONMENT, "", "source", "warning", "all", NOW)
        alerts.raise_alert(tx, "elsewhere", BOX, "failing", "warning", "not ours", NOW)
    with database.read() as tx:
        first, second = alerts.standing(tx, ENVIRONMENT)
    assert (first.level, first.message, first.first_at, first.last_at, first.times) == (
        "error", "second", NOW, NOW + HOUR, 2,
    )  # fmt: skip
    assert (second.mailbox, second.times) == ("", 1)
    with database.write() as tx:
        assert alerts.acknowledge(tx, ENVIRONMENT, [BOX], ["failing", "other"], "eve", NOW) == [BOX]
        assert alerts.standing(tx, ENVIRONMENT)[0].acknowledged_by == "eve"
        alerts.clear(tx, ENVIRONMENT, BOX, "failing")
        assert [alert.code for alert in alerts.standing(tx, ENVIRONMENT)] == ["source"]
        assert len(alerts.standing(tx, "elsewhere")) == 1


#: how an alert goes on after it was acknowledged and mailed: level and hours later; then acknowledged, mailed, times
AFTER = {
    "it goes on": ([("warning", 0.5), ("warning", 1.0)], ("eve", True, 3)),
    "it comes anew after a quiet time": ([("warning", 1.5)], ("", False, 1)),
    "it grows worse": ([("error", 0.5)], ("", False, 2)),
    "it gets better": ([("information", 0.5)], ("eve", True, 2)),
}


@pytest.mark.parametrize("name", AFTER)
def test_what_was_acknowledged_is_told_again_only_when_it_grows_worse_or_comes_anew(
    database: Database, name: str
) -> None:
    raised, expected = AFTER[name]
    with database.write() as tx:
        alerts.raise_alert(tx, ENVIRONMENT, BOX, "failing", "warning", "first", NOW)
        assert [one.code for one in alerts.unmailed(tx, alerts.URGENT)] == ["failing"]
        alerts.mailed(tx, alerts.unmailed(tx, alerts.URGENT), NOW)
        assert alerts.unmailed(tx, alerts.URGENT) == []
        alerts.acknowledge(tx, ENVIRONMENT, [BOX], ["failing"], "eve", NOW)
        for level, hours in raised:
            alerts.raise_alert(tx, ENVIRONMENT, BOX, "failing", level, "again", NOW + hours * HOUR)
        [one] = alerts.standing(tx, ENVIRONMENT)
        assert (one.acknowledged_by, not alerts.unmailed(tx, alerts.LEVELS), one.times) == expected


def test_one_that_was_over_and_comes_again_waits_for_a_mail_and_one_that_is_acknowledged_does_not(
    database: Database,
) -> None:
    with database.write() as tx:
        for code in ("a", "b"):
            alerts.raise_alert(tx, ENVIRONMENT, "", code, "error", "x", NOW)
        told = alerts.unmailed(tx, ["error"])
        alerts.clear(tx, ENVIRONMENT, "", "a")
        alerts.raise_alert(tx, ENVIRONMENT, "", "a", "error", "x", NOW + HOUR)
        alerts.mailed(tx, told, NOW + HOUR)
        assert [one.code for one in alerts.unmailed(tx, ["error"])] == ["a"]
        alerts.acknowledge(tx, ENVIRONMENT, [""], ["a"], "eve", NOW)
        assert alerts.unmailed(tx, ["error"]) == []
