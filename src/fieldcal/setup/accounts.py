"""Mailboxes that sign in by themselves (CalDAV): account name and secret, for one or from a file for many."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.errors import ConfigError, one_line
from fieldcal.model import MailboxId
from fieldcal.setup.addresses import account_name
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import CALDAV, Account, Actor, Mailbox
from fieldcal.state import accounts, audit, profiles

#: Lines of a file that a refusal tells.
_TOLD_AT_MOST = 20
_SECRET, _PASSWORD = "secret", "password"
_COLUMNS = ("address", "user", _SECRET, _PASSWORD)
_OTHER = "its account name changed: run Test & Enable"
_NOBODY = "its own sign-in was taken away: run Test & Enable"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to set for one mailbox: None stays as it is, "" is taken away. `secret` is a reference."""

    user: str | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file of credentials; `password` in the clear where the file holds it, to be sealed at once."""

    line: int
    address: str
    user: str | None
    secret: str | None
    password: str | None = None


def give(tx: Connection, actor: Actor, now: datetime, environment: str, wishes: Mapping[MailboxId, Wish]) -> int:
    """Have these mailboxes sign in so, all or none; returns how many.

    Another account is another calendar: it is refused while events of ours stand in the old one, and else the mailbox
    is off until it was tested. A changed secret of the same account takes hold at the next request.
    """
    found = permitted(tx, actor, Action.SET_UP, environment, list(wishes))
    refuse_others(tx, found)
    known = accounts.some(tx, environment, list(wishes))
    for mailbox in found:
        wish = wishes[mailbox.id]
        _give(tx, mailbox, known[mailbox.id], wish)
        what = [name for name, given in (("account name", wish.user), (_SECRET, wish.secret)) if given is not None]
        audit.record(tx, actor, now, "mailbox credentials", [f"{environment}/{mailbox.id}"], ", ".join(what))
    return len(found)


def refuse_others(tx: Connection, found: Sequence[Mailbox]) -> None:
    """Return when none of these is written through a profile that signs in as a service only."""
    services = {profile.id for profile in profiles.everyone(tx) if profile.kind != CALDAV}
    wrong = [box for box in found if box.profile in services]
    if wrong:
        names = ", ".join(box.address or box.id for box in wrong[:5])
        raise ConfigError(
            f"{names}: the server profile {wrong[0].profile} is not CalDAV, so no mailbox signs in by itself there"
        )


def _give(tx: Connection, mailbox: Mailbox, known: Account, wish: Wish) -> None:
    if wish.secret and mailbox.profile is None:
        raise ConfigError(
            f"{mailbox.address or mailbox.id}: choose its server profile first; a secret is kept for that one server"
        )
    user = known.user if wish.user is None else wish.user
    secret = known.secret if wish.secret is None else wish.secret
    values = {"user_name": user, "secret": secret}
    if account_name(user, mailbox.address) != account_name(known.user, mailbox.address):
        if accounts.stands(tx, mailbox.environment, mailbox.id):
            raise ConfigError(
                f"events of ours stand in {mailbox.address}, and another account is another calendar: take them out "
                f"first (`fieldcal mailbox clean {mailbox.address}`), then name the account"
            )
        values["collection"] = ""
        accounts.switch_off(tx, mailbox.environment, mailbox.id, _OTHER)
    elif known.secret and not secret:
        accounts.switch_off(tx, mailbox.environment, mailbox.id, _NOBODY)
    accounts.change(tx, mailbox.environment, mailbox.id, **values)


def parse(text: str) -> tuple[list[Row], list[str]]:
    """The lines of a CSV file with a head, and what is wrong with them, by line; no secret is told. Pure.

    Columns: `address`, `user` (may be missing or empty: the address), and `secret` (a reference) or `password`.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    head = lines[0] if lines else ""
    mark = ";" if head.count(";") > head.count(",") else ","
    names = [name.strip().casefold() for name in next(csv.reader([head], delimiter=mark), [])]
    unknown = [one_line(name, 40) for name in names if name not in _COLUMNS]
    if "address" not in names or len(set(names)) != len(names) or unknown:
        found = f"; {', '.join(unknown[:5])} is none" if unknown and len(unknown) < len(names) else ""
        return [], [f"line 1: name the columns: address, user, and secret or password{found}"]
    if _SECRET in names and _PASSWORD in names:
        return [], ["line 1: either secret (references) or password (in the clear), not both"]
    rows, mistakes = list[Row](), list[str]()
    reader = csv.reader(lines[1:], delimiter=mark)
    for cells in reader:
        number = reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            mistakes.append(f"line {number}: {len(cells)} cells where the head names {len(names)}")
            continue
        given = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        rows.append(
            Row(number, given["address"], given.get("user"), given.get(_SECRET), given.get(_PASSWORD))
        )  # fmt: skip
    return rows, mistakes + _twice(rows)


def _twice(rows: Sequence[Row]) -> list[str]:
    first: dict[str, int] = {}
    found = []
    for row in rows:
        before = first.setdefault(row.address.casefold(), row.line)
        if not row.address:
            found.append(f"line {row.line}: no address")
        elif before != row.line:
            found.append(f"line {row.line}: {one_line(row.address, 80)} stands in line {before} already")
        if row.password == "":
            found.append(f"line {row.line}: no password")
    return found


def matched(
    found: Sequence[Mailbox], rows: Sequence[Row], environment: str
) -> tuple[list[tuple[Row, Mailbox]], list[str]]:
    """Each line with its mailbox, and the lines whose address no mailbox has."""
    by_address: dict[str, list[Mailbox]] = {}
    for box in found:
        by_address.setdefault(box.address.casefold(), []).append(box)
    pairs = [(row, box) for row in rows for box in by_address.get(row.address.casefold(), [])]
    mistakes = [
        f"line {row.line}: there is no mailbox {one_line(row.address, 80)} in the environment {environment}"
        for row in rows
        if row.address and row.address.casefold() not in by_address
    ]
    return pairs, mistakes


def refusal(mistakes: Sequence[str], lines: int) -> str:
    """What is told of a file with mistakes: each by its line, up to a number that somebody reads."""
    ordered = sorted(mistakes, key=_line_of)
    more = f"; and {len(ordered) - _TOLD_AT_MOST} more" if len(ordered) > _TOLD_AT_MOST else ""
    return f"nothing was changed; of {lines} lines: {'; '.join(ordered[:_TOLD_AT_MOST])}{more}"


def _line_of(mistake: str) -> int:
    number = mistake.removeprefix("line ").partition(":")[0]
    return int(number) if number.isdecimal() else 0
