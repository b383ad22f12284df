"""The webhook of each environment: digests of its secret, when it was heard of last, and what came without it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from fieldcal.state.rows import insert
from fieldcal.state.tables import webhooks

#: How long the secret before a renewal is taken, for what was on its way; and a test call's own.
GRACE, PROBE = timedelta(minutes=10), timedelta(minutes=1)


def digest(secret: str | bytes) -> str:
    """What is kept of a secret: 32 random bytes need no salt and no slow hash."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).hexdigest()


@dataclass(frozen=True, slots=True)
class Webhook:
    """One environment's webhook, as it was registered and as it works."""

    url: str
    renewed_at: datetime
    digest: str = field(repr=False)
    #: the last that the source surely knew, and after it those of renewals that were not finished; spaces between them
    digest_before: str = field(default="", repr=False)
    #: since when the source surely knows the newest; None: it may know any of them, for its answer is missing
    sure_at: datetime | None = None
    probe: str = field(default="", repr=False)
    probe_at: datetime | None = None
    received_at: datetime | None = None
    received: int = 0
    #: bookings that only a pass by schedule brought since the last notification, and since when
    missed: int = 0
    missed_at: datetime | None = None

    def knows(self, secret: bytes, now: datetime) -> bool:
        """The secret is good; compared in constant time.

        One before the newest is good until it is sure that the source knows the newest, and for what was on its way a
        while longer, but not for as long as a clock is set back.
        """
        good = self._same(self.digest, secret)
        known = [self._same(one, secret) for one in self.digest_before.split(" ")]
        before = any(known) and (self.sure_at is None or abs(now - self.sure_at) < GRACE)
        return good or before

    @property
    def may_be_known(self) -> str:
        """The digests of every secret that the source may know, as a renewal keeps them."""
        return self.digest if self.sure_at else f"{self.digest_before} {self.digest}".strip()

    def is_probe(self, secret: bytes, now: datetime) -> bool:
        """It is the secret of a test call that was begun a moment ago."""
        return self.probe_at is not None and self._same(self.probe, secret) and abs(now - self.probe_at) < PROBE

    def _same(self, known: str, secret: bytes) -> bool:
        return hmac.compare_digest(known.encode(), digest(secret).encode())


def everyone(tx: Connection) -> dict[str, Webhook]:
    """Every webhook by its environment."""
    rows = tx.execute(select(webhooks))
    return {
        row.environment: Webhook(
            row.url, row.renewed_at, row.digest, row.digest_before, row.sure_at, row.probe, row.probe_at,
            row.received_at, row.received, row.missed, row.missed_at,
        )
        for row in rows
    }  # fmt: skip


def find(tx: Connection, environment: str, /) -> Webhook | None:
    """The environment's webhook."""
    return everyone(tx).get(environment)


def keep(tx: Connection, environment: str, webhook: Webhook) -> None:
    """Have the environment's webhook be this one."""
    values = {
        "url": webhook.url, "digest": webhook.digest, "digest_before": webhook.digest_before,
        "sure_at": webhook.sure_at, "renewed_at": webhook.renewed_at, "received_at": webhook.received_at,
        "received": webhook.received, "missed": webhook.missed, "missed_at": webhook.missed_at,
    }  # fmt: skip
    statement = insert(tx, webhooks).values(environment=environment, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["environment"], set_=values))


def sure(tx: Connection, environment: str, known: str, now: datetime) -> None:
    """The source knows the secret of this digest, unless another renewal has begun meanwhile."""
    here = (webhooks.c.environment == environment) & (webhooks.c.digest == known)
    tx.execute(update(webhooks).where(here).values(sure_at=now))


def forget(tx: Connection, environment: str, /) -> None:
    """There is no webhook of this environment any more."""
    tx.execute(delete(webhooks).where(webhooks.c.environment == environment))


def probe(tx: Connection, environment: str, secret: str, now: datetime) -> None:
    """Take this secret as that of a test call for a moment."""
    values = {"probe": digest(secret), "probe_at": now}
    tx.execute(update(webhooks).where(webhooks.c.environment == environment).values(values))


def heard(tx: Connection, environment: str, number: int, at: datetime) -> bool:
    """Remember notifications; answers whether bookings had been missed before."""
    here = webhooks.c.environment == environment
    missed = tx.scalar(select(webhooks.c.missed_at).where(here))
    values = {"received_at": at, "received": webhooks.c.received + number, "missed": 0, "missed_at": None}
    tx.execute(update(webhooks).where(here).values(values))
    return missed is not None


def miss(tx: Connection, environment: str, number: int, now: datetime) -> None:
    """Remember that a pass by schedule brought what nobody had announced."""
    known = find(tx, environment)
    if known is not None:
        values = {"missed": known.missed + number, "missed_at": known.missed_at or now}
        tx.execute(update(webhooks).where(webhooks.c.environment == environment).values(values))
