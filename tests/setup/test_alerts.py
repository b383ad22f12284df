"""Alerts: counted up while they last, cleared when it is over, acknowledged by a person."""

from __future__ import annotations

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
        assert alerts.acknowledge(tx, ENVIRONMENT, BOX, ["failing", "other"], "eve") == 1
        assert alerts.standing(tx, ENVIRONMENT)[0].acknowledged_by == "eve"
        alerts.clear(tx, ENVIRONMENT, BOX, "failing")
        assert [alert.code for alert in alerts.standing(tx, ENVIRONMENT)] == ["source"]
        assert len(alerts.standing(tx, "elsewhere")) == 1
