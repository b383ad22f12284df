"""Who is signed in where. Of a session's secret only the digest is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fieldcal.state.people_tables import sessions

#: How long an ended session's row is kept, so that a form sent from it still finds whose it was.
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one person at one place."""

    digest: str
    user: str
    #: `password` or `oidc`
    means: str
    address: str
    agent: str
    made_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None


def keep(tx: Connection, session: Session) -> None:
    """Keep a new session, and forget those that ended long ago."""
    forget(tx, session.made_at)
    tx.execute(
        insert(sessions).values(
            digest=session.digest, user=session.user, means=session.means, address=session.address,
            agent=session.agent[:200], made_at=session.made_at, seen_at=session.seen_at, ends_at=session.ends_at,
        )
    )  # fmt: skip


def forget(tx: Connection, now: datetime) -> None:
    """Forget the sessions that ended long ago, with the addresses that they came from."""
    tx.execute(delete(sessions).where(sessions.c.ends_at < now - KEPT))


def find(tx: Connection, digest: str) -> Session | None:
    """The session of this digest, whether it lasts or not."""
    row = tx.execute(select(sessions).where(sessions.c.digest == digest)).first()
    return None if row is None else Session(*row)


def of_user(tx: Connection, user: str, limit: int = 100) -> list[Session]:
    """This person's sessions, the newest first, ended ones too."""
    rows = tx.execute(select(sessions).where(sessions.c.user == user).order_by(sessions.c.made_at.desc()).limit(limit))
    return [Session(*row) for row in rows]


def seen(tx: Connection, digest: str, now: datetime) -> None:
    """Its person was here just now."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))


def end(tx: Connection, digest: str, now: datetime) -> None:
    """Signed out there."""
    tx.execute(update(sessions).where(sessions.c.digest == digest, sessions.c.ended_at.is_(None)).values(ended_at=now))


def end_all(tx: Connection, user: str, now: datetime, but: str = "") -> int:
    """Signed out everywhere, but for the session of this digest; returns how many had not ended."""
    done = tx.execute(
        update(sessions)
        .where(
            sessions.c.user == user, sessions.c.ended_at.is_(None), sessions.c.ends_at > now, sessions.c.digest != but
        )
        .values(ended_at=now)
    )  # fmt: skip
    return done.rowcount
