"""POST, PATCH and DELETE: what is written, computed, checked, refused, and what becomes of rows that pointed there."""

import pytest
from tests.embedded.fieldservice.room import NOBODY

BOOKINGS = "bookableresourcebookings"


def booking(room, **more):
    return {
        "starttime": "2026-11-24T09:00:00Z",
        "endtime": "2026-11-24T10:30:00Z",
        "Resource@odata.bind": f"/bookableresources({room.anna})",
        "BookingStatus@odata.bind": f"/bookingstatuses({room.status})",
        "msdyn_workorder@odata.bind": f"/msdyn_workorders({room.order})",
    } | more


def test_a_booking_is_made_and_its_address_is_told(room):
    async def story(client):
        made = await client.ask("POST", BOOKINGS, booking(room))
        return made, await client.get(made.headers["odata-entityid"])

    made, row = room.run(story)
    assert (made.status, made.body) == (204, "")
    assert made.headers["location"] == made.headers["odata-entityid"]
    assert row.body["duration"] == 90
    assert row.body["name"] == "Anna"
    assert row.body["_msdyn_workorder_value"] == room.order
    assert row.body["statecode"] == 0
    assert row.body["createdon"] == "2026-11-23T12:00:00Z"


def test_the_row_comes_back_where_it_is_preferred(room):
    answer = room.ask("POST", f"{BOOKINGS}?$select=duration", booking(room), prefer="return=representation")
    assert answer.status == 201
    assert answer.body["duration"] == 90
    assert answer.body.keys() == {"@odata.context", "@odata.etag", "duration", "bookableresourcebookingid"}


@pytest.mark.parametrize(
    "reference",
    ["/bookableresources({id})", "bookableresources({id})", "http://127.0.0.1/api/data/v9.2/bookableresources({id})"],
)
def test_a_lookup_is_bound_by_path_or_address(room, reference):
    bound = booking(room) | {"Resource@odata.bind": reference.format(id=room.bert)}
    answer = room.ask("POST", BOOKINGS, bound, prefer="return=representation")
    assert answer.body["_resource_value"] == room.bert


@pytest.mark.parametrize(
    ("instant", "told"),
    [
        ("0026-11-24T09:00:00Z", "Minimum value supported: 1753-01-01"),
        ("1752-12-31T23:59:59Z", "Minimum value supported: 1753-01-01"),
        ("0001-01-01T00:00:00+05:00", "Cannot convert the literal"),
    ],
)
def test_what_was_before_dataverse_s_calendar_is_refused(room, instant, told):
    for answer in (
        room.ask("POST", BOOKINGS, booking(room, starttime=instant)),
        room.ask("PATCH", f"msdyn_workorders({room.order})", {"msdyn_timefrompromised": instant}),
    ):
        assert answer.status == 400
        assert told in answer.body["error"]["message"]


def test_instants_with_an_offset_are_stored_in_utc(room):
    answer = room.ask(
        "POST", BOOKINGS, booking(room, starttime="2026-11-24T09:00:00+01:00"), prefer="return=representation"
    )
    assert answer.body["starttime"] == "2026-11-24T08:00:00Z"
    assert answer.body["duration"] == 150


@pytest.mark.parametrize(
    ("change", "duration"),
    [
        ({"endtime": "2026-11-24T12:00:00Z"}, 180),
        ({"starttime": "2026-11-24T09:30:00Z"}, 60),
        ({"endtime": "2026-11-24T08:00:00Z"}, 0),
        ({"endtime": "2026-11-24T12:00:00Z", "duration": 7}, 7),
        ({"name": "x"}, 90),
    ],
)
def test_the_duration_follows_the_times(room, change, duration):
    async def story(client):
        where = (await client.ask("POST", BOOKINGS, booking(room))).headers["location"]
        return await client.ask("PATCH", where, change, prefer="return=representation")

    answer = room.run(story)
    assert (answer.status, answer.body["duration"]) == (200, duration)


