"""Finding a mailbox's calendar, and what Test & Enable asks of it and of the server."""

from __future__ import annotations

import asyncio

import pytest
from tests.caldav.stub import (
    ANNA,
    CALENDAR,
    COLLECTION,
    HOME,
    IS_CALENDAR,
    START,
    Stub,
    create,
    free,
)

from fieldcal.calendars.caldav import health, wire
from fieldcal.errors import LeaseLost, NotAMailbox
from fieldcal.model import Receipt

PRINCIPAL, ROOT = "/principals/anna/", "/"
SERVICE = "/principals/service/"
FAR = wire.trial("left", START.replace(year=2001, month=1, day=1, hour=0), START, START).decode()


def href(name, *paths, space="d"):
    told = "".join(f"<d:href>{path}</d:href>" for path in paths)
    return f"<{space}:{name}>{told}</{space}:{name}>"


def leads(principal=PRINCIPAL, home=HOME):
    """A server that leads from its root to the home of who signs in."""
    stub = Stub()
    to_principal = href("current-user-principal", principal)
    stub.resources |= {
        ROOT: COLLECTION + to_principal,
        "/.well-known/caldav": COLLECTION + to_principal,
        principal: "<d:resourcetype><d:principal/></d:resourcetype>" + to_principal
        + href("calendar-home-set", home, space="c"),
    }  # fmt: skip
    return stub


def run(stub, body, **more):
    async def go():
        async with stub.serve(**more) as end:
            return await body(end)

    return asyncio.run(go())


def trial_of(stub, collection="", **more):
    """The lines of Test & Enable, and the calendar that is remembered."""

    async def body(end):
        return await end.calendar().test(free), end.remembered[ANNA]

    return run(stub, body, collection=collection, **more)


def ok(lines):
    return [(line.name, line.ok) for line in lines]


GOOD = [("sign-in", True), ("mailbox found", True), ("calendar writable", True)]


