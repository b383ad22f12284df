"""What a real organization does and a polite one does not: each switched on by one setting of the control plane."""

from __future__ import annotations

import pytest

BOOKINGS = "bookableresourcebookings"
TRACK = {"Prefer": "odata.track-changes"}


async def ids(client, path, **headers):
    """The ids of every page, in the order in which they came."""
    found = []
    while path:
        answer = await client.get(path, **headers)
        found += [row["msdyn_incidenttypeid"] for row in answer.rows]
        path = answer.body.get("@odata.nextLink", "").rpartition("/api/data/v9.2/")[2]
    return found


def made(room, count=5):
    return sorted(
        room.service.store.create("msdyn_incidenttype", {"msdyn_name": f"a{number}"}) for number in range(count)
    )


@pytest.mark.parametrize(("slip", "came"), [(0, [0, 1, 2, 3, 4]), (1, [0, 1, 1, 2, 2, 3, 3, 4]), (-1, [0, 1, 3, 4])])
def test_pages_repeat_or_pass_over_rows(room, slip, came):
    rows = made(room)
    room.control.change(page_slip=slip)

    async def story(client):
        return await ids(
            client, "msdyn_incidenttypes?$select=msdyn_name&$orderby=msdyn_incidenttypeid", Prefer="odata.maxpagesize=2"
        )

    assert room.run(story) == [rows[number] for number in came]


def test_a_row_of_another_business_unit_is_in_no_list_and_refused_by_its_id(room):
    rows = made(room)
    room.control.change(hidden=rows[:1])

    async def story(client):
        listed = await client.get("msdyn_incidenttypes?$select=msdyn_name&$count=true")
        among = "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_incidenttypeid',PropertyValues=['" + rows[0] + "'])"
        return (
            listed,
            await client.get(f"msdyn_incidenttypes?$filter={among}"),
            await client.get(f"msdyn_incidenttypes({rows[0]})"),
        )

    listed, asked, single = room.run(story)
    assert (len(listed.rows), listed.body["@odata.count"], asked.rows) == (4, 4, [])
    assert (single.status, single.error["code"]) == (403, "0x80040220")


def test_a_spoiled_row_is_shown_with_other_values_than_are_stored(room):
    rows = made(room, 2)
    room.control.change(spoiled={rows[0]: {"msdyn_name": None, "strange": 7}})

    async def story(client):
        return (
            await client.get("msdyn_incidenttypes?$select=msdyn_name&$orderby=msdyn_incidenttypeid"),
            await client.get(f"msdyn_incidenttypes({rows[0]})?$select=msdyn_name"),
            await client.get("msdyn_incidenttypes?$select=msdyn_name", **TRACK),
        )

    listed, single, tracked = room.run(story)
    for row in (listed.rows[0], single.body, next(r for r in tracked.rows if r["msdyn_incidenttypeid"] == rows[0])):
        assert (row["msdyn_name"], row["strange"]) == (None, 7)
    assert listed.rows[1]["msdyn_name"] is not None
    assert room.service.store.get("msdyn_incidenttype", rows[0])["msdyn_name"] is not None


def test_the_privilege_to_read_changes_is_one_of_its_own(room):
    room.control.change(changes_unreadable=["msdyn_incidenttype"])

    async def story(client):
        return await client.get("msdyn_incidenttypes"), await client.get("msdyn_incidenttypes", **TRACK)

    plain, tracked = room.run(story)
    assert (plain.status, tracked.status, tracked.error["code"]) == (200, 403, "0x80040220")


def test_formatted_values_may_be_missing_though_they_are_preferred(room):
    room.control.change(unformatted=True)
    made(room, 1)

    async def story(client):
        return (await client.get("msdyn_incidenttypes", Prefer='odata.include-annotations="*"')).rows

    (row,) = room.run(story)
    assert [name for name in row if "@" in name] == ["@odata.etag"]


def test_columns_and_navigation_properties_may_be_missing_or_called_otherwise(room):
    room.control.change(missing=["bookableresource.timezone", "bookableresource.UserId"])

    async def story(client):
        base = "EntityDefinitions(LogicalName='bookableresource')"
        return (
            await client.get(f"{base}/Attributes?$select=LogicalName"),
            await client.get(f"{base}/ManyToOneRelationships?$select=ReferencingEntityNavigationPropertyName"),
            await client.get("bookableresources?$select=timezone"),
            await client.get("bookableresources?$expand=UserId"),
            await client.get("bookableresources?$select=name"),
        )

    attributes, relations, column, expand, fine = room.run(story)
    assert "timezone" not in {row["LogicalName"] for row in attributes.rows}
    named = {row["ReferencingEntityNavigationPropertyName"] for row in relations.rows}
    assert "uSERiD" in named
    assert "UserId" not in named
    assert (column.status, expand.status, fine.status) == (400, 400, 200)
    assert "Could not find a property named" in column.error["message"]


@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_an_expired_token_may_be_answered_with_any_status(room, status):
    room.control.change(expired_status=status)

    async def story(client):
        link = (await client.get("msdyn_incidenttypes?$select=msdyn_name", **TRACK)).body["@odata.deltaLink"]
        room.service.store.expire_tokens()
        return await client.get(link.rpartition("/api/data/v9.2/")[2])

    told = room.run(story)
    assert (told.status, told.error["code"]) == (status, "0x80044352")
