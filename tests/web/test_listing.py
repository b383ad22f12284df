"""A table's address: what it asks for, and its neighbours' addresses."""

from __future__ import annotations

import pytest

from fieldcal.errors import ConfigError
from fieldcal.web.listing import Column, Listing

COLUMNS = (Column("name", "name"), Column("state"), Column("last", "last_at"))


def asked(total: int = 120, **query: str) -> Listing:
    made = Listing.asked(
        query, path="/rows", section="rows", columns=COLUMNS, sort="name", filters={"state": ("on", "off")}
    )
    return made.counted(total)


@pytest.mark.parametrize(
    ("query", "offset", "first", "last"),
    [({}, 0, 1, 25), ({"page": "2"}, 25, 26, 50), ({"page": "5"}, 100, 101, 120), ({"size": "50", "page": "3"}, 100, 101, 120),
     ({"page": "0"}, 0, 1, 25), ({"page": "x"}, 0, 1, 25), ({"page": "-3"}, 0, 1, 25), ({"size": "7"}, 0, 1, 25),
     ({"page": "9"}, 200, 0, 120), ({"page": "9" * 40}, 0, 1, 25)],
)  # fmt: skip
def test_which_rows_a_page_shows(query: dict[str, str], offset: int, first: int, last: int) -> None:
    listing = asked(**query)
    assert (listing.offset, listing.first, listing.last) == (offset, first, last)


def test_neighbours_keep_what_is_searched_sorted_and_filtered() -> None:
    listing = asked(search="a b", state="on", sort="-last_at", page="2")
    kept = "search=a+b&state=on&sort=-last_at"
    assert listing.previous == f"/rows?{kept}"
    assert listing.next == f"/rows?{kept}&page=3"
    assert listing.query == kept
    assert listing.filtered("state", "") == "/rows?search=a+b&sort=-last_at"
    assert (asked().previous, asked(10).next) == ("", "")
    # beyond the end: back to the last page that there is
    assert asked(30, page="9").previous == "/rows?sort=name&page=2"


def test_sorting_by_the_same_column_again_turns_it_round() -> None:
    assert asked().sorted_by(COLUMNS[0]) == "/rows?sort=-name"
    assert asked(sort="-name").sorted_by(COLUMNS[0]) == "/rows?sort=name"
    assert [asked(sort="-name").direction(column) for column in COLUMNS] == ["descending", "", ""]
    assert asked().direction(COLUMNS[0]) == "ascending"


@pytest.mark.parametrize("query", [{"sort": "secret"}, {"sort": "--name"}, {"state": "broken"}])
def test_what_is_unknown_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        asked(**query)
