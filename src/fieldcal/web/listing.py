"""A table as its address asks for it: page, order, search and filters; and the addresses of its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fieldcal.errors import ConfigError

#: Rows of one page, as they can be chosen.
SIZES = (25, 50, 100)
_FARTHEST = 1_000_000
#: Letters of a filter with any text.
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its text is `SECTION.column.NAME`; `sort`: what it is sorted by, "" where it is not."""

    name: str
    sort: str = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a table."""

    path: str
    section: str
    columns: Sequence[Column]
    #: `name` or `-name`
    sort: str
    search: str
    #: what it is narrowed by, by the filter's name; "" is all
    filters: Mapping[str, str]
    page: int
    size: int
    #: rows in all that match; set by `counted`
    total: int = 0

    @classmethod
    def asked(
        cls, query: Mapping[str, str], *, path: str, section: str, columns: Sequence[Column], sort: str,
        filters: Mapping[str, Sequence[str]],
    ) -> Listing:  # fmt: skip
        """What the address asks for; `filters`: which there are, each with its values (none: any text).

        What is unknown is refused.
        """
        sorts = {column.sort for column in columns if column.sort}
        chosen = query.get("sort") or sort
        if chosen.removeprefix("-") not in sorts:
            raise ConfigError(f"this table cannot be sorted by {chosen[:40]!r}")
        narrowed = {name: query.get(name, "")[:_LONGEST] for name in filters}
        for name, value in narrowed.items():
            if value and filters[name] and value not in filters[name]:
                raise ConfigError(f"there is no {name} {value[:40]!r}")
        size = _number(query.get("size", ""), SIZES[0])
        return cls(path, section, columns, chosen, query.get("search", "").strip()[:200], narrowed,
                   max(_number(query.get("page", ""), 1), 1), size if size in SIZES else SIZES[0])  # fmt: skip

    def counted(self, total: int) -> Listing:
        """The same page of so many rows."""
        return Listing(self.path, self.section, self.columns, self.sort, self.search, self.filters, self.page,
                       self.size, total)  # fmt: skip

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.page - 1) * self.size

    @property
    def first(self) -> int:
        """The number of its first row, from 1; 0 where there is none."""
        return self.offset + 1 if self.offset < self.total else 0

    @property
    def last(self) -> int:
        """The number of its last row."""
        return min(self.offset + self.size, self.total)

    @property
    def narrowed(self) -> bool:
        """Something is searched for or filtered by."""
        return bool(self.search or any(self.filters.values()))

    @property
    def previous(self) -> str:
        """The address of the page before, "" where there is none."""
        last = max((self.total + self.size - 1) // self.size, 1)
        return self._address(page=min(self.page - 1, last)) if self.page > 1 else ""

    @property
    def next(self) -> str:
        """The address of the page after, "" where there is none."""
        return self._address(page=self.page + 1) if self.last < self.total else ""

    def sorted_by(self, column: Column) -> str:
        """The address that sorts by this column; by the same again, the other way round."""
        return self._address(sort=f"-{column.sort}" if self.sort == column.sort else column.sort)

    def direction(self, column: Column) -> str:
        """`ascending` or `descending` where it is sorted by this column, "" where it is not."""
        if not column.sort or self.sort.removeprefix("-") != column.sort:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"

    @property
    def set(self) -> list[tuple[str, str]]:
        """What it is narrowed by, search aside: name and value of each filter that is set."""
        return [(name, value) for name, value in self.filters.items() if value]

    def filtered(self, name: str, value: str) -> str:
        """The address that shows the rows of this filter only."""
        return self._address(filters={**self.filters, name: value})

    @property
    def query(self) -> str:
        """What narrows and sorts it, for another address of the same rows."""
        return self._address().partition("?")[2]

    def _address(self, *, page: int = 1, sort: str | None = None, filters: Mapping[str, str] | None = None) -> str:
        said = {
            "search": self.search, **(self.filters if filters is None else filters),
            "sort": self.sort if sort is None else sort, "size": "" if self.size == SIZES[0] else str(self.size),
            "page": "" if page <= 1 else str(page),
        }  # fmt: skip
        return f"{self.path}?{urlencode({name: value for name, value in said.items() if value})}"


def _number(text: str, otherwise: int) -> int:
    return min(int(text), _FARTHEST) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise  # noqa: PLR2004
