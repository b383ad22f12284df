"""What only CalDAV has, asked of its calendar on both servers: names, etags, other people's words, ways to sign in.

What every calendar promises stands in `test_calendar_contract.py`. Odd habits that neither server has are put on by the
gate before it (`tests/dav/gate.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest
from tests.contracts.dav_end import RadicaleEnd, XandikosEnd
from tests.contracts.roads import on_every_road
from tests.contracts.writing import HOUR, START, WINDOW, create, delete, free, make, mark, run, update
from tests.dav.gate import bearer
from tests.dav.hands import same_path

from fieldcal.calendars.caldav.wire import href_of
from fieldcal.errors import (
    Changed,
    FieldcalError,
    Forbidden,
    Gone,
    KeyUsed,
    NotAMailbox,
    NotSent,
    SignInFailed,
    Throttled,
    Unreachable,
)
from fieldcal.http import TokenCredential
from fieldcal.model import Receipt, ShowAs
from fieldcal.password import PasswordCredential

ENDS = {"radicale": RadicaleEnd, "xandikos": XandikosEnd}
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<multistatus xmlns="DAV:"><response><href>/x/</href><status>HTTP/1.1 200 &b;</status></response></multistatus>'
)
CUT = (
    '<?xml version="1.0"?><multistatus xmlns="DAV:"><response><href>{path}</href><status>HTTP/1.1 507 Insufficient '
    "Storage</status><error><number-of-matches-within-limits/></error></response></multistatus>"
)


@pytest.fixture(params=on_every_road(ENDS))
def end(request):
    name, _, road = request.param.partition("-")
    made = ENDS[name](request.getfixturevalue(name))
    made.road.kind = road
    yield made
    made.close()


def hands(end):
    return end.hands[end.mailbox]


def served(end, body):
    """Run `body()` while the end's server is there; the body opens calendars itself."""

    async def go():
        async with end.serve():
            return await body()

    return asyncio.run(go())


def signs(end, credential, mailbox=None):
    end.joins(mailbox or end.mailbox)
    known = end.accounts.known[mailbox or end.mailbox]
    end.accounts.known[mailbox or end.mailbox] = replace(known, credential=credential)


