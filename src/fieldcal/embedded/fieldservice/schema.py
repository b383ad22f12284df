"""What a table of the field service is: its names, its columns, its lookups. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

Type = Literal[
    "guid", "string", "memo", "integer", "bigint", "double", "boolean", "datetime", "date", "option", "lookup"
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `name` is the logical name; a lookup is read as `_name_value` and written by `nav@odata.bind`.

    `on_delete`: what becomes of this row when the row that it points at is deleted. `hidden`: written, never read.
    """

    name: str
    type: Type = "string"
    length: int = 100
    options: Mapping[int, str] = field(default_factory=dict)
    default: int | str | bool | None = None
    required: bool = False
    read_only: bool = False
    target: str = ""
    nav: str = ""
    on_delete: Literal["clear", "refuse", "cascade"] = "clear"
    indexed: bool = False
    hidden: bool = False

    @property
    def property(self) -> str:
        """The name in JSON, `$select` and `$filter`."""
        return f"_{self.name}_value" if self.type == "lookup" else self.name


@dataclass(frozen=True)
class Table:
    """One table. `name` is the logical name (`account`), `set` the entity set's (`accounts`)."""

    name: str
    set: str
    id: str
    primary: str
    own: tuple[Column, ...]
    stateful: bool = True
    #: columns that lists are found or sorted by together
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The id, the table's own columns, then those that every table has."""
        state = (
            option("statecode", {0: "Active", 1: "Inactive"}, default=0),
            option("statuscode", {1: "Active", 2: "Inactive"}, default=1),
        )
        every = (
            Column("createdon", "datetime", read_only=True),
            Column("modifiedon", "datetime", read_only=True),
            Column("versionnumber", "bigint", read_only=True),
        )
        return (Column(self.id, "guid"), *self.own, *(state if self.stateful else ()), *every)

    @cached_property
    def by_property(self) -> Mapping[str, Column]:
        """Columns by their name in JSON."""
        return MappingProxyType({column.property: column for column in self.columns})

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Columns by logical name, as the store knows them."""
        return MappingProxyType({column.name: column for column in self.columns})

    @cached_property
    def by_nav(self) -> Mapping[str, Column]:
        """Lookups by their navigation property, in its exact case."""
        return MappingProxyType({column.nav: column for column in self.columns if column.nav})


@dataclass(frozen=True)
class Schema:
    """All tables."""

    tables: tuple[Table, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """Tables by logical name."""
        return MappingProxyType({table.name: table for table in self.tables})

    @cached_property
    def by_set(self) -> Mapping[str, Table]:
        """Tables by entity set name."""
        return MappingProxyType({table.set: table for table in self.tables})

    def pointing_at(self, name: str) -> Iterator[tuple[Table, Column]]:
        """The lookups, with their table, whose target is this table."""
        for table in self.tables:
            for column in table.columns:
                if column.target == name:
                    yield table, column


def option(name: str, options: Mapping[int, str], *, default: int | None = None) -> Column:
    """A choice of whole numbers with their labels."""
    return Column(name, "option", options=MappingProxyType(dict(options)), default=default)


def lookup(
    name: str,
    target: str,
    *,
    nav: str = "",
    required: bool = False,
    on_delete: Literal["clear", "refuse", "cascade"] | None = None,
    indexed: bool = False,
) -> Column:
    """A reference to a row; a required one keeps its target from being deleted."""
    rule = on_delete or ("refuse" if required else "clear")
    return Column(name, "lookup", target=target, nav=nav or name, required=required, on_delete=rule, indexed=indexed)


def yes_no(name: str, *, default: bool | None = None) -> Column:
    """A boolean, shown as Yes or No."""
    return Column(name, "boolean", options=MappingProxyType({0: "No", 1: "Yes"}), default=default)
