"""Choosing, approving, rejecting, switching off: one mailbox and thousands, and what must stay as it is (R5, R9, R13)."""

from __future__ import annotations

import pytest
from tests.setup.room import MAIN, OPERATOR, PROFILE, Room, person
from tests.values import NOW

from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup import environments, mailboxes
from fieldcal.setup_model import Approval, MailboxState, Method, Role, Selection, TrialStatus
from fieldcal.state import audit
from fieldcal.state import mailboxes as rows
from fieldcal.state.database import Database
from fieldcal.state.tables import mailboxes as mailbox_table


def test_r9_a_new_mailbox_has_no_profile_no_method_no_approval_and_was_never_tested(room: Room) -> None:
    room.mailbox("anna")
    row = room.row("anna")
    assert (row.profile, row.method, row.approval, row.status, row.enabled) == (
        None, Method.NONE, Approval.EMPTY, TrialStatus.NOT_RUN, False,
    )  # fmt: skip
    assert room.why_not("anna") == "no server profile is chosen"


def test_r9_profile_method_and_approval_are_chosen_one_after_the_other_and_each_is_audited(room: Room) -> None:
    box = room.mailbox("anna")
    admin = person(Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
    with room.database.write() as tx:
        assert mailboxes.edit(tx, admin, NOW, MAIN, [box], profile=PROFILE) == 1
    assert "method" in (room.why_not("anna") or "")
    with room.database.write() as tx:
        mailboxes.edit(tx, admin, NOW, MAIN, [box], method=Method.SERVER_SIDE_SYNC)
    assert room.why_not("anna") == "the e-mail address is not approved"
    with room.database.write() as tx:
        mailboxes.approve(tx, admin, NOW, MAIN, [box])
    assert room.why_not("anna") == "Test & Enable has not been run"
    with room.database.read() as tx:
        lines = audit.latest(tx)
    assert [(line.operator, line.actor, line.action, line.subject) for line in reversed(lines)] == [
        ("root", "eve@x.example", action, f"main/{box}")
        for action in ("mailbox edit", "mailbox edit", "mailbox approve")
    ]


def test_r5_a_worker_sets_up_the_own_mailbox_but_not_a_colleagues(room: Room) -> None:
    mine, other = room.mailbox("anna"), room.mailbox("bernd")
    anna = person(Role.WORKER, name="anna@x.example")
    room.prepare("anna", actor=anna)
    assert room.test("anna", actor=anna)[0].enabled
    for change in (mailboxes.approve, mailboxes.reject, mailboxes.disable):
        with room.database.write() as tx, pytest.raises(NotAllowed, match=r"bernd@x\.example"):
            change(tx, anna, NOW, MAIN, [mine, other])
    assert room.row("anna").enabled
    with pytest.raises(NotAllowed):
        room.test("bernd", actor=anna)


def test_d13_where_it_is_forbidden_a_worker_does_not_approve_the_own_mailbox(room: Room) -> None:
    box = room.mailbox("anna")
    anna = person(Role.WORKER, name="anna@x.example")
    with room.database.write() as tx:
        environments.change(tx, OPERATOR, NOW, MAIN, environments.Changes({"self_approval": "no"}))
    with room.database.write() as tx, pytest.raises(NotAllowed):
        mailboxes.approve(tx, anna, NOW, MAIN, [box])


@pytest.mark.parametrize(
    ("rule", "roles", "may"),
    [
        ("page", (Role.MAILBOX_APPROVER,), True),
        ("strict", (Role.MAILBOX_APPROVER,), False),
        ("exchange", (Role.MAILBOX_APPROVER,), False),
        ("strict", (Role.MAILBOX_APPROVER, Role.SYSTEM_ADMIN), True),
        ("exchange", (Role.MAILBOX_APPROVER, Role.EXCHANGE_ADMIN), True),
        ("page", (Role.EXCHANGE_ADMIN,), False),
    ],
)
def test_d12_the_environments_rule_says_who_approves(room: Room, rule: str, roles: tuple[Role, ...], may: bool) -> None:
    box = room.mailbox("anna")
    with room.database.write() as tx:
        environments.change(tx, OPERATOR, NOW, MAIN, environments.Changes({"approval_rule": rule}))
    if may:
        with room.database.write() as tx:
            assert mailboxes.approve(tx, person(*roles), NOW, MAIN, [box]) == 1
    else:
        with room.database.write() as tx, pytest.raises(NotAllowed):
            mailboxes.approve(tx, person(*roles), NOW, MAIN, [box])
    assert (room.row("anna").approval is Approval.APPROVED) == may


def test_r9_a_changed_address_needs_approval_and_a_test_again(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    room.tell("anna", "anna.new@x.example")
    assert not room.row("anna").enabled
    assert room.why_not("anna") == "the e-mail address changed since it was approved"
    # the old address coming back is not an approval either
    room.tell("anna", "anna@x.example")
    assert room.why_not("anna") == "the e-mail address is not approved"
    room.prepare("anna")
    assert room.test("anna")[0].enabled


def test_an_address_that_only_changes_its_case_stays_approved(room: Room) -> None:
    room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    room.tell("anna", "Anna@X.example")
    assert room.why_not("anna") is None


def test_r9_a_mailbox_without_an_address_is_not_approved(room: Room) -> None:
    box = room.mailbox("anna")
    room.tell("anna", "")
    with room.database.write() as tx, pytest.raises(ConfigError, match="without an address"):
        mailboxes.approve(tx, OPERATOR, NOW, MAIN, [box])


def test_r9_a_rejected_address_switches_the_mailbox_off(room: Room) -> None:
    box = room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    with room.database.write() as tx:
        mailboxes.reject(tx, OPERATOR, NOW, MAIN, [box])
    assert room.why_not("anna") == "the e-mail address was rejected"
    assert not room.row("anna").enabled
    with room.database.write() as tx:
        mailboxes.approve(tx, OPERATOR, NOW, MAIN, [box])
    assert room.why_not("anna") == "the e-mail address is approved again: run Test & Enable"


@pytest.mark.parametrize(
    ("change", "action"),
    [(mailboxes.approve, "approve"), (mailboxes.reject, "reject"), (mailboxes.disable, "disable")],
)
def test_what_one_did_a_second_person_does_not_do_again_nor_take_the_credit_for(
    room: Room, change, action: str
) -> None:
    box = room.mailbox("anna")
    if action != "approve":
        room.prepare("anna")
        room.test("anna")
    for name in ("eve@x.example", "bob@x.example"):
        admin = person(Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN, name=name)
        with room.database.write() as tx:
            assert change(tx, admin, NOW, MAIN, [box]) == 1
    with room.database.read() as tx:
        lines = [line.actor for line in audit.latest(tx) if line.action == f"mailbox {action}"]
    assert lines == ["eve@x.example"]
    assert "bob" not in room.row("anna").approved_by + room.row("anna").disabled_reason


def test_another_profile_asks_for_another_test_and_the_same_one_does_not(room: Room) -> None:
    box = room.mailbox("anna")
    room.prepare("anna")
    room.test("anna")
    room.prepare("anna")
    assert room.why_not("anna") is None
    with room.database.write() as tx:
        from fieldcal.setup import profiles
        from fieldcal.setup_model import Endpoint

        profiles.add(tx, OPERATOR, NOW, "second", Endpoint(room.url))
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, [box], profile="second")
    assert room.why_not("anna") == "Test & Enable has not been run"


@pytest.mark.parametrize("names", [("nobody@x.example",), tuple(f"n{number}@x.example" for number in range(9))])
def test_names_that_no_mailbox_has_are_told_in_one_line(room: Room, names: tuple[str, ...]) -> None:
    room.mailbox("anna")
    with room.database.read() as tx, pytest.raises(ConfigError, match="there is no mailbox n") as refused:
        rows.ids(tx, MAIN, Selection(("anna@x.example", *names)))
    assert "\n" not in str(refused.value)
    assert ("and 4 more" in str(refused.value)) == (len(names) == 9)


def test_a_profile_that_does_not_exist_is_not_chosen(room: Room) -> None:
    box = room.mailbox("anna")
    with room.database.write() as tx, pytest.raises(ConfigError, match="there are: Microsoft Exchange Online"):
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, [box], profile="no such")
    with room.database.write() as tx, pytest.raises(ConfigError, match="nothing to change"):
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, [box])


