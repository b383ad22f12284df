"""A person's traces: where a worker's or a contact's name, address and texts stand, and having them gone.

What stays, because I1 stands on it: ids and numbers. The link of each event that ever stood in the worker's mailbox
stays with its generation, under the mailbox's object id and the booking's id. They name nobody without the directory
and the source that gave them out. Where a mailbox is known by its address alone the address is the id: its links go
too, which is safe for nothing of ours stands there any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId, WorkOrder
from fieldcal.state import links as link_rows
from fieldcal.state import marks, pruning
from fieldcal.state.columns import metadata
from fieldcal.state.pace_tables import pauses
from fieldcal.state.people_tables import users
from fieldcal.state.rows import from_json, to_json
from fieldcal.state.scrub import SHORTEST, Words, take_out
from fieldcal.state.tables import alerts, bookings, findings, links, mailboxes, workers

#: Tables that tell of our own people; a contact of the same name is somebody else.
_OUR_PEOPLE = ("workers", "mailboxes", "users", "grants")


@dataclass(frozen=True, slots=True)
class Traces:
    """What is known of one worker."""

    environment: str
    #: ids that the source and the directory gave out; the mailbox None where there is none
    worker: str
    mailbox: MailboxId | None
    address: str
    #: the mailbox is this worker's alone, so that it is erased too
    alone: bool
    #: names of the users that sign in as this worker
    users: tuple[str, ...]
    words: Words
    #: the source says that the worker is gone; else the next read of the workers brings the name again
    gone: bool


def find_worker(tx: Connection, environment: str, named: str, also: Sequence[str] = ()) -> Traces:
    """The worker of this id, address, sign-in name or name; a `ConfigError` where there is none or several."""
    wanted = named.strip().casefold()
    rows = [
        row for row in tx.execute(select(workers).where(workers.c.environment == environment))
        if wanted in {row.id.casefold(), row.name.casefold(), row.address.casefold(), row.sign_in.casefold()} - {""}
    ]  # fmt: skip
    if not rows:
        raise ConfigError(f"there is no worker of this name, id or address in the environment {environment}")
    if len(rows) > 1:
        raise ConfigError(f"several workers are called so; name one by its id: {', '.join(row.id for row in rows)}")
    return _traces(tx, environment, rows[0], also)


def _traces(tx: Connection, environment: str, row: Row[Any], also: Sequence[str]) -> Traces:
    others = select(func.count()).where(
        workers.c.environment == environment, workers.c.mailbox == row.mailbox, workers.c.id != row.id
    )
    alone = row.mailbox is not None and not tx.scalar(others)
    box = tx.execute(
        select(mailboxes).where(mailboxes.c.environment == environment, mailboxes.c.id == row.mailbox)
    ).first()  # fmt: skip
    told = [row.name, row.sign_in, *also]
    if alone and box is not None:
        told += [row.address, box.name, box.address, box.approved_address]
    known = [
        user for user in tx.execute(select(users))
        if ({user.id.casefold(), user.sign_in.casefold()} & {row.sign_in.casefold(), row.address.casefold()} - {""})
        or (alone and user.object_id and user.object_id.casefold() == row.mailbox.casefold())
    ]  # fmt: skip
    for user in known:
        told += [user.name, user.sign_in]
    ids = tuple(user.id for user in known)
    # An account at a calendar server may be called `anna`, which within a text is many people.
    account = _own_account(tx, box.user_name) if alone and box is not None else ()
    return Traces(
        environment, row.id, MailboxId(row.mailbox) if row.mailbox else None, row.address, alone, ids,
        Words(_looked_for(told), (*ids, *account)), row.gone,
    )  # fmt: skip


def _own_account(tx: Connection, user_name: str) -> tuple[str, ...]:
    """The name that the mailbox signs in by itself with; nothing for one that others sign in with too."""
    shared = select(func.count()).where(mailboxes.c.user_name == user_name)
    return (user_name,) if user_name and tx.scalar(shared) == 1 else ()


def _looked_for(told: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in told if len(word.strip()) >= SHORTEST))


def refuse_worker(tx: Connection, traces: Traces) -> None:
    """Return when nothing of ours stands in the worker's mailbox and nothing is written there any more."""
    box = traces.mailbox
    if box is not None:
        theirs = _of_worker(tx, traces) if not traces.alone else link_rows.standing(tx, traces.environment, [box])
        on = traces.alone and tx.scalar(
            select(mailboxes.c.enabled).where(
                mailboxes.c.environment == traces.environment, mailboxes.c.id == box
            )
        )  # fmt: skip
        name = traces.address or box
        if theirs or on:
            why = "events of ours stand in the mailbox" if theirs else "the mailbox is switched on"
            raise ConfigError(f"{why} of this worker: run `fieldcal mailbox clean {name}` first, then erase")
    _refuse_unanswered(tx, traces.words)


