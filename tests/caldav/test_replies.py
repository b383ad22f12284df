"""What a refusal means: who must act next, by condition and status."""

from __future__ import annotations

import pytest

from fieldcal.calendars.caldav.replies import of_read, of_write, refusal
from fieldcal.errors import (
    Forbidden,
    Full,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
)

CAL = 'xmlns:c="urn:ietf:params:xml:ns:caldav"'


def condition(name):
    return f'<d:error xmlns:d="DAV:" {CAL}><{name}/></d:error>'.encode()


def sabre(exception, message):
    space = 'xmlns:s="http://sabredav.org/ns"'
    return f'<d:error xmlns:d="DAV:" {space}><s:exception>{exception}</s:exception><s:message>{message}</s:message></d:error>'.encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"", NotSent),
        (400, b"<html>", NotSent),
        (400, sabre("Sabre\\DAV\\Exception\\BadRequest", "no"), Rejected),
        (400, condition("c:valid-calendar-data"), Rejected),
        (401, b"", SignInFailed),
        (403, b"", Forbidden),
        (403, condition("d:need-privileges"), Forbidden),
        (403, condition("c:valid-calendar-data"), Rejected),
        (403, condition("c:valid-calendar-object-resource"), Rejected),
        (403, condition("c:supported-calendar-component"), Rejected),
        (403, condition("c:max-resource-size"), Rejected),
        (403, condition("c:allowed-organizer-scheduling-object-change"), Rejected),
        (403, condition("c:same-organizer-in-all-components"), Rejected),
        (409, condition("c:no-uid-conflict"), Rejected),
        (403, condition("d:quota-not-exceeded"), Full),
        (403, sabre("Forbidden", "this object can't be moved into the trashbin"), Rejected),
        (404, b"", NotAMailbox),
        (405, b"", Forbidden),
        (408, b"", OutcomeUnknown),
        (409, b"", NotAMailbox),
        (409, condition("c:max-date-time"), Rejected),
        (410, b"", NotAMailbox),
        (413, b"", Rejected),
        (415, b"", Rejected),
        (423, b"", Unavailable),
        (424, b"", NotSent),
        (425, b"", NotSent),
        (429, b"", NotSent),
        (500, b"", OutcomeUnknown),
        (502, b"", OutcomeUnknown),
        (503, b"", OutcomeUnknown),
        (507, b"", Full),
        (509, b"", NotSent),
        (301, b"", NotAMailbox),
        (307, b"", NotAMailbox),
        (100, b"", OutcomeUnknown),
        (218, b"", OutcomeUnknown),
    ],
)
def test_what_a_refused_write_means(status, body, kind):
    told = of_write(refusal(status, body, None), own=True)
    assert type(told) is kind
    assert told.status == status
    assert not isinstance(told, Rejected) or told.code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", SignInFailed),
        (403, b"", Forbidden),
        (404, b"", NotAMailbox),
        (405, b"", Forbidden),
        (423, b"", Unavailable),
        (429, b"", Throttled),
        (400, b"", Unreachable),
        (403, condition("d:number-of-matches-within-limits"), Forbidden),
        (500, b"", Unreachable),
        (503, b"", Unreachable),
        (507, b"", Unreachable),
        (200, b"", Unreachable),
        (302, b"", NotAMailbox),
    ],
)
def test_what_a_refused_read_means(status, body, kind):
    assert type(of_read(refusal(status, body, None), own=True)) is kind


@pytest.mark.parametrize(("own", "everywhere"), [(True, False), (False, True)])
def test_a_refused_credential_concerns_whom_it_signs_in(own, everywhere):
    assert of_write(refusal(401, b"", None), own=own).everywhere is everywhere
    assert of_read(refusal(401, b"", None), own=own).everywhere is everywhere


@pytest.mark.parametrize(
    ("status", "wait", "asks"),
    [(429, None, True), (429, 3.0, True), (503, None, False), (503, 3.0, True), (507, 3.0, False), (403, 3.0, False)],
)
def test_who_asks_to_wait_is_left_alone(status, wait, asks):
    assert refusal(status, b"", wait).asks_to_wait is asks


@pytest.mark.parametrize(
    ("status", "body", "used"),
    [
        (409, condition("c:no-uid-conflict"), True),
        (403, condition("c:no-uid-conflict"), True),
        (
            400,
            sabre("BadRequest", "Deleted calendar object with uid already exists in this calendar collection."),
            True,
        ),
        (400, sabre("BadRequest", "something else"), False),
        (412, b"", False),
    ],
)
def test_a_used_uid_is_told_by_its_condition_or_as_nextcloud_says_it(status, body, used):
    assert refusal(status, body, None).uid_used is used