def test_r13_switching_a_mailbox_off_sends_nothing_and_forgets_nothing(room: Room) -> None:
    box = room.mailbox("anna")
    room.book("anna", 1)
    room.prepare("anna")
    room.test("anna")
    due, sent = room.row("anna").next_due, room.requests()
    with room.database.write() as tx:
        mailboxes.disable(tx, OPERATOR, NOW, MAIN, [box])
    row = room.row("anna")
    assert (row.enabled, row.next_due, room.requests()) == (False, due, sent)
    assert due is not None
    assert room.why_not("anna") == "switched off by operator"


THOUSANDS = 5_000


@pytest.fixture
def crowd(database: Database) -> Database:
    """Five thousand mailboxes."""
    from fieldcal.setup_model import Endpoint, Environment, ServerProfile
    from fieldcal.state import environments as places
    from fieldcal.state import profiles

    everybody = [
        {"environment": MAIN, "id": f"box-{n:05}", "name": f"Worker {n:05}", "address": f"w{n:05}@x.example"}
        for n in range(THOUSANDS)
    ]
    with database.write() as tx:
        places.add(tx, Environment(MAIN, Endpoint("https://x.example"), NOW, organization="org"))
        profiles.add(tx, ServerProfile(PROFILE, Endpoint("https://graph.example"), NOW))
        tx.execute(mailbox_table.insert(), everybody)
    return database