def test_a_work_order_gets_a_number_and_an_address_that_follows_its_parts(room):
    async def story(client):
        body = {
            "msdyn_address1": "Mill Lane 3",
            "msdyn_city": "Boston",
            "msdyn_stateorprovince": "MA",
            "msdyn_postalcode": "02110",
        }
        made = await client.ask("POST", "msdyn_workorders", body, prefer="return=representation")
        where = f"msdyn_workorders({made.body['msdyn_workorderid']})"
        moved = await client.ask("PATCH", where, {"msdyn_city": "Cambridge"}, prefer="return=representation")
        return made.body, moved.body

    made, moved = room.run(story)
    assert made["msdyn_name"] == "00001"
    assert made["msdyn_displayaddress"] == "Mill Lane 3, Boston, MA 02110"
    assert moved["msdyn_displayaddress"] == "Mill Lane 3, Cambridge, MA 02110"


def test_every_change_gives_a_new_version_and_a_new_etag(room):
    async def story(client):
        where = f"accounts({room.account})"
        etags = [(await client.get(where)).headers["etag"]]
        for _ in range(2):
            await client.ask("PATCH", where, {"name": "Contoso"})
            etags.append((await client.get(where)).headers["etag"])
        return etags

    assert len(set(room.run(story))) == 3


@pytest.mark.parametrize(
    ("headers", "exists", "status"),
    [
        ({}, True, 204),
        ({}, False, 204),
        ({"if_match": "*"}, True, 204),
        ({"if_match": "*"}, False, 404),
        ({"if_none_match": "*"}, True, 412),
        ({"if_none_match": "*"}, False, 204),
        ({"if_match": 'W/"1"'}, True, 412),
        ({"if_match": 'W/"1"'}, False, 404),
        ({"if_match": "what"}, True, 400),
    ],
)
def test_patch_is_an_upsert_unless_a_condition_forbids(room, headers, exists, status):
    row_id = room.account if exists else NOBODY
    answer = room.ask("PATCH", f"accounts({row_id})", {"name": "New"}, **headers)
    assert answer.status == status
    kept = room.store.get("account", row_id)
    assert (kept["name"] if kept else None) == ("New" if status == 204 else "Contoso" if exists else None)


def test_the_etag_that_was_read_lets_the_change_through_once(room):
    async def story(client):
        where = f"accounts({room.account})"
        etag = (await client.get(where)).headers["etag"]
        return [(await client.ask("PATCH", where, {"name": "x"}, if_match=etag)).status for _ in range(2)]

    assert room.run(story) == [204, 412]


