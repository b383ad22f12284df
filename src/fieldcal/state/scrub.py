"""Find and take out words that name a person, in whatever table they stand: a walk over every text of the state.

What stands in the way of a word's form: case, composed or decomposed letters, JSON's escapes, HTML's. A row whose key
holds the word goes altogether. Tables that come later are walked too, without being named here.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import ColumnElement, Connection, String, Table, and_, delete, or_, select, update

from fieldcal.state.columns import metadata
from fieldcal.state.sought import SOUGHT
from fieldcal.state.tables import bookings, environments, links, mailboxes, meta, profiles, webhooks

#: What stands in place of a word that was taken out.
ERASED = "[erased]"
#: Shorter words would take half of all texts with them.
SHORTEST = 3
#: What the operator has set up; it names ends, not people.
_SET_UP = frozenset(table.name for table in (environments, profiles, webhooks, meta))


@dataclass(frozen=True)
class Words:
    """What is looked for: `anywhere` as whole words in any text, `alone` where it is all that stands there."""

    anywhere: tuple[str, ...]
    alone: tuple[str, ...] = ()

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """Each word in every form that a text may hold it in."""
        return tuple(dict.fromkeys(form for word in self.anywhere for form in _forms(word)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = "|".join(re.escape(form) for form in sorted(self.forms, key=len, reverse=True))
        # In JSON the letter of an escape (\n) stands right before a word, and is no part of it.
        return re.compile(rf"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{{4}}))(?:{forms})(?!\w)", re.IGNORECASE)

    def without(self, text: str) -> str:
        """The text without them."""
        return ERASED if text in self.alone else self._pattern.sub(ERASED, text)

    def within(self, text: str | None) -> bool:
        """Whether one of them stands in the text."""
        return text is not None and self.without(text) != text

    def may_stand_in(self, columns: Iterable[Any]) -> ColumnElement[bool]:
        """Rows that may hold one of them; more than do, never fewer."""
        alike = [f"%{_alike(form)}%" for form in self.forms]
        return or_(
            *(column.ilike(one, escape="!") for column in columns for one in alike),
            *(column.in_(self.alone) for column in columns if self.alone),
        )


def _forms(word: str) -> Iterator[str]:
    for form in dict.fromkeys(unicodedata.normalize(kind, word) for kind in ("NFC", "NFD")):
        yield form
        yield html.escape(form)
        yield quote(form, safe="")  # as it stands in an address
        yield msgspec.json.encode(form).decode()[1:-1]
        # as other programs write JSON, ASCII only; and that once more as a text in ours
        ascii_only = "".join(c if c.isascii() else f"\\u{unit:04x}" for c in form for unit in _units(c))
        yield from (ascii_only, ascii_only.replace("\\", "\\\\"))


def _units(letter: str) -> Iterator[int]:
    """The letter in UTF-16, which JSON's escapes are in."""
    data = letter.encode("utf-16-be")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


def _alike(text: str) -> str:
    """A pattern for every spelling of this text; SQLite knows the case of ASCII letters only."""
    escaped = "".join("!" + letter if letter in "!%_" else letter for letter in text)
    return "".join(letter if letter.isascii() else "_" for letter in escaped)


def take_out(
    tx: Connection, words: Words, *, environment: str | None = None, spared: Collection[str] = ()
) -> Counter[str]:
    """Take these words out of every text; returns how many rows of which table were changed or deleted.

    `environment`: only of its rows, and of those that belong to none. `spared`: tables that are left as they are.
    """
    done: Counter[str] = Counter()
    for table in metadata.sorted_tables:
        if table.name not in _SET_UP and table.name not in spared:
            done[table.name] += _from_table(tx, table, words, environment)
    return +done


def _from_table(tx: Connection, table: Table, words: Words, environment: str | None) -> int:
    columns = [column for column in table.columns if isinstance(column.type, String)]
    where = [words.may_stand_in(columns)] if columns else []
    if environment is not None and "environment" in table.c:
        where.append(table.c.environment.in_((environment, "")))
    number = 0
    for row in tx.execute(select(table).where(*where)).mappings().all() if where else ():
        changed = {
            c.name: new for c in columns
            if (old := row[c.name]) and (new := words.without(old)) != old and not _is_id(table, c.name, old, new)
        }  # fmt: skip
        if not changed:
            continue
        number += 1
        key = list(table.primary_key.columns)
        here = and_(*(column == row[column.name] for column in key))
        if any(column.name in changed for column in key):
            tx.execute(delete(table).where(here))
        else:
            tx.execute(update(table).where(here).values(_kept_whole(table, row, changed)))
    return number


def _is_id(table: Table, column: str, before: str, after: str) -> bool:
    """Where an event or a calendar of somebody else's stands at a CalDAV server, and who signs in there (I1).

    Of whom is erased none is left: nothing of ours stands there any more, and the mailbox's row is emptied. The very
    name of an account goes.
    """
    if (table is links and column == "event") or (table is mailboxes and column == "collection"):
        return before.startswith("/")
    signs_in = table is mailboxes and column in {"user_name", "secret"}
    return signs_in and after != ERASED and " " not in before


def _kept_whole(table: Table, row: Any, changed: dict[str, Any]) -> dict[str, Any]:
    """What is decided upon keeps its meaning: a text that is not remembered differs from nothing."""
    if table is links:
        if "subject" in changed or "location" in changed:
            changed |= {"subject": "", "location": ""}
        if "triggers" in changed:
            values = msgspec.json.decode(row["triggers"], type=dict[str, str])
            changed["triggers"] = msgspec.json.encode({k: v for k, v in values.items() if k != "place"}).decode()
    if table is bookings:
        # Small letters may hide a word that is spelled otherwise in the texts that these are made of.
        emptied = [name for name in ("place", *SOUGHT) if name in changed]
        emptied += SOUGHT if changed.keys() & {"snapshot", "name"} else ()
        changed |= dict.fromkeys(emptied, "")
    return changed
