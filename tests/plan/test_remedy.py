"""Each thing that keeps a mailbox from being written to has a command that helps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.plan.test_ready import OFF, PLACE, PROFILE, READY

from fieldcal.plan.ready import ready
from fieldcal.plan.remedy import Lack, for_all, lack, remedy
from fieldcal.setup_model import Approval, Method


@pytest.mark.parametrize(
    ("mailbox", "profile", "environment", "command", "of_all"),
    [
        (READY, PROFILE, replace(PLACE, enabled=False), "environment set main --enable", "environment set main --enable"),
        (replace(READY, profile=None), None, PLACE, "edit anna@x.example --profile", "edit ADDRESS ... --profile"),
        (READY, replace(PROFILE, active=False), PLACE, "profile activate exchange", "profile activate exchange"),
        (READY, replace(PROFILE, tenant="t2"), PLACE, "edit anna@x.example --profile", "edit ADDRESS ... --profile"),
        (replace(READY, method=Method.NONE), PROFILE, PLACE, "edit anna@x.example --method", "edit ADDRESS ... --method"),
        (replace(READY, approval=Approval.EMPTY), PROFILE, PLACE, "approve anna@x.example", "approve ADDRESS ..."),
        (OFF, PROFILE, PLACE, "enable anna@x.example", "enable ADDRESS ..."),
    ],
)  # fmt: skip
def test_r3_f52_whatever_is_missing_has_a_command_for_one_and_for_all(
    mailbox, profile, environment, command, of_all
) -> None:
    assert ready(mailbox, profile, environment)
    found = remedy(mailbox, profile, environment)
    assert f"fieldcal {command}" in found or f"fieldcal mailbox {command}" in found
    assert of_all in for_all(found, mailbox, 2)
    assert for_all(found, mailbox, 1) == found


def test_r3_where_nothing_is_missing_there_is_no_command() -> None:
    assert remedy(READY, PROFILE, PLACE) == ""
    assert lack(READY, PROFILE, PLACE) is None


def test_r9_what_is_put_right_first_comes_first() -> None:
    place = replace(PLACE, enabled=False)
    box = replace(OFF, method=Method.NONE, approval=Approval.EMPTY)
    found = [lack(replace(box, profile=None), None, place)]
    profile = replace(PROFILE, active=False, tenant="t2")
    found += [lack(box, profile, PLACE), lack(box, replace(profile, active=True), PLACE), lack(box, PROFILE, PLACE)]
    box = replace(box, method=Method.SERVER_SIDE_SYNC)
    found += [lack(box, PROFILE, PLACE), lack(OFF, PROFILE, PLACE)]
    assert found == [Lack.ENVIRONMENT, Lack.INACTIVE, Lack.TENANT, Lack.METHOD, Lack.APPROVAL, Lack.TEST]
