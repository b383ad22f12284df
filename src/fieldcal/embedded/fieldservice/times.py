"""Instants as Dataverse writes them: UTC, whole seconds, `2026-11-23T10:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_text(instant: datetime) -> str:
    """The stored and sent form of an aware instant; fractions of a second are cut, as Dataverse does."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """The aware instant of a text with `Z` or an offset, or without (UTC); ValueError where it is none."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