class TestFinding:
    @pytest.mark.parametrize("start", [CALENDAR, HOME, PRINCIPAL, ROOT])
    def test_any_address_that_leads_to_the_calendar_does(self, start):
        stub = leads()
        lines, remembered = trial_of(stub, start=start)
        assert ok(lines) == GOOD, lines
        assert remembered == CALENDAR
        assert stub.objects == {}

    def test_without_a_well_known_address_the_root_is_asked(self):
        stub = leads()
        del stub.resources["/.well-known/caldav"]
        assert ok(trial_of(stub, start=ROOT)[0]) == GOOD

    def test_a_redirect_within_the_server_is_followed(self):
        stub = leads()
        del stub.resources["/.well-known/caldav"]
        stub.says("PROPFIND", "well-known", 301, Location="/principals/anna/")
        assert ok(trial_of(stub, start=ROOT)[0]) == GOOD

    def test_a_redirect_in_a_circle_ends(self):
        stub = leads()
        for _ in range(9):
            stub.says("PROPFIND", "", 302, Location=HOME)
        lines, _ = trial_of(stub, start=HOME)
        assert ok(lines) == [("sign-in", False)]
        assert stub.count("PROPFIND") == 6

    @pytest.mark.parametrize("way", ["redirect", "home"])
    def test_an_account_on_another_server_names_the_address_to_set_and_nothing_is_asked_there(self, way):
        stub = leads(home="https://p34-caldav.icloud.test/123/calendars/")
        if way == "redirect":
            stub.says("PROPFIND", "", 302, Location="https://p34-caldav.icloud.test/x")
        lines, _ = trial_of(stub, start=PRINCIPAL)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert "https://p34-caldav.icloud.test" in lines[-1].detail
        assert "address" in lines[-1].remedy

    def test_a_server_that_knows_itself_by_another_scheme_is_asked_at_its_root(self):
        stub = leads()
        stub.says("PROPFIND", "well-known", 301, Location="https://127.0.0.1/dav/")
        assert ok(trial_of(stub, start=ROOT)[0]) == GOOD

    def test_and_where_that_leads_nowhere_the_remedy_is_an_address(self):
        stub = leads()
        stub.says("PROPFIND", "", 301, Location="https://127.0.0.1/dav/")
        lines, _ = trial_of(stub, start=PRINCIPAL)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert "https://127.0.0.1, which is not asked" in lines[-1].detail
        assert "https://HOST/" in lines[-1].remedy

    @pytest.mark.parametrize("start", [SERVICE, ROOT, "/dav/service/"])
    def test_i5_one_account_for_all_never_leads_to_its_own_calendar(self, start):
        """Or every technician's bookings would land in one."""
        stub = leads(SERVICE, "/dav/service/")
        stub.resources["/dav/service/"] = COLLECTION + href("current-user-principal", SERVICE)
        stub.resources["/dav/service/work/"] = IS_CALENDAR
        lines, remembered = trial_of(stub, start=start, own=False)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert remembered == ""
        assert lines[-1].remedy

    @pytest.mark.parametrize("way", ["address", "redirect"])
    def test_i5_an_address_that_leads_straight_to_a_calendar_of_the_one_account_for_all_is_refused(self, way):
        stub, start = leads(SERVICE, "/dav/service/"), "/dav/service/work/"
        stub.resources[start] = IS_CALENDAR + href("current-user-principal", SERVICE)
        if way == "redirect":
            start = "/dav/anna/"
            stub.says("PROPFIND", start, 302, Location="/dav/service/work/")
        lines, remembered = trial_of(stub, start=start, own=False)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert (remembered, stub.count("PUT"), lines[-1].transient) == ("", 0, False)
        assert "{user}" in lines[-1].remedy

    @pytest.mark.parametrize(("start", "own"), [(CALENDAR, True), (CALENDAR, False), (HOME, False)])
    def test_i1_a_calendar_whose_private_events_nextcloud_hides_from_us_is_refused(self, start, own):
        """It would say of one that the worker makes private that it is gone, and a second would be made."""
        stub = leads(SERVICE, "/dav/service/")
        told = '<o:owner-principal xmlns:o="http://owncloud.org/ns">principals/{}</o:owner-principal>'
        stub.resources[HOME] = COLLECTION + href("current-user-principal", SERVICE)
        stub.resources[CALENDAR] = IS_CALENDAR + href("current-user-principal", SERVICE) + told.format("anna")
        stub.resources[CALENDAR] += href("owner", "/principals/anna/")
        lines, remembered = trial_of(stub, start=start, own=own)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert (remembered, stub.count("PUT"), lines[-1].transient) == ("", 0, False)
        stub.resources[CALENDAR] = stub.resources[CALENDAR].replace("/anna", "/service")
        assert ok(trial_of(stub, start=start, own=own)[0]) == GOOD

    @pytest.mark.parametrize("start", [PRINCIPAL, HOME, CALENDAR])
    def test_one_account_for_all_reaches_each_mailboxs_own(self, start):
        stub = leads(SERVICE, "/dav/service/")
        stub.resources[PRINCIPAL] = (
            "<d:resourcetype><d:principal/></d:resourcetype>" + href("current-user-principal", SERVICE)
            + href("calendar-home-set", HOME, space="c")
        )  # fmt: skip
        lines, remembered = trial_of(stub, start=start, own=False)
        assert ok(lines) == GOOD, lines
        assert remembered == CALENDAR

    @pytest.mark.parametrize(
        ("others", "found"),
        [
            ({"/dav/anna/tasks/": f'{IS_CALENDAR}<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>'}, CALENDAR),
            ({"/dav/anna/holidays/": "<d:resourcetype><d:collection/><c:calendar/><s:subscribed/></d:resourcetype>"}, CALENDAR),
            ({"/dav/anna/inbox/": "<d:resourcetype><d:collection/><c:schedule-inbox/></d:resourcetype>"}, CALENDAR),
            ({"/dav/anna/shared/": f"{IS_CALENDAR}<d:current-user-privilege-set><d:privilege><d:read/></d:privilege></d:current-user-privilege-set>"}, CALENDAR),
            ({"/dav/anna/personal/": IS_CALENDAR}, "/dav/anna/personal/"),
            ({"/dav/anna/x/": f"{IS_CALENDAR}<d:displayname>Default</d:displayname>"}, "/dav/anna/x/"),
        ],
    )  # fmt: skip
    def test_the_default_calendar_is_told_from_the_others(self, others, found):
        stub = leads()
        stub.resources |= others
        lines, remembered = trial_of(stub, start=HOME)
        assert ok(lines) == GOOD, lines
        assert remembered == found

    @pytest.mark.parametrize(
        "told",
        [
            "<d:resourcetype><d:collection/><c:calendar/><s:shared/></d:resourcetype>",
            IS_CALENDAR + href("owner", "/principals/bert/"),
            IS_CALENDAR + href("owner", "mailto:bert@acme.example"),
        ],
    )
    def test_i5_a_calendar_that_another_shares_is_not_the_workers_own(self, told):
        """Or her bookings would land in his, under the very name that both calendars have."""
        stub = leads()
        stub.resources[CALENDAR] = IS_CALENDAR + href("owner", PRINCIPAL.rstrip("/"))
        stub.resources["/dav/anna/personal/"] = told + "<d:displayname>Bookings</d:displayname>"
        assert trial_of(stub, start=PRINCIPAL)[1] == CALENDAR
        lines, remembered = trial_of(stub, start=PRINCIPAL, calendar="Bookings")
        assert (ok(lines), stub.count("MKCALENDAR")) == (GOOD, 1), lines
        assert remembered not in {"", CALENDAR, "/dav/anna/personal/"}

    def test_the_servers_own_word_for_the_default_counts_most(self):
        stub = leads()
        stub.resources |= {
            "/dav/anna/personal/": IS_CALENDAR,
            "/dav/anna/inbox/": COLLECTION + href("schedule-default-calendar-URL", CALENDAR, space="c"),
        }
        stub.resources[PRINCIPAL] += href("schedule-inbox-URL", "/dav/anna/inbox/", space="c")
        assert trial_of(stub, start=PRINCIPAL)[1] == CALENDAR

    def test_of_several_without_a_sign_none_is_guessed(self):
        stub = leads()
        stub.resources["/dav/anna/private/"] = f"{IS_CALENDAR}<d:displayname>Family</d:displayname>"
        lines, remembered = trial_of(stub, start=HOME)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert "Family, work" in lines[-1].detail
        assert remembered == ""

    def test_a_calendar_of_our_own_is_made_once_and_only_by_the_test(self):
        stub = leads()

        async def body(end):
            with pytest.raises(NotAMailbox):
                await end.calendar().owned(None, free)
            first = await end.calendar().test(free)
            path = end.remembered[ANNA]
            end.remembered[ANNA] = ""
            again = await end.calendar().test(free)
            return first, again, path, end.remembered[ANNA]

        first, again, path, same = run(stub, body, start=HOME, collection="", calendar="Bookings")
        assert ok(first) == ok(again) == GOOD
        assert path == same != CALENDAR
        assert stub.count("MKCALENDAR") == 1

    def test_a_server_that_makes_no_calendar_says_so(self):
        stub = leads()
        stub.says("MKCALENDAR", ".", 403)
        lines, _ = trial_of(stub, start=HOME, calendar="Bookings")
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]

    def test_a_pass_asks_no_discovery_and_a_forgotten_calendar_is_found_again(self):
        stub = leads()

        async def body(end):
            first = await end.calendar().write([create(0)], free)
            asked = stub.count("PROPFIND")
            second = await end.calendar().write([create(1)], free)
            return [*first.values(), *second.values()], asked, stub.count("PROPFIND")

        outcomes, first, second = run(stub, body, start=HOME, collection="")
        assert all(isinstance(told, Receipt) for told in outcomes)
        assert first == second > 0

    @pytest.mark.parametrize("start", ["/nowhere/", "/dav/anna/address-book/"])
    def test_an_address_without_a_calendar_is_no_mailbox(self, start):
        stub = leads()
        stub.resources["/dav/anna/address-book/"] = COLLECTION
        lines, _ = trial_of(stub, start=start)
        assert ok(lines) == [("sign-in", True), ("mailbox found", False)]
        assert not lines[-1].transient
        assert lines[-1].remedy


