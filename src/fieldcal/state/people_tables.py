"""The tables of the people who use Fieldcal: who they are, what they may, and what they did. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, true

from fieldcal.state.columns import Instant, Serial, count, metadata, plain_column, text_column

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    #: sign-in name (UPN) and directory object id, where known; they tie a person to the own mailbox
    text_column("sign_in"),
    text_column("object_id"),
    Column("created_at", Instant, nullable=False),
    #: somebody who may approve mailboxes, or the directory, answers for the account being this person's
    Column("vouched", Boolean, nullable=False, server_default=true()),
    #: the last sign-in at the directory, after which its groups were known
    Column("entered_at", Instant),
    Index(None, "sign_in"),
    Index(None, "object_id"),
)

grants = Table(
    "grants",
    metadata,
    Column("user", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    text_column("granted_by"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    text_column("operator"),
    text_column("actor"),
    text_column("action"),
    plain_column("subject"),
    text_column("detail"),
    #: what the subject is a part of: the work order of a booking, which tells of it when the booking is gone
    text_column("about"),
    Index(None, "at"),
    Index(None, "subject", "at"),
    Index(None, "about", "at"),
    Index(None, "actor", "at"),
    Index(None, "action", "at"),
)

#: How people prove who they are: an argon2 hash, never the password.
passwords = Table(
    "passwords",
    metadata,
    Column("user", Text, primary_key=True),
    text_column("hash"),
    Column("changed_at", Instant, nullable=False),
)

#: One-time links to choose a password with; `digest` is the SHA-256 of the link's token, hex.
invitations = Table(
    "invitations",
    metadata,
    Column("digest", Text, primary_key=True),
    #: whose; "" for the first administrator, who is made when the link is used
    text_column("user"),
    text_column("made_by"),
    Column("made_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Index(None, "user"),
)

#: Who is signed in where; `digest` is the SHA-256 of the cookie's value, hex.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    text_column("user"),
    #: `password` or `oidc`
    text_column("means"),
    text_column("address"),
    text_column("agent"),
    Column("made_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    #: it ends then, however busy it is
    Column("ends_at", Instant, nullable=False),
    #: signed out; the row stays for a while, so that a form of that session still finds its way
    Column("ended_at", Instant),
    Index(None, "user", "made_at"),
    Index(None, "ends_at"),
)

#: What scripts prove themselves by at the REST API; `digest` is the SHA-256 of the token, hex.
tokens = Table(
    "tokens",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("digest"),
    #: as whom it acts
    text_column("user"),
    #: words of `setup/tokens.py`, with spaces between
    text_column("scopes"),
    text_column("made_by"),
    Column("made_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("seen_at", Instant),
    Index(None, "digest", unique=True),
    Index(None, "user"),
)

#: Tries to sign in that failed in a row; `scope` is `user:` and a digest of the name, or `address:` or
#: `token:` and the address.
attempts = Table(
    "attempts",
    metadata,
    Column("scope", Text, primary_key=True),
    count("failures"),
    Column("last_at", Instant, nullable=False),
    #: nothing is tried before
    Column("until", Instant),
)
