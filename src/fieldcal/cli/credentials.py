"""What `mailbox credentials` does: account names and secrets of many mailboxes from a file, all or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldcal.attaching import user_mistakes
from fieldcal.cli import show
from fieldcal.cli.report import plural
from fieldcal.cli.session import Desk, chosen, confirm, desk
from fieldcal.config import load
from fieldcal.errors import ConfigError
from fieldcal.secrets import Secrets, is_reference, shown
from fieldcal.setup import accounts
from fieldcal.setup.accounts import Row, Wish
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox, Selection
from fieldcal.state import mailboxes

if TYPE_CHECKING:
    from fieldcal.model import MailboxId

#: A file above this is none of ours; ten thousand lines are a tenth of it.
_LONGEST = 8 * 2**20


def run(file: Path, environment: str | None, as_user: str | None, *, dry_run: bool, yes: bool, json: bool) -> None:
    """Read, look through, ask, store in one transaction, tell."""
    rows, mistakes = accounts.parse(_read(file))
    if not rows and not mistakes:
        mistakes = ["line 2: there is no mailbox in the file"]
    with desk(as_user) as at:
        with at.database.read() as tx:
            place = chosen(tx, environment)
            known = mailboxes.some(tx, place, mailboxes.ids(tx, place, Selection()))
            pairs, unknown = accounts.matched(known, rows, place)
            mistakes = [*mistakes, *unknown, *(wrong for row in rows for wrong in _wrong(row))]
            if mistakes:
                raise ConfigError(accounts.refusal(mistakes, len(rows)))
            boxes = permitted(tx, at.actor, Action.SET_UP, place, [box.id for _, box in pairs])
            accounts.refuse_others(tx, boxes)
        if dry_run:
            _preview(place, pairs, json=json)
            return
        confirm(f"Set the credentials of {plural(len(pairs), 'mailbox', 'mailboxes')} of {place}?", yes=yes,
                mailboxes=len(pairs))  # fmt: skip
        _store(at, place, pairs)
    if json:
        show.as_json({"environment": place, "mailboxes": len(pairs)})
        return
    show.line(f"Credentials set: {plural(len(pairs), 'mailbox', 'mailboxes')} of {place}.")
    if any(row.password for row in rows):
        show.line(f"The passwords are kept encrypted; delete {file}, which shows them to whoever reads it.")


def _store(at: Desk, place: str, pairs: list[tuple[Row, Mailbox]]) -> None:
    secrets = Secrets(load().secret_keys)
    wishes: dict[MailboxId, Wish] = {}
    for row, box in pairs:
        secret = secrets.seal(row.password) if row.password else row.secret or None
        wishes[box.id] = Wish(row.user, secret)
    with at.database.write() as tx:
        accounts.give(tx, at.actor, at.now, place, wishes)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigError(f"the file {file} cannot be read ({error.strerror})") from None
    if len(content) > _LONGEST:
        raise ConfigError(f"the file {file} is larger than any file of credentials")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the file {file} is not text in UTF-8; save it as CSV in UTF-8") from None


def _wrong(row: Row) -> list[str]:
    found = [mistake.removeprefix("--user-name: ") for mistake in user_mistakes(row.user or "")]
    if row.secret and not is_reference(row.secret):
        found.append("secret: write env:NAME or file:PATH; for passwords themselves name the column password")
    return [f"line {row.line}: {mistake}" for mistake in found]


def _preview(place: str, pairs: list[tuple[Row, Mailbox]], *, json: bool) -> None:
    rows = [
        {"line": row.line, "address": box.address, "user_name": row.user or box.address,
         "secret": "encrypted" if row.password else shown(row.secret or "")}
        for row, box in pairs
    ]  # fmt: skip
    if json:
        show.as_json({"environment": place, "mailboxes": rows})
        return
    show.table(("line", "address", "signs in as", "secret"), [tuple(row.values()) for row in rows])
    show.line(f"{plural(len(rows), 'mailbox', 'mailboxes')} of {place}; nothing was changed.")
