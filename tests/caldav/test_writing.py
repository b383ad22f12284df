"""Writing over CalDAV: once, only over what we know, and what becomes of it where a server has its own manners."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from starlette.responses import Response
from tests.caldav.stub import ANNA, BERT, CALENDAR, HOUR, START, Stub, create, event, free, mark

from fieldcal.calendars.caldav import wire
from fieldcal.errors import (
    Changed,
    Forbidden,
    Gone,
    KeyUsed,
    LeaseLost,
    NotAMailbox,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SignInFailed,
    Unreachable,
)
from fieldcal.model import Delete, Receipt, Update, Window

WINDOW = Window(START - HOUR, START + 10 * HOUR)
DENTIST = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:theirs\r\nDTSTAMP:20261101T000000Z\r\n"
    "DTSTART:20261123T093000Z\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
PLACE = wire.href_of(CALENDAR, mark())


def run(stub, body, **more):
    async def go():
        async with stub.serve(**more) as end:
            return await body(end)

    return asyncio.run(go())


async def one(end, action):
    return (await end.calendar().write([action], free))[action.mark]


async def made(end, number=0):
    action = create(number)
    receipt = await one(end, action)
    assert isinstance(receipt, Receipt), receipt
    return action, receipt


def update(action, receipt, etag=None, **changes):
    etag = receipt.etag if etag is None else etag
    return Update(action.mark, receipt.id, etag, replace(action.event, **changes), "stamp-new")


def by_hand(stub, path=PLACE, before="SUMMARY:", after="COMMENT:key at the gate\r\nSUMMARY:by hand, "):
    stub.put(path, stub.objects[path].replace(before, after, 1))


class TestCreating:
    def test_it_is_made_under_a_condition_and_by_one_request(self):
        stub = Stub()
        _, receipt = run(stub, made)
        assert receipt == Receipt(PLACE, '"1"')
        assert receipt.status == 201
        ((method, path, headers),) = stub.ledger
        assert (method, path, headers["if-none-match"]) == ("PUT", PLACE, "*")

    @pytest.mark.parametrize("quirk", ["no etag", "weak etag"])
    def test_without_a_strong_etag_it_is_read_back(self, quirk):
        stub = Stub(quirk)
        assert run(stub, made)[1] == Receipt(PLACE, '"1"')
        assert [entry[0] for entry in stub.ledger] == ["PUT", "GET"]

    def test_i1_a_repeat_finds_it_and_makes_no_second_one(self):
        stub = Stub()

        async def body(end):
            return [await one(end, create()) for _ in range(3)]

        assert len(set(run(stub, body))) == 1
        assert stub.written == 1

    def test_i3_a_strangers_object_of_that_name_is_not_touched_and_not_ours(self):
        stub = Stub()
        stub.put(PLACE, DENTIST)
        told = run(stub, lambda end: one(end, create()))
        assert (type(told), told.existing) == (KeyUsed, None)
        assert stub.objects == {PLACE: DENTIST}

    def test_i3_nor_is_a_strangers_that_says_nothing_we_can_read(self):
        stub = Stub()
        stub.put(PLACE, "<html>")
        assert isinstance(run(stub, lambda end: one(end, create())), OutcomeUnknown)
        assert stub.objects == {PLACE: "<html>"}

    def test_other_content_under_the_same_key_is_told_with_where_it_stands(self):
        stub = Stub()

        async def body(end):
            await made(end)
            return await one(end, create(stamp="other", subject="other words"))

        told = run(stub, body)
        assert (type(told), told.existing) == (KeyUsed, PLACE)
        assert stub.written == 1

    def test_content_changed_by_a_hand_since_is_told_as_other_content(self):
        stub = Stub()

        async def body(end):
            await made(end)
            by_hand(stub)
            return await one(end, create())

        assert run(stub, body) == Receipt(PLACE, '~"2"', differs=True)

    def test_i1_where_a_client_dropped_our_properties_the_event_is_still_the_one(self):
        """Its UID is made of the mark and nobody else has it."""
        stub = Stub("drops our properties", "no etag")

        async def body(end):
            first = await one(end, create())
            again = await one(end, create())
            return first, again

        first, again = run(stub, body)
        assert isinstance(first, Receipt)
        assert again == Receipt(PLACE, '~"1"', differs=True)
        assert list(stub.objects) == [PLACE]

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (412, '<d:error xmlns:d="DAV:"><c:no-uid-conflict xmlns:c="urn:ietf:params:xml:ns:caldav"/></d:error>'),
            (409, '<d:error xmlns:d="DAV:"><c:no-uid-conflict xmlns:c="urn:ietf:params:xml:ns:caldav"/></d:error>'),
            (
                400,
                ('<d:error xmlns:d="DAV:" xmlns:s="x"><s:exception>Sabre\\DAV\\Exception\\BadRequest</s:exception>'
                "<s:message>Deleted calendar object with uid already exists in this calendar collection.</s:message>"
                "</d:error>"),
            ),
        ],
    )  # fmt: skip
    def test_a_uid_in_a_trash_bin_is_a_used_key(self, status, body):
        stub = Stub()
        stub.says("PUT", ".", status, body)
        told = run(stub, lambda end: one(end, create()))
        assert (type(told), told.existing) == (KeyUsed, None)

    @pytest.mark.parametrize(("ours", "existing"), [(True, "/dav/anna/work/moved.ics"), (False, None)])
    def test_a_uid_under_another_name_is_told_only_if_it_is_ours(self, ours, existing):
        stub = Stub()

        async def body(end):
            text = wire.new(create(), START).decode() if ours else DENTIST
            stub.put("/dav/anna/work/moved.ics", text)
            stub.says(
                "PUT", ".", 403,
                '<d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><c:no-uid-conflict>'
                "<d:href>/dav/anna/work/moved.ics</d:href></c:no-uid-conflict></d:error>",
            )  # fmt: skip
            return await one(end, create())

        told = run(stub, body)
        assert (type(told), told.existing) == (KeyUsed, existing)

    def test_an_end_before_its_start_is_refused_before_it_is_sent(self):
        stub = Stub()
        assert isinstance(run(stub, lambda end: one(end, create(end=START - HOUR))), Rejected)
        assert stub.ledger == []

    @pytest.mark.parametrize("status", [200, 201, 204])
    def test_a_page_of_somebody_on_the_way_is_no_word_that_it_was_made(self, status):
        stub = Stub()
        stub.says("PUT", ".", status, "" if status == 204 else "<html>")
        assert isinstance(run(stub, lambda end: one(end, create())), OutcomeUnknown)


class TestUpdating:
    def test_what_holds_only_our_words_is_replaced_by_one_request_under_its_etag(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            stub.ledger.clear()
            return await one(end, update(action, receipt, subject="new"))

        assert run(stub, body) == Receipt(PLACE, '"2"')
        ((method, _, headers),) = stub.ledger
        assert (method, headers["if-match"]) == ("PUT", '"1"')
        assert "SUMMARY:new" in stub.objects[PLACE]

    def test_a_change_by_hand_is_told_and_not_written_over(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            by_hand(stub)
            return await one(end, update(action, receipt))

        assert isinstance(run(stub, body), Changed)
        assert "by hand" in stub.objects[PLACE]

    @pytest.mark.parametrize(("torn", "kept"), [(b"\xc3\r\n \xbc", True), (b"\xfc", False), (b"\xc3", False)])
    def test_i3_words_folded_inside_a_character_come_back_and_others_than_utf_8_are_not_written_over(self, torn, kept):
        class Bytewise(Stub):
            def _get(self, path, body, headers):
                told = super()._get(path, body, headers)
                return Response(told.body.replace("ü".encode(), torn), told.status_code, {"ETag": self.etag(path)})

        stub = Bytewise()

        async def body(end):
            action, receipt = await made(end)
            by_hand(stub, after="COMMENT:Schlüssel\r\nSUMMARY:")
            there = (await end.calendar().get([PLACE], free))[PLACE]
            assert there.mark == action.mark
            return await one(end, update(action, receipt, there.etag, location="new"))

        told = run(stub, body)
        assert isinstance(told, Receipt if kept else Rejected)
        assert "COMMENT:Schlüssel\r\n" in stub.objects[PLACE]
        assert ("LOCATION:new" in stub.objects[PLACE]) is kept

    @pytest.mark.parametrize("known", [True, False])
    def test_what_a_worker_added_survives(self, known):
        stub = Stub()

        async def body(end):
            action, _ = await made(end)
            by_hand(stub)
            seen = (await end.calendar().get([PLACE], free))[PLACE]
            receipt = Receipt(PLACE, seen.etag if known else "")
            first = await one(end, update(action, receipt, subject="new"))
            again = await one(end, update(action, first, subject="newer"))
            return seen.etag, first.etag, again.etag

        assert run(stub, body) == ('~"2"', '~"3"', '~"4"')
        assert "COMMENT:key at the gate" in stub.objects[PLACE]
        assert "SUMMARY:newer" in stub.objects[PLACE]

    def test_without_an_etag_what_holds_only_our_words_stays_ours_alone(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            return await one(end, update(action, receipt, etag="", subject="new"))

        assert run(stub, body).etag == '"2"'

    def test_somebody_elses_words_that_changed_again_are_told(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            by_hand(stub)
            by_hand(stub)
            return await one(end, update(action, receipt, etag='~"2"'))

        assert isinstance(run(stub, body), Changed)
        assert stub.written == 3

    @pytest.mark.parametrize("etag", ['"1"', '~"1"', ""])
    def test_an_event_that_a_hand_took_is_gone(self, etag):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            stub.objects.clear()
            return await one(end, update(action, receipt, etag=etag))

        assert isinstance(run(stub, body), Gone)

    @pytest.mark.parametrize("etag", ['"1"', '~"1"', ""])
    def test_i1_a_server_that_has_lost_its_way_has_lost_no_event(self, etag):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            kept, stub.resources = stub.resources, {}
            there, stub.objects = stub.objects, {}
            told = await one(end, update(action, receipt, etag=etag))
            with pytest.raises(NotAMailbox):
                await end.calendar().get([PLACE], free)
            stub.resources, stub.objects = kept, there
            return told

        assert not isinstance(run(stub, body), Gone | Receipt)

    @pytest.mark.parametrize("etag", ['~"2"', ""])
    def test_i3_a_strangers_event_that_took_its_place_is_not_touched(self, etag):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            stub.put(PLACE, DENTIST)
            told = await one(end, update(action, receipt, etag=etag))
            removed = await one(end, Delete(action.mark, receipt.id, ""))
            return told, removed

        told, removed = run(stub, body)
        assert isinstance(told, Gone)
        assert isinstance(removed, Receipt)
        assert stub.objects == {PLACE: DENTIST}


class TestRemoving:
    @pytest.mark.parametrize("etag", ['"1"', ""])
    def test_it_is_removed_under_its_etag(self, etag):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            return await one(end, Delete(action.mark, receipt.id, etag))

        assert isinstance(run(stub, body), Receipt)
        assert stub.objects == {}
        assert stub.ledger[-1][2]["if-match"] == '"1"'

    def test_what_changed_by_hand_is_not_removed(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            by_hand(stub)
            first = await one(end, Delete(action.mark, receipt.id, receipt.etag))
            there = len(stub.objects)
            return first, there, await one(end, Delete(action.mark, receipt.id, '~"2"'))

        first, there, second = run(stub, body)
        assert (type(first), there) == (Changed, 1)
        assert isinstance(second, Receipt)
        assert stub.objects == {}

    @pytest.mark.parametrize("etag", ['"1"', ""])
    def test_what_is_gone_is_done(self, etag):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            stub.objects.clear()
            return await one(end, Delete(action.mark, receipt.id, etag))

        assert isinstance(run(stub, body), Receipt)

    def test_a_page_of_somebody_on_the_way_is_no_word_that_it_was_removed(self):
        stub = Stub()

        async def body(end):
            action, receipt = await made(end)
            stub.says("DELETE", ".", 200, "<html>")
            return await one(end, Delete(action.mark, receipt.id, receipt.etag))

        assert isinstance(run(stub, body), OutcomeUnknown)
        assert list(stub.objects) == [PLACE]


class TestTogether:
    def test_each_of_many_has_its_own_outcome(self):
        stub = Stub()
        actions = [create(n) for n in range(40)]
        outcomes = run(stub, lambda end: end.calendar().write(actions, free))
        assert all(isinstance(told, Receipt) for told in outcomes.values())
        assert len(stub.objects) == 40

    @pytest.mark.parametrize(
        ("status", "headers"), [(429, {}), (429, {"Retry-After": "7"}), (503, {"Retry-After": "7"})]
    )
    def test_after_a_throttle_the_rest_is_not_sent_and_the_whole_server_pauses(self, status, headers):
        stub = Stub()
        stub.says("PUT", ".", status, **headers)

        async def body(end):
            return await end.calendar().write([create(n) for n in range(30)], free), end.pauses

        outcomes, pauses = run(stub, body, slots=1)
        kinds = [type(told) for told in outcomes.values()]
        assert set(kinds[1:]) == {NotSent}
        assert stub.count("PUT") == 1
        assert [scope for scope, _, _ in pauses] == ["connector:stub"]

    def test_one_refused_event_stops_no_other(self):
        stub = Stub()
        stub.says("PUT", "", 415)
        outcomes = run(stub, lambda end: end.calendar().write([create(n) for n in range(9)], free), slots=1)
        assert sorted(type(told).__name__ for told in outcomes.values()) == ["Receipt"] * 8 + ["Rejected"]

    def test_i8_a_lost_lease_sends_nothing_more_and_tells_what_was_sent(self):
        stub = Stub()
        asked = []

        def lost():
            asked.append(1)
            if len(asked) > 3:
                raise LeaseLost("taken over")

        outcomes = run(stub, lambda end: end.calendar().write([create(n) for n in range(9)], lost), slots=1)
        assert sorted(type(told).__name__ for told in outcomes.values()) == ["NotSent"] * 6 + ["Receipt"] * 3
        assert stub.count("PUT") == 3

    def test_a_calendar_that_has_gone_is_no_calendar(self):
        stub = Stub()
        stub.says("PUT", ".", 409)
        assert isinstance(run(stub, lambda end: one(end, create())), NotAMailbox)


class TestSignIn:
    def test_cookies_of_one_mailbox_sign_in_no_other(self):
        stub = Stub("cookies")

        async def body(end):
            await end.calendar(ANNA).write([create()], free)
            stub.resources["/dav/bert/work/"] = stub.resources[CALENDAR]
            await end.calendar(BERT).owned(None, free)

        run(stub, body)
        assert len(stub.ledger) > 1
        assert all("cookie" not in headers for _, _, headers in stub.ledger)
        assert len({headers["authorization"] for _, _, headers in stub.ledger}) == 2

    @pytest.mark.parametrize(("own", "everywhere"), [(True, False), (False, True)])
    def test_a_refused_password_concerns_whom_it_signs_in_and_is_not_sent_again(self, own, everywhere):
        stub = Stub()
        stub.says("PUT", ".", 401, **{"WWW-Authenticate": 'Basic realm="x"'})
        told = run(stub, lambda end: one(end, create()), own=own)
        assert (type(told), told.everywhere) == (SignInFailed, everywhere)
        assert stub.count("PUT") == 1

    @pytest.mark.parametrize(
        ("known", "everywhere"), [("<d:href>/dav/all/</d:href>", False), ("<d:unauthenticated/>", True)]
    )
    def test_i7_one_calendar_that_refuses_a_credential_that_the_server_knows_stops_no_other(self, known, everywhere):
        stub = Stub()
        stub.resources["/"] = f"<d:current-user-principal>{known}</d:current-user-principal>"
        stub.says("GET", ".", 401)
        stub.says("PROPFIND", "well-known", 301, Location="/")

        async def body(end):
            with pytest.raises(SignInFailed) as told:
                await end.calendar().get([PLACE], free)
            return told.value.everywhere

        assert run(stub, body, own=False) is everywhere

    def test_a_credential_that_is_refused_at_the_entrance_too_concerns_all_and_is_not_tried_further(self):
        stub = Stub()
        stub.says("GET", ".", 401)
        stub.says("PROPFIND", ".", 401)

        async def body(end):
            with pytest.raises(SignInFailed) as told:
                await end.calendar().get([PLACE], free)
            return told.value.everywhere

        assert run(stub, body, own=False) is True
        assert [method for method, _, _ in stub.ledger] == ["GET", "PROPFIND"]

    def test_digest_is_answered_with_digest(self):
        stub = Stub()
        stub.says("PUT", ".", 401, **{"WWW-Authenticate": 'Digest realm="x", nonce="n", qop="auth", algorithm=MD5'})
        assert isinstance(run(stub, lambda end: one(end, create())), Receipt)
        assert [headers["authorization"].split()[0] for _, _, headers in stub.ledger] == ["Basic", "Digest"]


class TestReading:
    @pytest.mark.parametrize("window", [WINDOW, None])
    @pytest.mark.parametrize("quirk", ["", "whole addresses", "odd hrefs", "bare etags"])
    def test_what_is_observed_is_what_was_written_however_a_server_spells_it(self, quirk, window):
        stub = Stub(quirk)

        async def body(end):
            _, receipt = await made(end)
            stub.put("/dav/anna/work/theirs.ics", DENTIST)
            (seen,) = await end.calendar().owned(window, free)
            return receipt, seen

        receipt, seen = run(stub, body)
        assert (seen.id, seen.etag, seen.mark) == (receipt.id, receipt.etag, mark())

    def test_a_list_that_leaves_one_out_is_made_whole_or_refused(self):
        stub = Stub("leaves one out")

        async def body(end):
            for number in range(3):
                await made(end, number)
            return await end.calendar().owned(None, free)

        assert len(run(stub, body)) == 3

    def test_a_list_with_too_much_left_out_proves_nothing(self):
        stub = Stub()

        async def body(end):
            for number in range(25):
                await made(end, number)
            stub.says("REPORT", ".", 207, '<multistatus xmlns="DAV:"/>')
            with pytest.raises(Unreachable):
                await end.calendar().owned(None, free)

        run(stub, body)

    @pytest.mark.parametrize(
        "body",
        [
            '<multistatus xmlns="DAV:"/>',
            "<html>",
            ('<multistatus xmlns="DAV:"><response><href>/dav/anna/work/</href><status>HTTP/1.1 507 no</status>'
            "</response></multistatus>"),
        ],
    )  # fmt: skip
    def test_a_listing_that_is_not_whole_is_never_taken_for_one(self, body):
        stub = Stub()

        async def ask(end):
            await made(end)
            stub.says("PROPFIND", ".", 207, body)
            with pytest.raises(Unreachable):
                await end.calendar().owned(None, free)

        run(stub, ask)

    def test_get_tells_what_is_there_and_what_is_gone(self):
        stub = Stub()

        async def body(end):
            places = [(await made(end, number))[1].id for number in range(3)]
            del stub.objects[places[1]]
            both = await end.calendar().get(places, free)
            return [both[place] is None for place in places], await end.calendar().get(places[1:2], free)

        there, single = run(stub, body)
        assert there == [False, True, False]
        assert list(single.values()) == [None]

    @pytest.mark.parametrize("stands", [True, False])
    def test_i1_of_a_server_that_leaves_out_what_is_gone_the_calendar_itself_is_asked(self, stands):
        """An answer that names nothing and a 404 may both be of somebody on the way."""
        stub = Stub("leaves one out")

        async def body(end):
            await made(end)
            stub.objects.clear()
            if not stands:
                stub.says("PROPFIND", ".", 207, '<multistatus xmlns="DAV:"/>')
                with pytest.raises(Unreachable):
                    await end.calendar().get([PLACE], free)
                return {PLACE: None}
            return await end.calendar().get([PLACE], free)

        assert run(stub, body) == {PLACE: None}
        assert stub.count("PROPFIND") == 1

    @pytest.mark.parametrize("number", [5, 40])
    def test_any_number_of_events_may_be_gone_from_a_server_that_says_nothing_of_them(self, number):
        """Asked one by one while they are few, else by the list of what is there."""
        stub = Stub("says nothing of what is gone")
        places = [wire.href_of(CALENDAR, mark(n)) for n in range(number)]

        async def body(end):
            await made(end)
            return await end.calendar().get(places, free)

        told = run(stub, body)
        assert [place for place in places if told[place] is not None] == [PLACE]
        assert len(told) == number
        assert stub.count("GET") == (4 if number == 5 else 0)

    @pytest.mark.parametrize("number", [1, 3])
    @pytest.mark.parametrize("quirk", ["", "leaves one out"])
    def test_i1_an_event_that_alone_may_not_be_read_is_neither_gone_nor_in_its_neighbours_way(self, number, quirk):
        stub = Stub(quirk)

        async def body(end):
            places = [(await made(end, n))[1].id for n in range(number)]
            stub.denied = {places[-1]}
            told = await end.calendar().get(places, free)
            found = await end.calendar().find([mark(n) for n in range(number)], free)
            owned = await end.calendar().owned(None, free)
            changed = await one(end, update(create(number - 1), Receipt(places[-1], "")))
            return (
                [place in told for place in places],
                [bool(found.get(mark(n))) for n in range(number)],
                owned,
                changed,
            )

        told, found, owned, changed = run(stub, body)
        assert told == found == [True] * (number - 1) + [False]
        assert len(owned) == number - 1
        assert isinstance(changed, NotSent)

    def test_a_calendar_that_may_not_be_read_itself_is_denied_as_a_whole(self):
        stub = Stub()

        async def body(end):
            place = (await made(end))[1].id
            stub.denied = {place}
            stub.says("PROPFIND", ".", 403)
            with pytest.raises(Forbidden):
                await end.calendar().get([place], free)

        run(stub, body)

    def test_find_gives_the_event_its_copies_and_nothing_for_a_mark_of_none(self):
        stub = Stub()

        async def body(end):
            await made(end)
            copied = stub.objects[PLACE].replace(wire.uid_of(mark()), "a-copy")
            stub.put("/dav/anna/work/copy.ics", copied)
            return await end.calendar().find([mark(), mark(5)], free)

        found = run(stub, body)
        assert sorted((seen.id, bool(seen.key)) for seen in found[mark()]) == [
            (PLACE, True), ("/dav/anna/work/copy.ics", False),
        ]  # fmt: skip
        assert found[mark(5)] == []

    @pytest.mark.parametrize(("standing", "searches"), [(0, 5), (3, 1), (30, 1)])
    @pytest.mark.parametrize("quirk", ["", "searches by what it is asked"])
    def test_i2_many_marks_are_looked_for_by_a_handful_of_searches(self, quirk, standing, searches):
        """After a crash in the middle of a batch, in a calendar so full that each search takes seconds."""
        stub = Stub(quirk)
        marks = [mark(n) for n in range(60)]

        async def body(end):
            stub.put("/dav/anna/work/theirs.ics", DENTIST)
            for number in range(standing):
                await made(end, number)
            stub.ledger.clear()
            return await end.calendar().find(marks, free)

        found = run(stub, body)
        assert [len(found.get(one, ())) for one in marks] == [1] * standing + [0] * (60 - standing)
        assert stub.count("REPORT") == 1 + searches
        assert len(found) == (60 if standing else 4), "what was not looked for is not told to be absent"

    @pytest.mark.parametrize("status", [500, 503])
    def test_a_search_that_fails_leaves_out_what_it_was_to_find_and_hides_no_event(self, status):
        stub = Stub()

        async def body(end):
            await made(end)
            stub.says("REPORT", ".", 207, stub._report(CALENDAR, _multiget(PLACE, PLACE + "x"), {}).body.decode())
            for _ in range(9):  # a read may be asked again
                stub.says("REPORT", ".", status)
            return await end.calendar().find([mark(), mark(5)], free)

        found = run(stub, body)
        assert {one: [seen.id for seen in events] for one, events in found.items()} == {mark(): [PLACE]}

    def test_a_search_that_a_server_does_not_offer_hides_no_event(self):
        stub = Stub()

        async def body(end):
            await made(end)
            stub.says("REPORT", ".", 207, stub._report(CALENDAR, _multiget(PLACE), {}).body.decode())
            for _ in range(2):
                stub.says("REPORT", ".", 403, '<error xmlns="DAV:"/>')
            return await end.calendar().find([mark()], free)

        assert [seen.id for seen in run(stub, body)[mark()]] == [PLACE]

    def test_an_event_that_a_server_keeps_under_a_name_of_its_own_is_found(self):
        stub = Stub()

        async def body(end):
            await made(end)
            stub.put("/dav/anna/work/renamed.ics", stub.objects.pop(PLACE))
            return await end.calendar().find([mark()], free)

        assert [(seen.id, bool(seen.key)) for seen in run(stub, body)[mark()]] == [("/dav/anna/work/renamed.ics", True)]

    def test_a_mailbox_elsewhere_in_the_calendar_is_not_ours(self):
        stub = Stub()

        async def body(end):
            text = wire.new(replace(create(), mark=mark(mailbox=BERT)), START).decode()
            stub.put("/dav/anna/work/of-bert.ics", text)
            return await end.calendar().owned(WINDOW, free), await end.calendar().owned(None, free)

        assert run(stub, body) == ([], [])

    def test_a_long_calendar_is_read_in_parts(self, monkeypatch):
        monkeypatch.setattr("fieldcal.calendars.caldav.courier.CHUNK", 3)
        stub = Stub()

        async def body(end):
            await end.calendar().write([create(n) for n in range(20)], free)
            return await end.calendar().owned(None, free)

        assert len({seen.id for seen in run(stub, body)}) == 20
        assert stub.count("REPORT") == 7

    def test_a_list_of_which_one_part_fails_is_no_list(self, monkeypatch):
        monkeypatch.setattr("fieldcal.calendars.caldav.courier.CHUNK", 3)
        stub = Stub()

        async def body(end):
            await end.calendar().write([create(n) for n in range(20)], free)
            stub.says("REPORT", ".", 500)
            with pytest.raises(Unreachable):
                await end.calendar().owned(None, free)

        run(stub, body)


def _multiget(*hrefs):
    wanted = "".join(f"<href>{href}</href>" for href in hrefs)
    return f'<x:calendar-multiget xmlns:x="urn:ietf:params:xml:ns:caldav" xmlns="DAV:">{wanted}</x:calendar-multiget>'


class TestClaim:
    def test_a_claim_is_kept_replaced_and_taken_back(self):
        async def body(end):
            calendar = end.calendar()
            seen = [await calendar.claim(free)]
            for value in ("a/1", "b/2", None, "c", ""):
                assert await calendar.set_claim(value, free)
                seen.append(await calendar.claim(free))
            return seen

        assert run(Stub(), body) == [None, "a/1", "b/2", None, "c", None]

    def test_a_server_that_keeps_none_says_so(self):
        async def body(end):
            return await end.calendar().set_claim("a/1", free), await end.calendar().claim(free)

        assert run(Stub("keeps no claim"), body) == (False, None)

    def test_a_server_that_only_says_that_it_keeps_one_keeps_none(self):
        stub = Stub()
        stub.says("PROPPATCH", ".", 207, '<multistatus xmlns="DAV:"/>')
        assert run(stub, lambda end: end.calendar().set_claim("a/1", free)) is False

    @pytest.mark.parametrize("body", ["", "<html>", '<multistatus xmlns="DAV:"/>'])
    def test_r14_an_answer_that_is_no_calendar_shows_no_absence_of_a_claim(self, body):
        stub = Stub()
        stub.says("PROPFIND", ".", 207, body)

        async def ask(end):
            with pytest.raises(Unreachable):
                await end.calendar().claim(free)

        run(stub, ask)
        assert stub.count("PROPFIND") == 1


def test_nothing_of_ours_has_an_organizer_or_an_attendee():
    assert not re.search(rb"ORGANIZER|ATTENDEE|METHOD", wire.new(create(), START))
    assert event().start == START
