"""Who is imported (D9): a table over what the source says and what stands here; and who may, with its audit line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.setup.room import MAIN, OPERATOR, PROFILE, Room, person
from tests.values import NOW

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import MailboxId, SetUpList, SetUpThere
from fieldcal.setup import imports
from fieldcal.setup.imports import Candidate, Standing, candidates, chosen
from fieldcal.setup_model import Actor, Approval, Endpoint, Mailbox, Method, Role, ServerProfile, TrialStatus
from fieldcal.sources.dataverse.set_up import MailboxRow, _Profile, missing
from fieldcal.state import audit, mailboxes, profiles

LATELY = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
OURS = Mailbox(
    MAIN, MailboxId("box-1"), "Anna", "anna@x.example", None, Method.NONE, Approval.EMPTY, "", "",
    TrialStatus.NOT_RUN, None, (), False, "", False, None, None, "", 0,
)  # fmt: skip
THERE = SetUpThere("box-1", "anna@x.example", "")
ROW = MailboxRow(
    "0a000000-0000-4000-8000-000000000001", emailaddress="Anna@X.example", actdeliverymethod=1, actstatus=1,
    enabledforact=True, emailrouteraccessapproval=1, testemailconfigurationscheduled=False, statecode=0,
    emailserverprofile=_Profile("Exchange", 0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ""),
        ({"testemailconfigurationscheduled": None}, ""),
        ({"statecode": 1}, "the mailbox is deactivated"),
        ({"statecode": None}, "the mailbox is deactivated"),
        ({"emailserverprofile": None}, "it has no server profile"),
        ({"emailserverprofile": _Profile("Old", 1)}, "its server profile Old is deactivated"),
        ({"emailserverprofile": _Profile()}, "its server profile is deactivated"),
        ({"actdeliverymethod": 0}, "its appointments method is Dynamics 365 for Outlook"),
        ({"actdeliverymethod": 2}, "its appointments method is none"),
        ({"actdeliverymethod": None}, "its appointments method is unknown"),
        ({"emailrouteraccessapproval": 0}, "its e-mail is not approved"),
        ({"emailrouteraccessapproval": 2}, "its e-mail waits for approval"),
        ({"emailrouteraccessapproval": 3}, "its e-mail was rejected"),
        ({"testemailconfigurationscheduled": True}, "its test waits to be run"),
        ({"actstatus": 0}, "its test was never run"),
        ({"actstatus": 2}, "its test failed"),
        ({"actstatus": 9}, "its test did not succeed"),
        ({"enabledforact": False}, "it is not enabled for appointments"),
        ({"enabledforact": None}, "it is not enabled for appointments"),
    ],
)
def test_set_up_there_means_all_of_it(changed: dict[str, object], expected: str) -> None:
    fields = {name: getattr(ROW, name) for name in ROW.__struct_fields__}
    assert missing(MailboxRow(**(fields | changed))) == expected


@pytest.mark.parametrize(
    ("ours", "there", "doubt", "standing", "why"),
    [
        (OURS, THERE, "", Standing.IMPORT, ""),
        (OURS, replace(THERE, object_id=""), "", Standing.IMPORT, ""),
        (replace(OURS, address="ANNA@x.example"), THERE, "", Standing.IMPORT, ""),
        (OURS, None, "", Standing.NOT_THERE, "the source has no mailbox for this user"),
        (OURS, replace(THERE, object_id="box-2"), "", Standing.NOT_THERE, "the source has no mailbox for this user"),
        (OURS, replace(THERE, missing="its test failed"), "", Standing.NOT_THERE, "its test failed"),
        (OURS, replace(THERE, address="anna@old.example"), "", Standing.NOT_THERE, "the address approved there is another: anna@old.example"),
        (OURS, replace(THERE, address=""), "", Standing.NOT_THERE, "the address approved there is another: none"),
        (OURS, replace(THERE, served_at=LATELY), "", Standing.SERVED, "it last wrote at 2026-11-20 09:30 UTC"),
        (OURS, THERE, "no privilege", Standing.SERVED, "it cannot be told: no privilege"),
        (replace(OURS, approval=Approval.REJECTED), THERE, "", Standing.REJECTED, "approve it to have it set up"),
        (replace(OURS, enabled=True), THERE, "", Standing.HERE, ""),
        (replace(OURS, approval=Approval.APPROVED), THERE, "", Standing.HERE, "`fieldcal mailbox test` switches it on"),
        (replace(OURS, enabled=True), replace(THERE, served_at=LATELY), "", Standing.HERE, ""),
    ],
)  # fmt: skip
def test_d9_who_is_imported(ours: Mailbox, there: SetUpThere | None, doubt: str, standing: Standing, why: str) -> None:
    listed = SetUpList(() if there is None else (there,), doubt)
    assert candidates([ours], listed) == [Candidate(ours, standing, why)]


def test_f53_whom_microsofts_own_sync_serves_is_imported_only_when_the_copies_are_accepted() -> None:
    both = candidates(
        [OURS, replace(OURS, id=MailboxId("box-2"), address="ben@x.example")],
        SetUpList((THERE, SetUpThere("box-2", "ben@x.example", "", LATELY))),
    )
    assert [one.mailbox.id for one in chosen(both, accept_copies=False)] == ["box-1"]
    assert [one.mailbox.id for one in chosen(both, accept_copies=True)] == ["box-1", "box-2"]


ADMIN = person(Role.EXCHANGE_ADMIN, Role.SYSTEM_ADMIN)


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (OPERATOR, True),
        (ADMIN, True),
        (person(Role.MAILBOX_APPROVER), True),
        (person(Role.SYSTEM_ADMIN), False),
        (person(Role.EXCHANGE_ADMIN), False),
        (person(Role.WORKER, name="anna@x.example"), False),
        (person(Role.READER), False),
    ],
)
def test_d12_who_may_import(room: Room, actor: Actor, may: bool) -> None:
    box = room.mailbox("anna")
    wanted = [Candidate(replace(OURS, id=box), Standing.IMPORT)]
    with room.database.write() as tx:
        if may:
            assert [mailbox.id for mailbox in imports.allowed(tx, actor, MAIN)] == [box]
            assert imports.carry_out(tx, actor, NOW, MAIN, wanted, PROFILE) == [box]
            return
        with pytest.raises(NotAllowed):
            imports.allowed(tx, actor, MAIN)
        with pytest.raises(NotAllowed):
            imports.carry_out(tx, actor, NOW, MAIN, wanted, PROFILE)


def test_an_import_takes_over_method_and_approval_says_so_in_the_audit_and_enables_nobody_by_itself(room: Room) -> None:
    boxes = [room.mailbox(name) for name in ("anna", "ben")]
    wanted = [
        Candidate(replace(OURS, id=box), standing)
        for box, standing in zip(boxes, (Standing.IMPORT, Standing.SERVED), strict=True)
    ]
    with room.database.write() as tx:
        imports.carry_out(tx, ADMIN, NOW, MAIN, wanted, PROFILE)
        after = mailboxes.some(tx, MAIN, boxes)
        lines = {line.subject: (line.actor, line.action, line.detail) for line in audit.latest(tx)}
    assert [(box.profile, box.method, box.approved, box.approved_by, box.enabled) for box in after] == [
        (PROFILE, Method.SERVER_SIDE_SYNC, True, "eve@x.example", False)
    ] * 2
    assert lines[f"{MAIN}/{boxes[0]}"] == ("eve@x.example", "mailbox import", f"anna@x.example, profile {PROFILE}")
    assert "copies accepted" in lines[f"{MAIN}/{boxes[1]}"][2]


def test_the_profile_is_the_one_named_else_the_only_active_one(room: Room) -> None:
    with room.database.write() as tx:
        assert imports.profile_for(tx, None) == imports.profile_for(tx, PROFILE) == PROFILE
        with pytest.raises(ConfigError, match="nobody"):
            imports.profile_for(tx, "nobody")
        profiles.add(tx, ServerProfile("Second", Endpoint(room.url), NOW))
        with pytest.raises(ConfigError, match=r"name the server profile with --profile; there are: .*Second"):
            imports.profile_for(tx, None)
        for name in (PROFILE, "Second"):
            profiles.save(tx, replace(profiles.get(tx, name), active=False))
        with pytest.raises(ConfigError, match="no active server profile yet"):
            imports.profile_for(tx, None)