def test_r5_five_thousand_mailboxes_are_chosen_approved_and_switched_off_at_once(crowd: Database) -> None:
    with crowd.write() as tx:
        everyone = rows.ids(tx, MAIN, Selection())
        assert len(everyone) == THOUSANDS
        mailboxes.edit(tx, OPERATOR, NOW, MAIN, everyone, profile=PROFILE, method=Method.SERVER_SIDE_SYNC)
        assert mailboxes.approve(tx, OPERATOR, NOW, MAIN, everyone) == THOUSANDS
        assert rows.ids(tx, MAIN, Selection(state=MailboxState.UNAPPROVED)) == []
        named = Selection(tuple(f"W{n:05}@x.example" for n in range(THOUSANDS)))
        assert rows.ids(tx, MAIN, named) == everyone
        page = rows.page(tx, MAIN, Selection(), sort="name", descending=True, offset=10, limit=3)
        assert [row.name for row in page.rows] == [f"Worker {THOUSANDS - n:05}" for n in (11, 12, 13)]
        assert {row.approved_address for row in page.rows} == {row.address for row in page.rows}
        assert mailboxes.disable(tx, OPERATOR, NOW, MAIN, everyone) == THOUSANDS


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(search="WORKER 0001"), 10),
        (Selection(search="w00012@"), 1),
        (Selection(search="100%"), 0),
        (Selection(search="_"), 0),
        (Selection(state=MailboxState.ENABLED), 0),
        (Selection(state=MailboxState.DISABLED), THOUSANDS),
        (Selection(state=MailboxState.NOT_RUN, search="worker 04"), 1000),
        (Selection(("box-00007", "w00007@x.example", "BOX-00008")), 2),
    ],
)
def test_mailboxes_are_selected_by_name_state_and_part_of_a_text(
    crowd: Database, selection: Selection, count: int
) -> None:
    with crowd.read() as tx:
        assert rows.page(tx, MAIN, selection, limit=1).total == count
        assert len(rows.ids(tx, MAIN, selection)) == count


def test_a_mailbox_that_is_named_and_does_not_fit_is_told_and_not_left_out(crowd: Database) -> None:
    wanted = Selection(("box-00007",), state=MailboxState.SUCCESS)
    with crowd.read() as tx:
        assert rows.page(tx, MAIN, wanted, limit=1).total == 0
        with pytest.raises(ConfigError, match=r"fits --state success: w00007@x\.example"):
            rows.ids(tx, MAIN, wanted)


def test_a_column_that_does_not_exist_is_not_sorted_by(room: Room) -> None:
    with room.database.read() as tx, pytest.raises(ConfigError, match="there are: address, name"):
        mailboxes.listed(tx, OPERATOR, MAIN, Selection(), sort="secret")


def test_a_listing_tells_each_mailboxs_reason_and_is_for_those_who_may_see_it(room: Room) -> None:
    room.mailbox("anna")
    room.mailbox("bernd")
    room.prepare("anna")
    room.test("anna")
    with room.database.read() as tx:
        page = mailboxes.listed(tx, person(Role.READER), MAIN, Selection(), sort="-address")
        assert [(row.name, why) for row, why in page.rows] == [("bernd", "no server profile is chosen"), ("anna", None)]
        with pytest.raises(NotAllowed):
            mailboxes.listed(tx, person(Role.DISPATCHER), MAIN, Selection())