class TestNames:
    def test_i3_a_foreign_object_under_the_name_of_our_event_is_never_touched(self, end):
        """Its name is free for nobody: the create says that the key is used, and by none of ours."""

        async def body(calendar):
            action = create(end)
            other = hands(end).adds("Dentist", START)
            text = other.text
            hands(end).deletes(other)
            hands(end).puts(href_of(hands(end).path, action.mark), text)
            before = hands(end).look()
            told = (await calendar.write([action], free))[action.mark]
            assert hands(end).look() == before
            return told

        told = run(end, body)
        assert isinstance(told, KeyUsed)
        assert told.existing is None

    def test_i3_a_foreign_object_that_has_the_uid_of_our_event_is_never_touched(self, end):
        """A UID stands once in a calendar (RFC 4791 5.3.2.1), so ours cannot be made beside it."""

        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            (ours,) = hands(end).look()
            hands(end).deletes(ours)
            lines = [line for line in ours.text.splitlines() if not line.startswith("X-FIELDCAL")]
            hands(end).puts(f"{hands(end).path}theirs.ics", "\r\n".join([*lines, ""]))
            before = hands(end).look()
            told = (await calendar.write([action], free))[action.mark]
            assert hands(end).look() == before
            return made, told

        made, told = run(end, body)
        assert isinstance(told, KeyUsed)
        assert told.existing != made.id

    @pytest.mark.parametrize("how", ["kept", "whole", "more", "less"])
    def test_an_event_is_the_same_however_hrefs_are_written(self, end, how):
        async def body(calendar):
            end.habits(hrefs=how)
            actions = [create(end, n) for n in range(3)]
            made = await make(calendar, *actions)
            ids = [receipt.id for receipt in made]
            assert {seen.id for seen in await calendar.owned(None, free)} == set(ids)
            assert {seen.id for seen in await calendar.owned(WINDOW, free)} == set(ids)
            assert [seen.id for seen in (await calendar.get(ids, free)).values()] == ids
            found = await calendar.find([action.mark for action in actions], free)
            assert [[seen.id for seen in found[action.mark]] for action in actions] == [[each] for each in ids]
            await make(calendar, update(actions[0], made[0], subject="new"), delete(actions[1], made[1]))

        run(end, body)
        assert [row[0] for row in end.shown()] == ["new", "0002 · Repair"]

    def test_a_name_that_was_used_is_free_when_its_event_is_gone(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            await make(calendar, delete(action, made))
            return await make(calendar, action)

        assert len(run(end, body)) == 1
        assert len(end.events()) == 1


class TestEtags:
    @pytest.mark.parametrize("etags", ["none", "weak"])
    def test_without_a_sound_etag_after_a_put_the_event_is_read_and_what_is_told_is_true(self, end, etags):
        async def body(calendar):
            end.habits(etags=etags)
            action = create(end)
            (made,) = await make(calendar, action)
            (seen,) = await calendar.owned(WINDOW, free)
            assert (seen.id, seen.etag) == (made.id, made.etag)
            (changed,) = await make(calendar, update(action, made, subject="new"))
            (seen,) = await calendar.owned(WINDOW, free)
            assert (seen.id, seen.etag, seen.subject) == (changed.id, changed.etag, "new")
            end.worker_edits()
            return (await calendar.write([update(action, changed, subject="ours")], free))[action.mark]

        assert isinstance(run(end, body), Changed)
        assert end.shown()[0][0] == "changed by hand"

    def test_a_change_of_an_event_that_only_we_have_written_is_one_request(self, end):
        async def body(calendar):
            actions = [create(end, n) for n in range(10)]
            made = await make(calendar, *actions)
            end.forget_requests()
            await make(calendar, *[update(*pair, subject="new") for pair in zip(actions, made, strict=True)])
            return end.requests()

        sent = run(end, body)
        if end.server.kind == "xandikos":  # which refuses (423) what comes while it is at another write
            assert {method for method, _ in sent} == {"PUT"}
        else:
            assert [method for method, _ in sent] == ["PUT"] * 10

    def test_a_creation_is_one_request(self, end):
        async def body(calendar):
            await make(calendar, create(end))
            end.forget_requests()
            await make(calendar, create(end, 1))
            return end.requests()

        assert [method for method, _ in run(end, body)] == ["PUT"]

    @pytest.mark.parametrize("drops", ["X-ALT-DESC", "LOCATION", "CATEGORIES|STATUS"])
    def test_a_server_that_rewrites_or_drops_properties_is_written_to_all_the_same(self, end, drops):
        async def body(calendar):
            end.habits(drops=drops)
            action = create(end)
            (made,) = await make(calendar, action)
            (seen,) = await calendar.owned(None, free)
            assert (seen.id, seen.mark, seen.key, seen.stamp) == (made.id, action.mark, action.key, action.stamp)
            (changed,) = await make(calendar, update(action, made, "", subject="new"))
            (seen,) = await calendar.owned(None, free)
            assert (seen.id, seen.subject, seen.stamp) == (changed.id, "new", "stamp-new")
            await make(calendar, update(action, changed, seen.etag, subject="newer"))
            await make(calendar, delete(action, made, ""))

        run(end, body)
        assert end.events() == []


class TestOthersWords:
    def test_whatever_a_worker_adds_survives_every_change_of_ours(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            event = hands(end).sets(end.events()[0], CATEGORIES=["Mine"], COMMENT="bring the ladder", X_OWN="kept")
            hands(end).alarms(event, 5, 60)
            (seen,) = await calendar.owned(None, free)
            told = [(await calendar.write([update(action, made)], free))[action.mark]]
            for etag, number in ((seen.etag, 1), ("", 2)):
                end.forget_requests()
                told += await make(calendar, update(action, made, etag, subject=f"moved {number}", start=START + HOUR))
                told.append([method for method, _ in end.requests()])
            return seen, told

        seen, (stale, first, requests, second, again) = run(end, body)
        assert isinstance(stale, Changed)
        assert (requests, again) == (["GET", "PUT"], ["GET", "PUT"])
        assert seen.etag != first.etag != second.etag
        (held,) = end.events()
        assert (held.text_of("SUMMARY"), held.start, held.categories) == ("moved 2", START + HOUR, ("Mine",))
        assert (held.text_of("COMMENT"), held.text_of("X-OWN"), len(held.alarms)) == ("bring the ladder", "kept", 2)

    def test_an_etag_that_was_read_after_a_hands_change_lets_no_later_change_be_written_over(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_edits("mine")
            (seen,) = await calendar.owned(None, free)
            end.worker_edits("and mine again")
            changes = [update(action, made, seen.etag, subject="ours")], [delete(action, made, seen.etag)]
            return [(await calendar.write(change, free))[action.mark] for change in changes]

        assert [type(told) for told in run(end, body)] == [Changed, Changed]
        assert end.shown()[0][0] == "and mine again"

    def test_what_is_merged_can_be_removed_with_its_receipt(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            end.worker_edits(categories=["Mine"])
            (merged,) = await make(calendar, update(action, made, "", subject="new"))
            (seen,) = await calendar.owned(None, free)
            assert seen.etag == merged.etag
            await make(calendar, delete(action, merged))

        run(end, body)
        assert end.events() == []

    def test_a_series_that_a_worker_made_of_our_event_keeps_its_rule_and_its_exceptions(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            series = hands(end).repeats(end.events()[0], {"freq": "daily", "count": 5})
            exception = (
                "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261101T000000Z\r\nRECURRENCE-ID:20261124T090000Z\r\n"
                "DTSTART:20261124T130000Z\r\nDTEND:20261124T140000Z\r\nSUMMARY:in the afternoon\r\nEND:VEVENT\r\n"
            ).format(uid=series.text_of("UID"))
            text = "\r\n".join(series.text.splitlines()) + "\r\n"
            hands(end).puts(series.href, text.replace("END:VCALENDAR", f"{exception}END:VCALENDAR"))
            await make(calendar, update(action, made, "", subject="new", start=START + HOUR, end=START + 2 * HOUR))
            return await calendar.owned(WINDOW, free), await calendar.owned(None, free)

        near, everywhere = run(end, body)
        assert {seen.mark for seen in near} == {seen.mark for seen in everywhere} == {mark(end)}
        (held,) = end.events()
        assert (held.text_of("SUMMARY"), held.start) == ("new", START + HOUR)
        assert "COUNT=5" in held.event["RRULE"].to_ical().decode()
        assert [str(each["SUMMARY"]) for each in held.calendar.walk("VEVENT") if "RECURRENCE-ID" in each] == [
            "in the afternoon"
        ]  # fmt: skip

    def test_i3_a_copy_in_the_calendar_is_never_taken_for_ours_whatever_becomes_of_the_original(self, end):
        async def body(calendar):
            action = create(end)
            (made,) = await make(calendar, action)
            copied = end.worker_copies()
            await make(calendar, delete(action, made))
            left = (await calendar.find([action.mark], free))[action.mark]
            assert [seen.key for seen in left] in ([], [""])
            gone = await calendar.write([update(action, made, subject="ours")], free)
            assert isinstance(gone[action.mark], Gone)
            return copied

        copied = run(end, body)
        assert [held.text for held in end.events()] == [copied.text]


class TestWholeness:
    @pytest.mark.parametrize("kind", ["PROPFIND", "REPORT"])
    @pytest.mark.parametrize("window", [WINDOW, None])
    @pytest.mark.parametrize(
        "body",
        [
            CUT,
            BOMB,
            "<multistatus",
            '<multistatus xmlns="urn:other"/>',
            '<multistatus xmlns="DAV:"><response><href>http://evil.test/x.ics</href></response></multistatus>',
            "",
        ],
        ids=["cut", "bomb", "open", "stranger", "elsewhere", "empty"],
    )
    def test_a_list_that_is_not_whole_or_not_sound_is_never_taken_for_one(self, end, kind, window, body):
        async def ask(calendar):
            await make(calendar, *[create(end, n) for n in range(3)])
            before = await calendar.owned(window, free)
            text = body.format(path=hands(end).path)
            headers = {"content-type": "application/xml"}
            end.fault("status", method=kind, status=207, body=text, headers=headers, times=None)
            try:
                assert {seen.id for seen in await calendar.owned(window, free)} == {seen.id for seen in before}
            except Unreachable:
                return
            assert kind not in {method for method, _ in end.requests()[-2:]}, "taken for whole"

        run(end, ask)

    @pytest.mark.parametrize("number", [3, 25])
    def test_an_event_that_is_listed_and_not_answered_for_is_no_absence(self, end, number):
        """The etags name it, the multiget leaves it out."""

        async def ask(calendar):
            ids = [receipt.id for receipt in await make(calendar, *[create(end, n) for n in range(number)])]
            end.fault(
                "status", method="REPORT", contains="multiget", status=207, body='<multistatus xmlns="DAV:"/>',
                headers={"content-type": "application/xml"}, times=None,
            )  # fmt: skip
            for read in (lambda: calendar.owned(None, free), lambda: calendar.get(ids, free)):
                try:
                    told = await read()
                except Unreachable:
                    continue
                seen = told.values() if isinstance(told, dict) else told
                assert {each.id for each in seen} == set(ids), "asked for singly, or not told at all"

        run(end, ask)

    def test_a_search_that_lags_behind_hides_no_event_whose_name_is_known(self, end):
        async def ask(calendar):
            made = await make(calendar, *[create(end, n) for n in range(3)])
            end.habits(blind_search=True)
            return made, await calendar.find([mark(end, n) for n in range(3)], free)

        made, found = run(end, ask)
        assert [[seen.id for seen in found[mark(end, n)]] for n in range(3)] == [[receipt.id] for receipt in made]


class TestSignIn:
    @pytest.mark.parametrize("how", ["basic", "digest MD5", "digest SHA-256"])
    def test_it_signs_in_by_password_in_the_way_that_the_server_asks_for(self, end, how):
        async def body(calendar):
            end.habits(sign_in=how)
            await make(calendar, *[create(end, n) for n in range(3)])
            return await calendar.owned(None, free)

        assert len(run(end, body)) == 3

    def test_a_wrong_password_concerns_this_mailbox_only_and_nothing_is_written(self, end):
        async def body():
            user = end.users[end.mailbox]
            signs(end, PasswordCredential(user.name, lambda: "PLANTED-wrong-one"))
            refused = create(end)
            told = (await end.calendar().write([refused], free))[refused.mark]
            other = replace(refused, mark=replace(refused.mark, mailbox=end.other_mailbox))
            return told, (await end.calendar(end.other_mailbox).write([other], free))[other.mark]

        told, other = served(end, body)
        assert isinstance(told, SignInFailed)
        assert not told.everywhere
        assert isinstance(other, Receipt)
        assert end.events() == []

    def test_a_refused_token_is_read_anew_and_nothing_is_lost(self, end):
        async def body():
            tokens = iter(["old", *[bearer(end.users[end.mailbox])] * 20])
            end.habits(sign_in="bearer")
            signs(end, TokenCredential(lambda: next(tokens)))
            return await make(end.calendar(), create(end))

        assert len(served(end, body)) == 1

    def test_i5_the_session_of_one_mailbox_never_signs_in_another(self, end):
        """The server gives cookies, and believes them more than what is sent beside them."""

        async def body():
            end.habits(cookies=True)
            await make(end.calendar(), create(end))
            signs(end, PasswordCredential("nobody", lambda: "PLANTED-nobody"), end.other_mailbox)
            other = replace(create(end, 1), mark=replace(mark(end, 1), mailbox=end.other_mailbox))
            return (await end.calendar(end.other_mailbox).write([other], free))[other.mark]

        assert isinstance(served(end, body), SignInFailed)
        assert len(end.events()) == 1
        assert end.events(end.other_mailbox) == []

    def test_no_secret_is_sent_to_where_a_server_redirects_to_elsewhere(self, end):
        other = type(end)(end.server)

        async def body():
            async with other.serve():
                end.habits(moved={unquote(hands(end).path): f"{other.url}{hands(end).path}"})
                with pytest.raises(FieldcalError):
                    await end.calendar().owned(None, free)
                return other.sent()

        assert served(end, body) == 0


class TestPace:
    def test_all_mailboxes_of_a_server_share_its_limit(self, end):
        async def body():
            end.slows(0.02)
            calendars = [end.calendar(), end.calendar(end.other_mailbox)]
            actions = [create(end, n) for n in range(20)]
            theirs = [replace(each, mark=replace(each.mark, mailbox=end.other_mailbox)) for each in actions]
            await asyncio.gather(make(calendars[0], *actions), make(calendars[1], *theirs))

        served(end, body)
        assert 1 < end.peak <= 8
        assert len(end.events()) == len(end.events(end.other_mailbox)) == 20

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_server_that_asks_to_wait_is_left_alone_by_every_mailbox(self, end, status):
        async def body():
            await make(end.calendar(), create(end))
            end.fault("status", status=status, headers={"Retry-After": "60"})
            action = create(end, 1)
            return (await end.calendar().write([action], free))[action.mark]

        told = served(end, body)
        assert not isinstance(told, Receipt)
        assert {scope for scope, _, _ in end.pace.pauses} == {end.connector}

    def test_one_write_without_an_answer_leaves_its_neighbours_told_truly(self, end):
        actions = [create(end, n) for n in range(12)]
        names = {}

        async def body(calendar):
            await calendar.owned(None, free)
            end.fault("drop_after", method="PUT", path=r"\.ics", nth=4)
            told = await calendar.write(actions, free)
            names.update({action.mark: href_of(hands(end).path, action.mark) for action in actions})
            return told

        told = run(end, body)
        there = [held.href for held in end.events()]
        stands = {each: any(same_path(name, href) for href in there) for each, name in names.items()}
        unknown = [each for each, outcome in told.items() if not isinstance(outcome, Receipt | NotSent)]
        assert len(unknown) == 1
        for each, outcome in told.items():
            if each not in unknown:
                assert stands[each] is isinstance(outcome, Receipt), outcome


class TestWhichCalendar:
    def checks(self, end):
        return run(end, lambda calendar: calendar.test(free))

    def test_a_calendar_of_our_own_is_made_once_at_test_and_enable_and_never_in_a_pass(self, end):
        end.wanted = "Bookings"

        async def body(calendar):
            assert isinstance((await calendar.write([create(end)], free))[mark(end)], NotAMailbox | Forbidden)
            assert "MKCALENDAR" not in {method for method, _ in end.requests()}
            for _ in range(2):
                checks = await calendar.test(free)
                assert all(check.ok for check in checks), checks
            await make(calendar, create(end))
            return [method for method, _ in end.requests()].count("MKCALENDAR")

        assert run(end, body) == 1
        assert end.events() == [], "the worker's own calendar has nothing of it"
        found = end.accounts.collections[end.mailbox]
        assert not same_path(found, hands(end).path)

    def test_several_calendars_and_no_sign_are_named_and_nothing_is_written(self, end):
        end.server.makes_calendar(end.users[end.mailbox], "Second")
        last = self.checks(end)[-1]
        assert not last.ok
        assert not last.transient
        assert "Second" in last.detail + last.remedy
        assert "Work" in last.detail + last.remedy
        assert {method for method, _ in end.requests()} <= set(end.reads)

    def test_a_user_without_a_calendar_is_told(self, end):
        hands(end).destroys_the_calendar()
        last = self.checks(end)[-1]
        assert (last.ok, last.transient) == (False, False)
        assert last.remedy

    @pytest.mark.parametrize("moved", [False, True])
    def test_the_servers_bare_address_leads_to_the_own_calendar(self, end, moved):
        async def body():
            known = end.accounts.known[end.mailbox]
            end.accounts.known[end.mailbox] = replace(known, url=f"{end.url}/")
            if moved:
                end.habits(moved={"/.well-known/caldav": "/"})
            checks = await end.calendar().test(free)
            assert all(check.ok for check in checks), checks
            return end.accounts.collections[end.mailbox]

        assert same_path(served(end, body), hands(end).path)

    def test_i5_a_service_accounts_own_calendar_is_nobodys(self, end):
        """With one account for all, the principal that the server names is the account's own."""

        async def body():
            known = end.accounts.known[end.mailbox]
            end.accounts.known[end.mailbox] = replace(known, url=f"{end.url}/", own=False)
            checks = await end.calendar().test(free)
            told = (await end.calendar().write([create(end)], free))[mark(end)]
            return checks, told

        checks, told = served(end, body)
        assert not checks[-1].ok
        assert not isinstance(told, Receipt)
        assert end.events() == []

    @pytest.mark.parametrize(
        ("habits", "word"), [({"unconditional": True}, "If-None-Match"), ({"drops": "X-FIELDCAL-[A-Z]+"}, "")]
    )
    def test_i1_a_server_on_which_an_event_could_be_doubled_or_lost_sight_of_is_not_enabled(self, end, habits, word):
        end.habits(**habits)
        last = self.checks(end)[-1]
        assert (last.ok, last.transient) == (False, False)
        assert word in last.detail
        assert end.events() == []

    def test_where_no_claim_can_be_kept_it_is_said_and_nothing_fails(self, end):
        end.habits(forgets=True)

        async def body(calendar):
            assert await calendar.set_claim("ours", free) is False
            return await calendar.claim(free)

        assert run(end, body) is None

    def test_what_was_found_is_remembered_so_that_a_pass_asks_no_way(self, end):
        async def body():
            await make(end.calendar(), create(end))
            end.forget_requests()
            await make(end.calendar(), create(end, 1))
            return end.requests()

        assert [method for method, _ in served(end, body)] == ["PUT"]


class TestText:
    @pytest.mark.parametrize(
        "subject",
        ["a\\b; c, d: e", 'Zaß "quoted" 漢字 😀', "x" * 300 + "é" * 100, "ends in a backslash \\", "\\n is no line"],
    )
    def test_every_text_is_read_as_it_was_written(self, end, subject):
        async def body(calendar):
            await make(calendar, create(end, subject=subject, location=subject[::-1]))
            return (await calendar.owned(WINDOW, free))[0]

        seen = run(end, body)
        assert (seen.subject, seen.location) == (subject, subject[::-1])
        assert (end.shown()[0][0], end.shown()[0][2]) == (subject, subject[::-1])

    def test_what_no_calendar_can_hold_stops_nothing(self, end):
        """Control characters, a lone surrogate, line breaks."""

        async def body(calendar):
            actions = [create(end, n, subject=text) for n, text in enumerate(["a\x00b\x1bc", "a\ud83d b", "a\r\nb\nc"])]
            await make(calendar, *actions)
            return await calendar.owned(None, free)

        assert len(run(end, body)) == 3

    @pytest.mark.parametrize(
        ("show_as", "status", "transparency"),
        [(ShowAs.BUSY, "CONFIRMED", "OPAQUE"), (ShowAs.TENTATIVE, "TENTATIVE", "OPAQUE")],
    )
    def test_status_and_transparency_say_how_the_time_is_shown(self, end, show_as, status, transparency):
        run(end, lambda calendar: make(calendar, create(end, show_as=show_as)))
        (held,) = end.events()
        assert (held.text_of("STATUS"), held.text_of("TRANSP") or "OPAQUE") == (status, transparency)

    def test_times_are_in_utc_and_nobody_is_invited(self, end):
        run(end, lambda calendar: make(calendar, create(end)))
        (held,) = end.events()
        assert held.event["DTSTART"].to_ical() == b"20261123T090000Z"
        assert not {"ATTENDEE", "ORGANIZER"} & set(held.event)
        assert [alarm["TRIGGER"].dt for alarm in held.alarms] == [timedelta(minutes=-15)]


class TestTrouble:
    @pytest.mark.parametrize(
        ("status", "error"), [(401, SignInFailed), (403, Forbidden), (429, Throttled), (500, Unreachable)]
    )
    def test_the_way_to_a_calendar_that_is_not_found_yet_fails_as_a_read(self, end, status, error):
        async def ask(calendar):
            end.fault("status", method="PROPFIND", status=status, times=None)
            with pytest.raises(error):
                await calendar.owned(None, free)

        run(end, ask)
        assert end.accounts.collections == {}
