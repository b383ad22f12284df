"""Why nothing may be written into a mailbox, as a table: each thing that R3 asks, missing by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import NOW

from fieldcal.model import MailboxId
from fieldcal.plan.ready import ready
from fieldcal.setup_model import (
    Approval,
    Endpoint,
    Environment,
    Mailbox,
    Method,
    ServerProfile,
    TrialStatus,
)

PLACE = Environment("main", Endpoint("https://x.example"), NOW, organization="org", tenant="tenant-1")
PROFILE = ServerProfile("exchange", Endpoint("https://graph.example"), NOW, tenant="TENANT-1")
READY = Mailbox(
    "main", MailboxId("box"), "Anna", "anna@x.example", "exchange", Method.SERVER_SIDE_SYNC, Approval.APPROVED,
    "Anna@X.example", "admin", TrialStatus.SUCCESS, NOW, (), True, "", False, None, None, "", 0,
)  # fmt: skip
OFF = replace(READY, enabled=False)


def test_r3_a_mailbox_that_is_set_up_may_be_written_to() -> None:
    assert ready(READY, PROFILE, PLACE) is None


def test_r7_an_end_that_does_not_tell_its_tenant_is_no_obstacle() -> None:
    assert ready(READY, replace(PROFILE, tenant=""), PLACE) is None
    assert ready(READY, PROFILE, replace(PLACE, tenant="")) is None


@pytest.mark.parametrize(
    ("mailbox", "profile", "environment", "reason"),
    [
        (READY, PROFILE, replace(PLACE, enabled=False), "the environment main is switched off"),
        (replace(READY, profile=None), None, PLACE, "no server profile is chosen"),
        (READY, replace(PROFILE, active=False), PLACE, "the server profile exchange is not active"),
        (READY, replace(PROFILE, tenant="tenant-2"), PLACE, "different tenants"),
        (replace(READY, method=Method.NONE), PROFILE, PLACE, "not Server-Side Synchronization"),
        (replace(READY, approval=Approval.EMPTY, approved_address=""), PROFILE, PLACE, "is not approved"),
        (replace(READY, approval=Approval.PENDING, approved_address=""), PROFILE, PLACE, "is not approved"),
        (replace(READY, approval=Approval.REJECTED, approved_address=""), PROFILE, PLACE, "was rejected"),
        (replace(READY, address="new@x.example"), PROFILE, PLACE, "changed since it was approved"),
        (replace(OFF, status=TrialStatus.NOT_RUN), PROFILE, PLACE, "has not been run"),
        (replace(OFF, status=TrialStatus.SCHEDULED), PROFILE, PLACE, "is scheduled"),
        (replace(OFF, status=TrialStatus.IN_PROGRESS), PROFILE, PLACE, "is in progress"),
        (replace(OFF, status=TrialStatus.FAILURE, disabled_reason="no such user"), PROFILE, PLACE, "failed: no such user"),
        (replace(OFF, disabled_reason="switched off by eve"), PROFILE, PLACE, "switched off by eve"),
        (OFF, PROFILE, PLACE, "the mailbox is switched off"),
    ],
)  # fmt: skip
def test_r3_f52_whatever_is_missing_is_the_reason_that_nothing_is_written(
    mailbox, profile, environment, reason
) -> None:
    assert reason in (ready(mailbox, profile, environment) or "")


@pytest.mark.parametrize("status", [TrialStatus.SCHEDULED, TrialStatus.IN_PROGRESS])
def test_a_mailbox_that_is_tested_again_goes_on_being_written_to(status: TrialStatus) -> None:
    assert ready(replace(READY, status=status), PROFILE, PLACE) is None
