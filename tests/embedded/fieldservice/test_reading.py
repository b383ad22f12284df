"""What a GET shows: columns, lookups, expansions, annotations, contexts, and what it refuses."""

import pytest
from tests.embedded.fieldservice.room import FORMATTED, NOBODY

BOOKINGS = "bookableresourcebookings"


def test_a_selected_row_has_etag_columns_lookups_and_its_id(room):
    booking = room.book()
    row = room.get(f"{BOOKINGS}?$select=starttime,_resource_value").rows[0]
    assert row == {
        "@odata.etag": row["@odata.etag"],
        "starttime": "2026-11-24T09:00:00Z",
        "_resource_value": room.anna,
        "bookableresourcebookingid": booking,
    }
    assert row["@odata.etag"] == f'W/"{room.store.get("bookableresourcebooking", booking)["versionnumber"]}"'


def test_without_select_every_column_is_there(room):
    room.book()
    row = room.get(BOOKINGS).rows[0]
    assert {"statecode", "statuscode", "createdon", "versionnumber", "_header_value"} <= row.keys()
    assert (row["duration"], row["name"], row["_header_value"]) == (60, "Anna", None)


def test_the_context_names_set_and_selection(room):
    context = room.get("accounts?$select=name").body["@odata.context"]
    assert context.endswith("/api/data/v9.2/$metadata#accounts(name)")
    one = room.get(f"accounts({room.account})?$select=name")
    assert one.body["@odata.context"].endswith("#accounts(name)/$entity")
    assert one.body["name"] == "Contoso"


@pytest.mark.parametrize("key", ["{id}", "accountid={id}", "'{id}'", "{{{id}}}"])
def test_a_row_is_found_by_its_id(room, key):
    assert room.get(f"accounts({key.format(id=room.account)})?$select=name").body["name"] == "Contoso"


def test_an_etag_that_still_holds_is_answered_with_304(room):
    async def story(client):
        etag = (await client.get(f"accounts({room.account})")).headers["etag"]
        return (await client.get(f"accounts({room.account})", if_none_match=etag)).status

    assert room.run(story) == 304


def test_expansions_nest_and_show_what_they_select(room):
    room.book()
    path = (
        f"{BOOKINGS}?$select=starttime&$expand=Resource($select=name;$expand=UserId($select=internalemailaddress)),"
        "msdyn_workorder($select=msdyn_name,_msdyn_priority_value;"
        "$expand=msdyn_serviceaccount($select=name,_primarycontactid_value)),Header"
    )
    row = room.get(path).rows[0]
    assert row["Resource"]["UserId"]["internalemailaddress"] == "anna@contoso.example"
    assert row["msdyn_workorder"]["msdyn_name"] == "00042"
    assert row["msdyn_workorder"]["msdyn_serviceaccount"]["_primarycontactid_value"] == room.contact
    assert row["Header"] is None


def test_formatted_values_reach_into_expansions(room):
    room.book()
    path = f"{BOOKINGS}?$select=starttime,statecode,_resource_value&$expand=msdyn_workorder($select=_msdyn_priority_value,msdyn_worklocation)"
    row = room.get(path, prefer=f'odata.include-annotations="{FORMATTED}"').rows[0]
    assert row[f"_resource_value@{FORMATTED}"] == "Anna"
    assert row[f"statecode@{FORMATTED}"] == "Active"
    assert row[f"starttime@{FORMATTED}"] == "11/24/2026 9:00 AM"
    assert row["msdyn_workorder"][f"_msdyn_priority_value@{FORMATTED}"] == "High"
    assert row["msdyn_workorder"][f"msdyn_worklocation@{FORMATTED}"] == "Onsite"
    assert not any("lookuplogicalname" in key for key in row)


