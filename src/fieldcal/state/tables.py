"""The tables. One representation on SQLite and PostgreSQL: instants are microseconds since 1970 (UTC), values are JSON.

A room changes its table here and in a new migration; `tests/state/test_migrations.py` fails while the two differ.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text, true

from fieldcal.state.columns import Instant, Serial, count, flag, metadata, plain_column, text_column

#: Facts of this installation: `installation` (its id, part of the backup).
meta = Table("meta", metadata, Column("key", String(64), primary_key=True), text_column("value"))

environments = Table(
    "environments",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("source", default="dataverse"),
    text_column("url"),
    text_column("authority"),
    text_column("tenant_hint"),
    text_column("credential"),
    text_column("client_id"),
    #: a reference (`env:NAME`, `file:PATH`) or `encrypted:...`; never the secret itself
    text_column("secret"),
    #: pinned at the first sign-in; another answer later is a ConfigError
    text_column("organization"),
    text_column("tenant"),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    text_column("settings", default="{}"),
    Column("created_at", Instant, nullable=False),
)

#: Where the reading of one environment stands.
feeds = Table(
    "feeds",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("cursor", Text),
    #: a full read is under way, or its follow-up is: the run's id, kept on the rows it has seen
    Column("reading", Text),
    Column("first_read_at", Instant),
    #: rows that start before it are pull's, those from it on are enter's (D3); never moved back but by a setting
    Column("far_edge", Instant),
    #: the window setting that the stored rows were kept by, seconds
    Column("kept_past", Integer),
    Column("kept_future", Integer),
    Column("workers_cursor", Text),
    Column("workers_read_at", Instant),
    Column("last_pull_at", Instant),
    text_column("last_error"),
    Column("next_pull_at", Instant),
    Column("last_check_at", Instant),
    #: how it is read, and why so; when the last whole read and the last import were begun; waits asked for in a row
    *(text_column("way"), text_column("way_reason")),
    Column("swept_at", Instant),
    count("throttled"),
    #: failures to read it, in a row; and whether nothing is planned until a person has mended it
    count("failures"),
    flag("refused"),
    Column("imported_at", Instant),
    #: when the last pull that came to its end was begun
    Column("pull_began_at", Instant),
)

#: The webhook of one environment: what it is called with, and what came of it.
webhooks = Table(
    "webhooks",
    metadata,
    Column("environment", Text, primary_key=True),
    text_column("url"),
    #: SHA-256 of the secret, hex, and `probe` that of a test call under way; no secret itself is kept
    text_column("digest"),
    #: those before that the source may know, with spaces between them; and since when it surely knows the newest
    text_column("digest_before"),
    Column("sure_at", Instant),
    Column("renewed_at", Instant, nullable=False),
    text_column("probe"),
    Column("probe_at", Instant),
    Column("received_at", Instant),
    count("received"),
    #: bookings that a pass by schedule brought since the last notification, and when the first of them came
    count("missed"),
    Column("missed_at", Instant),
)

workers = Table(
    "workers",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("kind"),
    Column("active", Boolean, nullable=False),
    Column("mailbox", Text),
    text_column("address"),
    text_column("sign_in"),
    text_column("zone"),
    flag("gone"),
    Index(None, "environment", "mailbox"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("kind", default="exchange-online"),
    text_column("url"),
    text_column("authority"),
    text_column("tenant_hint"),
    text_column("credential"),
    text_column("client_id"),
    text_column("secret"),
    text_column("tenant"),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", Instant, nullable=False),
    #: of CalDAV: the name of our calendar, and requests at once
    text_column("calendar"),
    count("at_once"),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("address"),
    Column("profile", Text),
    #: appointments method: `none` or `server-side-sync`
    text_column("method", default="none"),
    #: `empty`, `pending`, `approved`, `rejected`
    text_column("approval", default="empty"),
    text_column("approved_address"),
    text_column("approved_by"),
    #: `not_run`, `scheduled`, `in_progress`, `success`, `failure`
    text_column("test", default="not_run"),
    Column("tested_at", Instant),
    text_column("checks", default="[]"),
    flag("enabled"),
    text_column("disabled_reason"),
    #: read everything that is ours in it before any reconcile (just enabled, taken over, restored)
    flag("check_first"),
    #: when the claim on the calendar was last seen to be ours (R14); NULL: to be read before anything is written
    Column("claimed_at", Instant),
    #: the earliest of its marks' next tries; computed from them, never set apart from them
    Column("next_due", Instant),
    Column("last_sync_at", Instant),
    text_column("trouble"),
    count("failures"),
    #: refusals (403, no such mailbox) among them in a row; another failure in between begins anew
    count("refusals"),
    #: of CalDAV: the account's name where it is not the address, a reference to its secret, and its calendar's path
    *(text_column("user_name"), text_column("secret"), text_column("collection")),
    #: its server keeps no claim
    flag("claimless"),
    Index(None, "environment", "next_due"),
    Index(None, "id"),
    Index(None, "profile", "id"),
    Index(None, "environment", "address", "id"),
    #: what a narrowed list is read by, in its order
    *(Index(None, "environment", name, "address", "id") for name in ("profile", "test")),
    Index(
        "ix_mailboxes_unread",
        "environment",
        "id",
        sqlite_where=text("check_first = 1"),
        postgresql_where=text("check_first"),
    ),
)

bookings = Table(
    "bookings",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    text_column("name"),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("worker", Text),
    text_column("status"),
    text_column("status_name"),
    text_column("kind"),
    Column("work_order", Text),
    Column("active", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    text_column("place"),
    #: when the source told that it is gone; evidence for D6
    Column("deleted_at", Instant),
    #: the work order as it was when the booking was read (R11), JSON; NULL where it has none or was never read
    Column("snapshot", Text),
    #: its details must be read (again) before it may be written
    flag("stale"),
    text_column("seen_run"),
    #: its texts were taken away by age (`pruning.py`); a row that comes again brings them anew
    flag("pruned"),
    #: its work order's number (else its own name) and account, as they are searched for (`state/sought.py`)
    *(plain_column("number"), plain_column("account")),
    Index(None, "environment", "number", "start"),
    Index(None, "environment", "account", "start"),
    Index(None, "environment", "start"),
    Index(None, "environment", "worker", "end"),
    Index(
        "ix_bookings_stale",
        "environment",
        "id",
        sqlite_where=text("stale = 1"),  # as SQLAlchemy asks there; another spelling would leave the index unused
        postgresql_where=text("stale"),
    ),
    Index(
        "ix_bookings_unpruned",
        "environment",
        "end",
        "id",
        sqlite_where=text("pruned = 0"),
        postgresql_where=text("NOT pruned"),
    ),
)

links = Table(
    "links",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    #: NULL: no event of ours stands there; the generation is kept
    Column("event", Text),
    text_column("etag"),
    #: the trigger values it was written from, JSON; NULL: adopted, nothing known
    Column("triggers", Text),
    text_column("subject"),
    Column("start", Instant),
    Column("end", Instant),
    text_column("location"),
    text_column("stamp"),
    #: adopted, or found changed and to be restored: write it once more
    flag("rewrite"),
    Column("written_at", Instant),
    #: the exact action that was handed out and not yet answered, JSON
    Column("intent", Text),
    Column("intent_at", Instant),
    #: a hand took the event, and by setting that is respected (D8)
    flag("declined"),
    #: the difference by a hand that was last written over (D8), until a check finds the event as written
    text_column("restored"),
    Index(None, "environment", "booking"),
    Index(
        "ix_links_live_end",
        "environment",
        "end",
        sqlite_where=text("event IS NOT NULL"),
        postgresql_where=text("event IS NOT NULL"),
    ),
)

_TRIED = text("attempts > 0")
marks = Table(
    "marks",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    #: raised by every marking; a mark is cleared only if it is unchanged since it was loaded
    Column("seq", Integer, nullable=False),
    text_column("reason"),
    Column("since", Instant, nullable=False),
    #: next try; NULL: set aside until it is marked again (`trouble` says why)
    Column("due", Instant),
    count("attempts"),
    text_column("trouble"),
    #: when the source was changed, by its own word, where it is this change that waits; NULL: nothing to measure
    Column("changed_at", Instant),
    Index(None, "environment", "mailbox", "due"),
    # with the mailbox, else SQLite takes the primary key and walks every mark of the environment
    Index(None, "environment", "booking", "mailbox"),
    Index("ix_marks_tried", "environment", "booking", sqlite_where=_TRIED, postgresql_where=_TRIED),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("owner"),
    Column("fence", BigInteger, nullable=False),
    Column("until", Instant, nullable=False),
    #: of a mailbox: what it was sent lately (`counts.py`), and how many takings since then have told nothing
    text_column("sent"),
    count("untold"),
)

#: One line for each write that was decided and what became of it; `why` reads it.
history = Table(
    "history",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("booking", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("pass", Text, nullable=False),
    text_column("action"),
    text_column("reason"),
    text_column("answer"),
    Column("ok", Boolean, nullable=False),
    #: how it was asked for, shortened, and the answer's HTTP status, 0 for none
    text_column("request"),
    count("status"),
    Index(None, "environment", "booking", "id"),
    Index(None, "environment", "mailbox", "id"),
    Index(None, "at"),
    Index(None, "environment", "at"),
    Index(
        "ix_history_failed",
        "environment",
        "at",
        sqlite_where=text("ok = 0"),  # as SQLAlchemy asks there
        postgresql_where=text("NOT ok"),
    ),
)

#: Removals that counted against the hour's budget.
removals = Table(
    "removals",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "environment", "at"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("environment", Text, nullable=False),
    #: `held`, `approved`, `rejected`, `done`
    text_column("state"),
    text_column("kind"),
    text_column("reason"),
    Column("created_at", Instant, nullable=False),
    text_column("decided_by"),
    Column("decided_at", Instant),
    text_column("comment"),
)

plan_rows = Table(
    "plan_rows",
    metadata,
    Column("plan", Serial, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("booking", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    #: what proves it: kind, and the version or instant of the proof
    text_column("evidence"),
    #: `held`, `approved`, `rejected`, `dropped`, `done`
    text_column("state"),
    Index(None, "environment", "booking"),
    Index(None, "environment", "state"),
)

#: What the check found and left alone, or will mend: drift, deletions by hand, copies.
findings = Table(
    "findings",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("event", Text, primary_key=True),
    text_column("booking"),
    #: `changed`, `deleted`, `copy`
    text_column("kind"),
    text_column("detail"),
    Column("found_at", Instant, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    #: `information`, `warning`, `error`
    text_column("level"),
    text_column("message"),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    count("times"),
    text_column("acknowledged_by"),
    Column("acknowledged_at", Instant),
    #: when it was told by e-mail; NULL: not yet, or it came anew since
    Column("mailed_at", Instant),
    Index(None, "environment", "last_at"),
)
