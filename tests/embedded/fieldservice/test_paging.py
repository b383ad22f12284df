"""Pages: sizes, order, links that are followed as they are, counts, `$top`."""

import pytest

BOOKINGS = "bookableresourcebookings"


@pytest.fixture
def booked(room):
    """Seven bookings, two at each start but the last; names repeat and one is empty."""
    names = ["b", "a", None, "b", "a", "c", "b"]
    days = [24, 24, 25, 25, 26, 26, 27]
    room.ids = [
        room.store.create(
            "bookableresourcebooking",
            {
                "name": name or "x",
                "msdyn_globalobjectid": name,
                "starttime": f"2026-11-{day}T09:00:00Z",
                "endtime": f"2026-11-{day}T10:00:00Z",
                "resource": room.anna,
                "bookingstatus": room.status,
            },
        )
        for name, day in zip(names, days, strict=True)
    ]
    return room


async def pages(client, path, size):
    """Every page, following the links."""
    found, prefer = [], f"odata.maxpagesize={size}"
    while path:
        answer = await client.get(path, prefer=prefer)
        found.append(answer.rows)
        path = answer.body.get("@odata.nextLink")
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("order", ["", "&$orderby=starttime", "&$orderby=msdyn_globalobjectid desc,starttime asc"])
def test_pages_hold_every_row_once_whatever_their_size_and_order(booked, size, order):
    path = f"{BOOKINGS}?$select=starttime,msdyn_globalobjectid{order}"
    found = booked.run(lambda client: pages(client, path, size))
    ids = [row["bookableresourcebookingid"] for page in found for row in page]
    assert sorted(ids) == sorted(booked.ids)
    assert max(len(page) for page in found) <= size
    assert len(found) == -(-7 // size)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("msdyn_globalobjectid", [None, "a", "a", "b", "b", "b", "c"]),
        ("msdyn_globalobjectid desc", ["c", "b", "b", "b", "a", "a", None]),
    ],
)
def test_empty_values_come_first_and_last_when_descending(booked, order, expected):
    path = f"{BOOKINGS}?$select=msdyn_globalobjectid&$orderby={order}"
    found = booked.run(lambda client: pages(client, path, 2))
    assert [row["msdyn_globalobjectid"] for page in found for row in page] == expected


def test_the_next_link_keeps_filter_and_expansion(booked):
    path = f"{BOOKINGS}?$select=name&$filter=starttime gt 2026-11-24T12:00:00%2B00:00&$expand=Resource($select=name)"
    found = booked.run(lambda client: pages(client, path, 2))
    rows = [row for page in found for row in page]
    assert len(rows) == 5
    assert all(row["Resource"]["name"] == "Anna" for row in rows)


def test_rows_deleted_and_made_between_pages_double_nothing(booked):
    async def story(client):
        first = await client.get(f"{BOOKINGS}?$select=name", prefer="odata.maxpagesize=3")
        booked.store.remove("bookableresourcebooking", first.rows[0]["bookableresourcebookingid"])
        rest = await pages(client, first.body["@odata.nextLink"], 3)
        return [row["bookableresourcebookingid"] for page in (first.rows, *rest) for row in page]

    ids = booked.run(story)
    assert sorted(ids) == sorted(booked.ids)


def test_top_ends_the_read_and_a_page_size_makes_it_be_ignored(booked):
    assert len(booked.get(f"{BOOKINGS}?$top=3").rows) == 3
    assert "@odata.nextLink" not in booked.get(f"{BOOKINGS}?$top=3").body
    assert len(booked.get(f"{BOOKINGS}?$top=0").rows) == 0
    answer = booked.get(f"{BOOKINGS}?$top=3", prefer="odata.maxpagesize=5")
    assert len(answer.rows) == 5
    assert "@odata.nextLink" in answer.body


def test_without_a_preference_a_page_has_5000_rows(room):
    room.store.load("account", [{"name": f"Account {n}"} for n in range(5200)])
    answer = room.get("accounts?$select=name")
    assert len(answer.rows) == 5000
    assert "@odata.nextLink" in answer.body
    assert len(room.get("accounts?$select=name", prefer="odata.maxpagesize=9000").rows) == 5000


@pytest.mark.parametrize(
    ("path", "number"),
    [(f"{BOOKINGS}/$count", 7), (f"{BOOKINGS}/$count?$filter=msdyn_globalobjectid eq 'a'", 2)],
)
def test_counts_are_plain_numbers(booked, path, number):
    answer = booked.get(path)
    assert (answer.status, answer.body) == (200, str(number))


def test_count_true_counts_all_pages(booked):
    answer = booked.get(f"{BOOKINGS}?$count=true&$filter=msdyn_globalobjectid ne 'a'", prefer="odata.maxpagesize=2")
    assert (answer.body["@odata.count"], len(answer.rows)) == (5, 2)