@pytest.mark.parametrize("wanted", ["*", "Microsoft.Dynamics.CRM.*"])
def test_lookups_say_their_table_and_navigation_property(room, wanted):
    room.book()
    path = f"{BOOKINGS}?$select=_resource_value,_header_value"
    row = room.get(path, prefer=f'odata.include-annotations="{wanted}"').rows[0]
    assert row["_resource_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "bookableresource"
    assert row["_resource_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "Resource"
    assert not any(key.startswith("_header_value@") for key in row)
    assert (f"_resource_value@{FORMATTED}" in row) is (wanted == "*")


@pytest.mark.parametrize(
    ("table", "values", "name", "label"),
    [
        ("bookableresource", {"name": "Van", "resourcetype": 4}, "resourcetype", "Equipment"),
        ("systemuser", {"fullname": "Zoe", "isdisabled": True}, "isdisabled", "Yes"),
        ("bookableresource", {"name": "Zoe", "timezone": 1100}, "timezone", "1,100"),
        ("msdyn_workorder", {"msdyn_datewindowstart": "2026-11-04"}, "msdyn_datewindowstart", "11/4/2026"),
        ("msdyn_workorder", {"msdyn_timefrompromised": "2026-11-04T00:30:00Z"}, "msdyn_timefrompromised", "11/4/2026 12:30 AM"),
    ],
)  # fmt: skip
def test_each_type_has_its_label(room, table, values, name, label):
    row_id = room.store.create(table, values)
    entity_set = table + "s"
    answer = room.get(f"{entity_set}({row_id})?$select={name}", prefer='odata.include-annotations="*"')
    assert answer.body[f"{name}@{FORMATTED}"] == label
    assert "odata.include-annotations" in answer.headers["preference-applied"]


@pytest.mark.parametrize(
    ("path", "status", "code", "text"),
    [
        (f"{BOOKINGS}?$select=nme", 400, "0x0", "named 'nme' on type 'Microsoft.Dynamics.CRM.bookableresourcebooking'"),
        (f"{BOOKINGS}?$select=Name", 400, "0x0", "named 'Name'"),
        (f"{BOOKINGS}?$select=resource", 400, "0x0", "named 'resource'"),
        (f"{BOOKINGS}?$expand=resource", 400, "0x0", "named 'resource'"),
        (f"{BOOKINGS}?$expand=msdyn_Workorder", 400, "0x0", "named 'msdyn_Workorder'"),
        (f"{BOOKINGS}?$expand=Resource($select=nme)", 400, "0x0", "type 'Microsoft.Dynamics.CRM.bookableresource'"),
        (f"{BOOKINGS}?$expand=Resource($filter=name eq 'x')", 400, "0x80060888", "Only $select and $filter"),
        (f"{BOOKINGS}?$expand=Resource($select=name", 400, "0x0", "parentheses"),
        (f"{BOOKINGS}?$expand={','.join(['Resource'] * 16)}", 400, "0x0", "maximum of 15"),
        (f"{BOOKINGS}?$orderby=nme", 400, "0x0", "named 'nme'"),
        (f"{BOOKINGS}?$orderby=name upwards", 400, "0x0", "$orderby"),
        (f"{BOOKINGS}?$top=-1", 400, "0x0", "$top"),
        (f"{BOOKINGS}?$skip=10", 400, "0x0", "$skip"),
        (f"{BOOKINGS}?$select=name&$select=name", 400, "0x0", "more than once"),
        (f"{BOOKINGS}?$skiptoken=bogus", 400, "0x0", "skip token"),
        ("bookings", 404, "0x8006088a", "segment 'bookings'"),
        (f"accounts({NOBODY})", 404, "0x80040217", f"Entity 'account' With Id = {NOBODY} Does Not Exist"),
        ("accounts(7)", 400, "0x80040203", "not the id of a row"),
        (f"accounts({NOBODY})/name", 400, "0x0", "not supported"),
        ("$batch", 501, "0x8006088a", "no $batch"),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_dataverses_error(room, path, status, code, text):
    answer = room.get(path)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert text in answer.error["message"]


@pytest.mark.parametrize("table", ["bookableresourcebooking", "msdyn_workorder"])
def test_a_table_without_privilege_is_forbidden_also_as_an_expansion(room, table):
    room.book()
    room.control.change(unreadable=[table])
    answer = room.get(f"{BOOKINGS}?$expand=msdyn_workorder($select=msdyn_name)")
    assert (answer.status, answer.error["code"]) == (403, "0x80040220")
    assert f"prvRead{table}" in answer.error["message"]


@pytest.mark.parametrize("authorization", ["", "Basic abc", "Bearer abc", "Bearer "])
def test_without_a_good_token_nothing_is_shown(room, authorization):
    answer = room.run(lambda client: client.ask("GET", "accounts", token=authorization))
    assert answer.status == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer authorization_uri=http://127.0.0.1")
    assert room.service.tenant_id in challenge


def test_plus_and_percent_signs_in_a_query_are_decoded(room):
    answer = room.get("/api/data/v9.2/accounts?%24select=name&%24filter=name+eq+%27Contoso%27")
    assert [row["name"] for row in answer.rows] == ["Contoso"]
