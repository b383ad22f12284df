"""Who is set up in Dataverse already, and the sign of Microsoft's own booking sync: read over the real protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.contracts.dataverse_end import DataverseEnd

from fieldcal.clock import SystemClock
from fieldcal.embedded.server import serving
from fieldcal.errors import Denied, Incomplete, SignInFailed, Throttled, Unreachable
from fieldcal.http import Http, TokenCredential
from fieldcal.model import SetUpThere
from fieldcal.sources.dataverse import other_sync, set_up

T = TypeVar("T")
MAPPING = "bookableresourcebookingexchangesyncidmapping"
GOOD = {"actdeliverymethod": 1, "actstatus": 1, "enabledforact": True, "emailrouteraccessapproval": 1}


@pytest.fixture
def end(tmp_path: Path) -> Iterator[DataverseEnd]:
    made = DataverseEnd(tmp_path / "fieldservice.sqlite3")
    profile = made.store.create("emailserverprofile", {"name": "Exchange"})
    users = {row["fullname"]: row["systemuserid"] for row in made.store.rows("systemuser")}
    for name, user in users.items():
        row = {"name": name, "emailaddress": f"{name}@Contoso.test", "regardingobjectid": user}
        made.store.create("mailbox", row | GOOD | {"emailserverprofile": profile})
    made.store.create("mailbox", {"name": "Support", "emailaddress": "support@contoso.test"})
    made.users = users
    yield made
    made.close()


def ask(end: DataverseEnd, work: Callable[[Http], Awaitable[T]]) -> T:
    async def go() -> T:
        async with serving(end.server.app) as url:
            http = Http(url, TokenCredential(lambda: end.server.tokens.grant(url)), SystemClock(), timeout=5)
            try:
                return await work(http)
            finally:
                await http.close()

    return asyncio.run(go())


def read(end: DataverseEnd) -> Any:
    return ask(end, lambda http: set_up.read(http, end.server.control.clock.now()))


def maps(end: DataverseEnd, user: str | None) -> None:
    row = {"exchangeentryid": "AAA=", "userid": user}
    end.store.create(MAPPING, row)


ANNA, BERT = (f"0b000000-0000-4000-8000-{ord(letter):012}" for letter in "AB")


def test_every_mailbox_is_told_by_the_directorys_id_with_what_is_missing(end: DataverseEnd) -> None:
    found = read(end)
    assert set(found.mailboxes) == {
        SetUpThere(ANNA, "anna@contoso.test", ""),
        SetUpThere(BERT, "bert@contoso.test", ""),
        SetUpThere("", "support@contoso.test", "it has no server profile"),
    }
    assert found.doubt == ""
    assert {method for method, _ in end.requests()} == {"GET"}


def test_f53_a_row_that_microsofts_own_sync_changed_lately_shows_whom_it_serves(end: DataverseEnd) -> None:
    maps(end, end.users["Anna"])
    maps(end, None)
    served = {box.object_id: box.served_at is not None for box in read(end).mailboxes}
    assert served == {ANNA: True, BERT: False, "": False}
    end.server.control.clock.advance(other_sync.LATELY + timedelta(hours=1))
    assert all(box.served_at is None for box in read(end).mailboxes), "the table alone, and old rows, show nothing"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(403, "0x80040220", "may not read the table bookableresourcebookingexchangesync"), (404, "0x8006088a", "")],
)
def test_a_map_that_may_not_be_read_is_a_doubt_and_one_that_is_not_there_is_none(
    end: DataverseEnd, status: int, code: str, expected: str
) -> None:
    end.fault("status", path="idmappings", status=status, code=code, times=None)
    doubt = read(end).doubt
    assert (expected in doubt) if expected else doubt == ""


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("status", {"status": 404, "body": "<html>"}, Unreachable),
        ("status", {"status": 500}, Unreachable),
        ("status", {"status": 429, "headers": {"Retry-After": "7"}}, Throttled),
        ("status", {"status": 401}, SignInFailed),
        ("empty_page", {}, Incomplete),
        ("garbage", {}, Incomplete),
        ("drop_before", {}, Unreachable),
    ],
)
@pytest.mark.parametrize("path", ["idmappings", r"/mailboxes\?"])
def test_what_is_not_answered_is_never_taken_for_nobody(
    end: DataverseEnd, kind: str, more: dict[str, Any], error: type[Exception], path: str
) -> None:
    maps(end, end.users["Anna"])
    end.fault(kind, path=path, times=None, **more)
    with pytest.raises(error):
        read(end)


def test_a_column_that_an_old_organization_lacks_is_left_out(end: DataverseEnd) -> None:
    end.fault("status", path="testemailconfigurationscheduled", status=400, code="0x0", times=None)
    assert [box.missing for box in read(end).mailboxes if box.object_id] == ["", ""]


def test_columns_that_nobody_can_do_without_are_told_as_missing(end: DataverseEnd) -> None:
    end.fault("status", path=r"/mailboxes\?", status=400, code="0x0", message="no property actstatus", times=None)
    with pytest.raises(Incomplete, match=r"lacks the columns .*no property actstatus"):
        read(end)


def test_a_missing_privilege_is_one_line_with_what_to_give(end: DataverseEnd) -> None:
    end.fault("status", path=r"/mailboxes\?", status=403, code="0x80040220", times=None)
    with pytest.raises(Denied, match="may not read the table mailboxes; give its role the read privilege") as told:
        read(end)
    assert "\n" not in str(told.value)
