"""Change tracking: first reads, delta links, deletions, refusals, expiry."""

from datetime import timedelta

import pytest
from tests.embedded.fieldservice.room import FORMATTED

BOOKINGS = "bookableresourcebookings"
TRACK = "odata.track-changes"


async def follow(client, path, prefer=TRACK):
    """The rows of all pages, the number of pages, and the delta link."""
    rows, count = [], 0
    while True:
        answer = await client.get(path, prefer=prefer)
        rows += answer.rows
        count += 1
        assert ("@odata.nextLink" in answer.body) != ("@odata.deltaLink" in answer.body)
        if "@odata.deltaLink" in answer.body:
            return rows, count, answer.body["@odata.deltaLink"]
        path = answer.body["@odata.nextLink"]


def seen(rows):
    """Ids changed and ids deleted."""
    gone = [row["id"] for row in rows if row.get("reason") == "deleted"]
    return [row["bookableresourcebookingid"] for row in rows if "reason" not in row], gone


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_first_read_shows_every_row_by_version_and_its_last_page_has_the_delta_link(room, size):
    ids = [room.book() for _ in range(5)]
    rows, count, link = room.run(
        lambda client: follow(client, f"{BOOKINGS}?$select=starttime", f"{TRACK},odata.maxpagesize={size}")
    )
    assert seen(rows) == (ids, [])
    assert count == -(-5 // size)
    assert "$deltatoken=" in link
    assert "$select=starttime" in link


def test_the_answer_says_that_the_preference_was_applied(room):
    answer = room.get(f"{BOOKINGS}?$select=name", prefer=f"{TRACK},odata.maxpagesize=10")
    assert answer.headers["preference-applied"] == "odata.maxpagesize=10,odata.track-changes"
    assert answer.body["@odata.context"].endswith("#bookableresourcebookings(name)")


def test_a_delta_link_shows_what_changed_since_then_and_may_be_asked_twice(room):
    async def story(client):
        kept, changed, gone = room.book(), room.book(), room.book()
        _, _, link = await follow(client, f"{BOOKINGS}?$select=starttime")
        none, _, link = await follow(client, link)
        room.store.change("bookableresourcebooking", changed, {"endtime": "2026-11-24T11:00:00Z"})
        room.store.remove("bookableresourcebooking", gone)
        made = room.book()
        first, _, further = await follow(client, link)
        again, _, _ = await follow(client, link)
        after, _, _ = await follow(client, further)
        return kept, none, (changed, made, gone), first, again, after

    kept, none, (changed, made, gone), first, again, after = room.run(story)
    assert (none, after) == ([], [])
    assert seen(first) == ([changed, made], [gone])
    assert again == first
    assert kept not in seen(first)[0]


def test_a_deleted_entry_has_a_context_of_its_own(room):
    async def story(client):
        booking = room.book()
        _, _, link = await follow(client, BOOKINGS)
        room.store.remove("bookableresourcebooking", booking)
        answer = await client.get(link)
        return booking, answer.body

    booking, body = room.run(story)
    assert body["@odata.context"].endswith("#bookableresourcebookings/$delta")
    entry = body["value"][0]
    assert entry.pop("@odata.context").endswith("$metadata#bookableresourcebookings/$deletedEntity")
    assert entry == {"id": booking, "reason": "deleted"}


def test_a_row_made_and_deleted_between_two_polls_is_shown_as_deleted(room):
    async def story(client):
        _, _, link = await follow(client, BOOKINGS)
        booking = room.book()
        room.store.remove("bookableresourcebooking", booking)
        return booking, (await follow(client, link))[0]

    booking, rows = room.run(story)
    assert seen(rows) == ([], [booking])


def test_a_row_deleted_and_made_again_with_its_id_is_no_deletion(room):
    async def story(client):
        booking = room.book()
        row = room.store.get("bookableresourcebooking", booking)
        _, _, link = await follow(client, BOOKINGS)
        room.store.remove("bookableresourcebooking", booking)
        room.store.create("bookableresourcebooking", row, booking)
        return booking, (await follow(client, link))[0]

    booking, rows = room.run(story)
    assert seen(rows) == ([booking], [])


def test_a_column_that_is_not_selected_still_reports_the_row(room):
    async def story(client):
        booking = room.book()
        _, _, link = await follow(client, f"{BOOKINGS}?$select=starttime")
        room.store.change("bookableresourcebooking", booking, {"msdyn_globalobjectid": "x"})
        return booking, (await follow(client, link))[0]

    booking, rows = room.run(story)
    assert [row.keys() for row in rows] == [{"@odata.etag", "starttime", "bookableresourcebookingid"}]
    assert seen(rows)[0] == [booking]


def test_deleting_a_work_order_changes_its_bookings(room):
    async def story(client):
        booking = room.book()
        _, _, link = await follow(client, f"{BOOKINGS}?$select=_msdyn_workorder_value")
        room.store.remove("msdyn_workorder", room.order)
        return booking, (await follow(client, link))[0]

    booking, rows = room.run(story)
    assert seen(rows) == ([booking], [])
    assert rows[0]["_msdyn_workorder_value"] is None


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_a_delta_is_paged_with_rows_before_deletions(room, size):
    async def story(client):
        bookings = [room.book() for _ in range(6)]
        _, _, link = await follow(client, BOOKINGS)
        for booking in bookings[:3]:
            room.store.change("bookableresourcebooking", booking, {"name": "x"})
        for booking in bookings[3:]:
            room.store.remove("bookableresourcebooking", booking)
        return bookings, await follow(client, link, f"odata.maxpagesize={size}")

    bookings, (rows, _, _) = room.run(story)
    assert seen(rows) == (bookings[:3], bookings[3:])
    assert ["reason" in row for row in rows] == [False] * 3 + [True] * 3


def test_what_changes_while_pages_are_read_comes_with_the_next_link(room):
    async def story(client):
        bookings = [room.book() for _ in range(4)]
        prefer = f"{TRACK},odata.maxpagesize=2"
        first = await client.get(BOOKINGS, prefer=prefer)
        room.store.change("bookableresourcebooking", bookings[0], {"name": "seen already"})
        room.store.change("bookableresourcebooking", bookings[3], {"name": "not seen yet"})
        room.store.remove("bookableresourcebooking", bookings[2])
        rest, _, link = await follow(client, first.body["@odata.nextLink"], prefer)
        return bookings, seen(first.rows), seen(rest), seen((await follow(client, link))[0])

    bookings, first, rest, later = room.run(story)
    assert first == (bookings[:2], [])
    assert rest == ([], [])
    assert later == ([bookings[0], bookings[3]], [bookings[2]])


def test_annotations_go_with_tracked_changes(room):
    room.book()
    prefer = f'{TRACK},odata.include-annotations="{FORMATTED}"'
    row = room.get(f"{BOOKINGS}?$select=_resource_value", prefer=prefer).rows[0]
    assert row[f"_resource_value@{FORMATTED}"] == "Anna"


def test_a_delta_link_counts_its_changes(room):
    async def story(client):
        first, second = room.book(), room.book()
        _, _, link = await follow(client, BOOKINGS)
        room.store.remove("bookableresourcebooking", first)
        room.store.change("bookableresourcebooking", second, {"name": "x"})
        return await client.get(link.replace("bookings?", "bookings/$count?"))

    assert room.run(story).body == "2"


@pytest.mark.parametrize(
    ("option", "name"),
    [("$filter=statecode eq 0", "$filter"), ("$orderby=name", "$orderby"), ("$expand=Resource", "$expand"), ("$top=5", "$top")],
)  # fmt: skip
def test_what_change_tracking_cannot_do_is_refused_on_first_reads_and_links(room, option, name):
    async def story(client):
        _, _, link = await follow(client, BOOKINGS)
        return await client.get(f"{BOOKINGS}?{option}", prefer=TRACK), await client.get(f"{link}&{option}")

    for answer in room.run(story):
        assert answer.status == 400
        assert answer.error["message"] == (
            f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
        )


class TestExpiry:
    async def old_link(self, client, room, days):
        _, _, link = await follow(client, BOOKINGS)
        room.clock.advance(timedelta(days=days))
        client.session.headers["authorization"] = "Bearer " + room.service.tokens.grant(client.url)
        return await client.get(link)

    @pytest.mark.parametrize(("days", "status"), [(6.9, 200), (7.1, 400)])
    def test_a_link_is_good_for_seven_days(self, room, days, status):
        answer = room.run(lambda client: self.old_link(client, room, days))
        assert answer.status == status
        if status == 400:
            assert answer.error["code"] == "0x80044352"

    @pytest.mark.parametrize(("days", "status"), [(7.1, 200), (30.1, 400)])
    def test_the_organization_sets_the_days(self, room, days, status):
        organization = room.store.rows("organization")[0]["organizationid"]
        room.store.change("organization", organization, {"expirechangetrackingindays": 30})
        assert room.run(lambda client: self.old_link(client, room, days)).status == status
        room.clock.reset()
        assert room.get("organizations?$select=expirechangetrackingindays").rows[0]["expirechangetrackingindays"] == 30

    def test_all_links_can_be_expired_at_once_and_a_first_read_gives_a_good_one(self, room):
        async def story(client):
            room.book()
            _, _, link = await follow(client, BOOKINGS)
            first = await client.get(BOOKINGS, prefer=f"{TRACK},odata.maxpagesize=1")
            await client.ask("POST", "/_control/actions/expire-delta-tokens")
            old = await client.get(link)
            rows, _, fresh = await follow(client, BOOKINGS)
            return first.status, old, rows, (await client.get(fresh)).status

        first, old, rows, fresh = room.run(story)
        assert (first, old.status, old.error["code"], len(rows), fresh) == (200, 400, "0x80044352", 1, 200)

    def test_the_status_of_an_expired_link_can_be_set(self, room):
        room.control.change(expired_status=410)
        assert room.run(lambda client: self.old_link(client, room, 8)).status == 410

    def test_a_link_from_a_future_that_a_restored_backup_forgot_has_expired(self, room):
        async def story(client):
            _, _, link = await follow(client, BOOKINGS)
            version = room.store.version()
            return await client.get(link.replace(f"={version}", f"={version + 5}"))

        assert room.run(story).error["code"] == "0x80044352"

    def test_deletions_are_forgotten_when_no_link_can_ask_for_them(self, room):
        first, second = room.book(), room.book()
        room.store.remove("bookableresourcebooking", first)
        room.clock.advance(timedelta(days=8))
        room.store.remove("bookableresourcebooking", second)
        with room.store.reading() as connection:
            kept = connection.exec_driver_sql("SELECT row_id FROM deletions").scalars().all()
        assert kept == [second]


@pytest.mark.parametrize("token", ["", "x", "17", "1!yesterday", "-"])
def test_a_malformed_token_is_a_400(room, token):
    assert room.get(f"{BOOKINGS}?$deltatoken={token}").status == 400


@pytest.mark.parametrize("token", ["T", "Tx", "TWzFd", "TWzk5OTk5OTk5OTk5OTk5OTk5OTk5OTksMSwxLDFd"])
def test_a_malformed_skip_token_is_a_400(room, token):
    assert room.get(f"{BOOKINGS}?$skiptoken={token}").status == 400


def test_a_table_without_change_tracking_says_so(room):
    room.control.change(untracked=["bookableresourcebooking"])
    answer = room.get(BOOKINGS, prefer=TRACK)
    assert (answer.status, answer.error["message"]) == (
        400,
        "Entity: bookableresourcebooking isn't enabled for change tracking.",
    )
    definition = room.get("EntityDefinitions(LogicalName='bookableresourcebooking')?$select=ChangeTrackingEnabled")
    assert definition.body["ChangeTrackingEnabled"] is False
    assert room.get("accounts", prefer=TRACK).status == 200
