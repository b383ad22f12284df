"""Settings: defaults, ranges, and every mistake told at once."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from fieldcal.errors import ConfigError
from fieldcal.plan.settings import (
    Account,
    ApprovalRule,
    Canceled,
    Contact,
    Deleted,
    Proposed,
    Settings,
    WithoutWorkOrder,
    parse,
)


def test_the_defaults_are_those_of_the_decisions() -> None:
    default = Settings()
    assert (default.interval, default.window_past, default.window_future) == (15, 7, 14)
    assert (default.follow_location, default.follow_work_order) == (False, False)
    assert default.without_work_order is WithoutWorkOrder.SYNCHRONIZE
    assert (default.canceled, default.deleted, default.proposed) == (Canceled.MARK, Deleted.REMOVE, Proposed.TENTATIVE)
    assert (default.account, default.contact) == (Account.SERVICE, Contact.EITHER)
    assert (default.approval_rule, default.self_approval, default.private) == (ApprovalRule.PAGE, True, False)
    assert parse({}) == default


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("interval", "5", 5),
        ("interval", 1440, 1440),
        ("window_past", "0", 0),
        ("window_future", "365", 365),
        ("canceled", "remove", Canceled.REMOVE),
        ("deleted", "keep", Deleted.KEEP),
        ("proposed", "leave_out", Proposed.LEAVE_OUT),
        ("without_work_order", "skip", WithoutWorkOrder.SKIP),
        ("account", "billing", Account.BILLING),
        ("contact", "reported_by", Contact.REPORTED_BY),
        ("approval_rule", "strict", ApprovalRule.STRICT),
        ("follow_location", "Yes", True),
        ("follow_work_order", True, True),
        ("self_approval", "off", False),
        ("private", "1", True),
        ("subject_template", "{{ number }}", "{{ number }}"),
    ],
)
def test_a_setting_is_read_from_text_and_from_a_value(name: str, raw: object, value: object) -> None:
    assert getattr(parse({name: raw}), name) == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("interval", "0"),
        ("interval", "1441"),
        ("interval", "15.5"),
        ("interval", ""),
        ("interval", True),
        ("interval", "--5"),
        ("interval", "²"),
        ("interval", None),
        ("window_past", "-1"),
        ("window_past", "366"),
        ("window_future", 0),
        ("window_future", "1900"),
        ("canceled", "delete"),
        ("deleted", ""),
        ("private", "perhaps"),
        ("follow_location", None),
        ("subject_template", None),
        ("booking_url", ["https://x.example"]),
    ],
)
def test_f29_a_value_out_of_range_is_refused_in_one_line_that_names_the_setting(name: str, raw: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: ") as refused:
        parse({name: raw})
    assert "\n" not in str(refused.value)
    assert "literal for int" not in str(refused.value)


def test_all_mistakes_are_told_at_once_and_nothing_is_changed() -> None:
    with pytest.raises(ConfigError) as refused:
        parse({"intervall": 5, "window_past": "many", "canceled": "delete", "private": True})
    assert all(name in str(refused.value) for name in ("intervall", "window_past", "canceled"))


def test_what_is_not_named_stays_as_it_was() -> None:
    base = Settings(interval=5, canceled=Canceled.KEEP)
    assert parse({"private": True}, base) == Settings(interval=5, canceled=Canceled.KEEP, private=True)


def test_the_window_reaches_back_and_ahead_in_whole_days_of_24_hours() -> None:
    now = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    window = Settings(window_past=1, window_future=2).window(now)
    assert (window.near, window.far) == (
        datetime(2026, 10, 24, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 27, 0, 30, tzinfo=UTC),
    )


def test_every_setting_survives_the_way_through_text() -> None:
    chosen = Settings(interval=7, deleted=Deleted.KEEP, private=True, booking_url="https://x.example/{id}")
    assert parse({field.name: str(getattr(chosen, field.name)) for field in fields(Settings)}) == chosen
