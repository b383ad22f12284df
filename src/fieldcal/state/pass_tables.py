"""The tables of passes, and of how long changes took into the calendar. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, text

from fieldcal.state.columns import Instant, count, metadata, text_column

_OPEN = text("ended_at IS NULL")
passes = Table(
    "passes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    text_column("kind"),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    count("changes"),
    count("created"),
    count("updated"),
    count("removed"),
    count("adopted"),
    count("failed"),
    count("held"),
    #: writes that followed no change and no fault
    count("churn"),
    text_column("error"),
    #: what was sent, by the answers (`sent.Sent`), JSON; "" where nothing is known of it
    text_column("requests"),
    Index(None, "environment", "started_at"),
    #: those under way, which every pass and look asks for: one or two among all that are remembered
    Index("ix_passes_open", "environment", "started_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

#: How long changes took from the source into the calendar, by the hour in which their pass ended: so many of each
#: step (`plan.spread`). A few rows an hour, however many events were written.
latencies = Table(
    "latencies",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)