@pytest.mark.parametrize(
    ("change", "status", "code", "text"),
    [
        ({"starttime": None}, 400, "0x80040203", "'starttime' of 'bookableresourcebooking' is required"),
        ({"Resource@odata.bind": None}, 400, "0x80040203", "'resource'"),
        ({"Resource@odata.bind": f"/bookableresources({NOBODY})"}, 404, "0x80040217", "'bookableresource' With Id"),
        ({"Resource@odata.bind": f"/accounts({NOBODY})"}, 400, "0x80048d19", "refers to bookableresources"),
        ({"Resource@odata.bind": "anna"}, 400, "0x80048d19", "not a reference"),
        ({"resource@odata.bind": "x"}, 400, "0x80048d19", "undeclared property 'resource'"),
        ({"_resource_value": NOBODY}, 400, "0x80048d19", "Use Navigation properties"),
        ({"Resource": {"name": "new"}}, 400, "0x80048d19", "Deep inserts"),
        ({"colour": "red"}, 400, "0x80048d19", "Invalid property 'colour'"),
        ({"modifiedon": "2026-11-24T09:00:00Z"}, 400, "0x80048d19", "cannot be modified"),
        ({"starttime": "soon"}, 400, "0x80048d19", "starttime"),
        ({"starttime": 7}, 400, "0x80048d19", "starttime"),
        ({"duration": "7"}, 400, "0x80048d19", "duration"),
        ({"duration": True}, 400, "0x80048d19", "duration"),
        ({"duration": 3_000_000_000}, 400, "0x80048d19", "duration"),
        ({"statecode": 7}, 400, "0x80040203", "outside the valid range"),
        ({"msdyn_allowoverlapping": "yes"}, 400, "0x80048d19", "msdyn_allowoverlapping"),
        ({"name": "x" * 101}, 400, "0x80044331", "maximum allowed length of '100'"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_written(room, change, status, code, text):
    answer = room.ask("POST", BOOKINGS, booking(room) | change)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert text in answer.error["message"]
    assert room.store.rows("bookableresourcebooking") == []


def test_a_body_that_is_no_object_is_refused(room):
    assert room.ask("POST", BOOKINGS, ["a"]).status == 400
    assert room.ask("POST", BOOKINGS).error["code"] == "0x80048d19"


def test_a_row_with_a_known_id_is_not_made_twice(room):
    answer = room.ask("POST", "accounts", {"accountid": room.account, "name": "Again"})
    assert (answer.status, answer.error["code"]) == (412, "0x80040237")


def test_a_deleted_row_is_gone_and_deleting_it_again_is_a_404(room):
    async def story(client):
        where = f"{BOOKINGS}({room.book()})"
        return [
            (await client.ask("DELETE", where)).status,
            (await client.get(where)).status,
            await client.ask("DELETE", where),
        ]

    first, read, again = room.run(story)
    assert (first, read, again.status, again.error["code"]) == (204, 404, 404, "0x80040217")


def test_a_delete_with_an_old_etag_is_refused(room):
    assert room.ask("DELETE", f"accounts({room.account})", if_match='W/"1"').status == 412


def test_deleting_a_work_order_leaves_its_bookings_without_one_and_with_a_new_version(room):
    bookings = [room.book(), room.book()]
    before = room.store.version()
    assert room.ask("DELETE", f"msdyn_workorders({room.order})").status == 204
    rows = [room.store.get("bookableresourcebooking", each) for each in bookings]
    assert [row["msdyn_workorder"] for row in rows] == [None, None]
    assert all(row["versionnumber"] > before for row in rows)


def test_deleting_what_a_booking_needs_is_refused(room):
    room.book()
    answer = room.ask("DELETE", f"bookableresources({room.anna})")
    assert (answer.status, answer.error["code"]) == (405, "0x80040227")
    assert room.ask("DELETE", f"bookableresources({room.bert})").status == 204


def test_deleting_a_header_deletes_its_bookings(room):
    header = room.store.create("bookableresourcebookingheader", {"name": "Crew"})
    one, other = room.book(header=header), room.book()
    assert room.ask("DELETE", f"bookableresourcebookingheaders({header})").status == 204
    assert [row["bookableresourcebookingid"] for row in room.store.rows("bookableresourcebooking")] == [other]
    assert one != other


@pytest.mark.parametrize("way", ["patch", "ref"])
def test_a_lookup_is_emptied(room, way):
    async def story(client):
        where = f"{BOOKINGS}({room.book()})"
        if way == "patch":
            await client.ask("PATCH", where, {"msdyn_workorder@odata.bind": None})
        else:
            await client.ask("DELETE", f"{where}/msdyn_workorder/$ref")
        return (await client.get(where)).body["_msdyn_workorder_value"]

    assert room.run(story) is None


def test_an_inactive_row_has_the_inactive_reason(room):
    answer = room.ask("PATCH", f"{BOOKINGS}({room.book()})", {"statecode": 1}, prefer="return=representation")
    assert (answer.body["statecode"], answer.body["statuscode"]) == (1, 2)


def test_several_rows_are_made_and_changed_in_one_request(room):
    async def story(client):
        action = "accounts/Microsoft.Dynamics.CRM."
        made = await client.ask("POST", action + "CreateMultiple", {"Targets": [{"name": "One"}, {"name": "Two"}]})
        targets = [{"accountid": row_id, "telephone1": "1"} for row_id in made.body["Ids"]]
        changed = await client.ask("POST", action + "UpdateMultiple", {"Targets": targets})
        return made.body["Ids"], changed.status

    ids, status = room.run(story)
    assert status == 204
    assert [room.store.get("account", row_id)["telephone1"] for row_id in ids] == ["1", "1"]


def test_several_rows_are_all_made_or_none(room):
    action = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert room.ask("POST", action, {"Targets": [{"name": "One"}, {}]}).status == 400
    assert [row["name"] for row in room.store.rows("account")] == ["Contoso"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "accounts({id})", 405),
        ("PATCH", "accounts", 405),
        ("DELETE", "accounts", 405),
        ("PUT", "accounts({id})", 405),
        ("POST", "accounts/Microsoft.Dynamics.CRM.Merge", 404),
        ("POST", "$batch", 501),
    ],
)
def test_a_method_that_makes_no_sense_is_refused(room, method, path, status):
    assert room.ask(method, path.format(id=room.account), {"name": "x"}).status == status