class TestTrying:
    def test_the_trial_proves_both_conditions_and_is_removed(self):
        stub = leads()
        trial_of(stub, start=CALENDAR)
        told = [(method, headers.get("if-match"), headers.get("if-none-match")) for method, _, headers in stub.ledger]
        assert told[2:] == [
            ("PUT", None, "*"), ("GET", None, None), ("PUT", None, "*"), ("PUT", '"fieldcal-no-such-etag"', None),
            ("DELETE", '"1"', None),
        ]  # fmt: skip
        assert stub.objects == {}

    @pytest.mark.parametrize("quirk", ["ignores If-None-Match", "ignores If-Match", "drops our properties"])
    def test_i1_a_server_that_cannot_keep_an_event_single_is_not_enabled(self, quirk):
        stub = leads()
        stub.quirks.add(quirk)
        (*_, last), _ = trial_of(stub, start=CALENDAR)
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, False)
        assert last.remedy
        assert stub.objects == {}

    def test_a_trial_that_reads_as_no_calendar_is_removed(self):
        stub = leads()
        stub.says("GET", ".", 200, "<html>sign in</html>")
        (*_, last), _ = trial_of(stub, start=CALENDAR)
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, True)
        assert stub.objects == {}

    def test_i1_a_server_that_hides_what_we_write_is_refused_for_good_and_what_may_be_left_is_said(self):
        stub = leads()
        stub.quirks.add("hides private")
        (*_, last), _ = trial_of(stub, start=CALENDAR, own=False)
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, False)
        assert "may have stayed" in last.detail
        assert last.remedy

    def test_leftovers_of_a_crash_are_cleaned_and_nothing_else(self):
        stub = leads()
        stub.put("/dav/anna/work/left.ics", FAR)
        stub.put("/dav/anna/work/theirs.ics", FAR.replace("X-FIELDCAL", "X-OTHER"))
        assert ok(trial_of(stub, start=CALENDAR)[0]) == GOOD
        assert list(stub.objects) == ["/dav/anna/work/theirs.ics"]

    @pytest.mark.parametrize(
        ("status", "line", "transient"),
        [
            (401, "sign-in", False), (429, "sign-in", True), (500, "sign-in", True), (503, "sign-in", True),
            (403, "mailbox found", False), (404, "mailbox found", False),
        ],
    )  # fmt: skip
    def test_a_server_that_refuses_is_told_with_whether_time_heals_it(self, status, line, transient):
        stub = leads()
        for _ in range(4):
            stub.says("PROPFIND", ".", status)
        (*_, last), _ = trial_of(stub, start=CALENDAR)
        assert (last.name, last.ok, last.transient) == (line, False, transient)

    @pytest.mark.parametrize(("status", "transient"), [(403, False), (507, False), (503, True), (415, False)])
    def test_a_trial_that_is_refused_is_told(self, status, transient):
        stub = leads()
        stub.says("PUT", ".", status)
        (*_, last), _ = trial_of(stub, start=CALENDAR)
        assert (last.name, last.ok, last.transient) == ("calendar writable", False, transient)

    def test_a_read_only_calendar_is_told_before_anything_is_written(self):
        stub = leads()
        stub.resources[CALENDAR] += (
            "<d:current-user-privilege-set><d:privilege><d:read/></d:privilege></d:current-user-privilege-set>"
        )
        (*_, last), _ = trial_of(stub, start=CALENDAR)
        assert (last.name, last.ok) == ("calendar writable", False)
        assert {method for method, _, _ in stub.ledger} == {"PROPFIND"}

    @pytest.mark.parametrize("held", [1, 2, 3, 5])
    def test_i8_a_lease_lost_during_the_test_sends_nothing_more(self, held):
        stub, asked = leads(), []

        def lost():
            asked.append(1)
            if len(asked) > held:
                raise LeaseLost("taken over")

        async def body(end):
            with pytest.raises(LeaseLost):
                await end.calendar().test(lost)

        run(stub, body, start=CALENDAR, collection="")
        assert len(stub.ledger) == held


class TestHealth:
    @pytest.mark.parametrize(("start", "speaks"), [(CALENDAR, True), ("/nowhere/", True)])
    def test_what_a_server_says_of_itself(self, start, speaks):
        async def body(end):
            return await health.examine(end.http, end.of(ANNA))

        told = run(leads(), body, start=start, collection="")
        assert [(line.name, line.ok) for line in told] == [("sign-in", True), ("speaks CalDAV", speaks)]