def _of_worker(tx: Connection, traces: Traces) -> int:
    theirs = select(bookings.c.id).where(
        bookings.c.environment == traces.environment, bookings.c.worker == traces.worker
    )
    standing = select(func.count()).where(
        links.c.environment == traces.environment, links.c.mailbox == traces.mailbox,
        links.c.booking.in_(theirs), or_(links.c.event.is_not(None), links.c.intent.is_not(None)),
    )  # fmt: skip
    return tx.scalar(standing) or 0


def _refuse_unanswered(tx: Connection, words: Words) -> None:
    """An unanswered write is sent again as the very same bytes, or it might stand twice (I1): they are not changed."""
    rows = tx.scalars(select(links.c.intent).where(links.c.intent.is_not(None), words.may_stand_in([links.c.intent])))
    number = sum(words.within(row) for row in rows)
    if number:
        raise ConfigError(
            f"{number} unanswered writes tell of whom is to be erased; have a pass find out about them first: "
            "`fieldcal sync`"
        )


def erase_worker(tx: Connection, traces: Traces) -> Counter[str]:
    """Erase the worker; returns how many rows of which table were changed or deleted. Refuses as `refuse_worker`."""
    refuse_worker(tx, traces)
    here, box = traces.environment, traces.mailbox
    done: Counter[str] = Counter()
    for user in traces.users:
        done += _user(tx, user)
    row = and_(workers.c.environment == here, workers.c.id == traces.worker)
    done["workers"] += tx.execute(delete(workers).where(row)).rowcount
    if box is not None and traces.alone:
        for table in (alerts, findings):
            done[table.name] += tx.execute(
                delete(table).where(table.c.environment == here, table.c.mailbox == box)
            ).rowcount
        done["pauses"] += tx.execute(delete(pauses).where(pauses.c.scope == box)).rowcount
        marks.drop_all(tx, here, box)
        # A row as of a mailbox that was never set up: its links, and so their generations, hang on it.
        this = and_(mailboxes.c.environment == here, mailboxes.c.id == box)
        done["mailboxes"] += tx.execute(delete(mailboxes).where(this)).rowcount
        tx.execute(insert(mailboxes).values(environment=here, id=box, disabled_reason="the worker was erased"))
    return done + take_out(tx, traces.words, environment=here)


def _user(tx: Connection, user: str) -> Counter[str]:
    """The user's own rows, in whatever table names users: roles, sessions, tokens."""
    done: Counter[str] = Counter()
    for table in metadata.sorted_tables:
        if table is not users and "user" in table.c:
            done[table.name] += tx.execute(delete(table).where(table.c.user == user)).rowcount
    done["users"] += tx.execute(delete(users).where(users.c.id == user)).rowcount
    return done


def contact_words(name: str, also: Sequence[str] = ()) -> Words:
    """What is looked for to erase a contact or a private customer."""
    words = _looked_for([name, *also])
    if not words:
        raise ConfigError(f"a name of at least {SHORTEST} letters is needed")
    return Words(words)


def erase_contact(tx: Connection, words: Words) -> Counter[str]:
    """Erase a contact, or a customer who is a person, in every environment; returns how many rows of which table.

    Where the work order names the person as contact or account, its summary and address go too, for they are the
    person's; elsewhere the name alone.
    """
    _refuse_unanswered(tx, words)
    number = _work_orders(tx, words)
    done = take_out(tx, words, spared=_OUR_PEOPLE)
    done["bookings"] = max(number, done["bookings"])
    return +done


def _work_orders(tx: Connection, words: Words) -> int:
    rows = tx.execute(
        select(bookings.c.environment, bookings.c.id, bookings.c.snapshot).where(
            bookings.c.snapshot.is_not(None), words.may_stand_in([bookings.c.snapshot])
        )
    ).all()
    number = 0
    for row in rows:
        order = from_json(row.snapshot, WorkOrder)
        people = (order.reported_by, order.account_contact, order.service_account, order.billing_account)
        if not any(words.within(person) for person in people):
            continue
        number += 1
        bare = replace(order, summary="", location="")
        tx.execute(
            update(bookings)
            .where(bookings.c.environment == row.environment, bookings.c.id == row.id)
            .values(snapshot=to_json(bare), place="", account="")
        )
        theirs = and_(links.c.environment == row.environment, links.c.booking == row.id)
        tx.execute(update(links).where(theirs).values(subject="", location=""))
        pruning.forget_places(tx, theirs)
    return number


def events_left(tx: Connection, words: Words) -> int:
    """Events of ours in calendars whose subject or place tells of the person, as far as is remembered."""
    rows = tx.execute(
        select(links.c.subject, links.c.location).where(
            links.c.event.is_not(None), words.may_stand_in([links.c.subject, links.c.location])
        )
    )
    return sum(words.within(row.subject) or words.within(row.location) for row in rows)
