"""Values that several resources show, and those that several take; unknown fields are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fieldcal.clock import instant
from fieldcal.web.api.problem import Invalid


class Shown(BaseModel):
    """A value that is answered; it may be made from a value of ours that has the same fields."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """A value that is sent to us."""

    model_config = ConfigDict(extra="forbid")


class Number(Shown):
    """How many were changed."""

    changed: int = Field(description="How many were changed.", examples=[12])


class Begun(Shown):
    """Work that goes on after the answer."""

    task: str = Field(description="Its id: follow it at `/tasks/{id}`.", examples=["b3VyIHdvcms1"])
    total: int = Field(description="Of how many pieces it is.", examples=[12])


class FailureShown(Shown):
    """Writes that failed alike."""

    reason: str = Field(description="What the server said, without what is one write's own.")
    number: int = Field(description="How many.")
    last: datetime = Field(description="The last of them.")
    booking: str = Field(description="Its booking.")
    mailbox: str = Field(description="Its mailbox.")


def asked_instant(text: str, at: str) -> datetime | None:
    """A time of a query, UTC unless it names an offset; None for "". `Invalid` where it is none."""
    try:
        return instant(text) if text else None
    except ValueError:
        said = "this is no time; write 2026-11-23 or 2026-11-23T08:00:00Z"
        raise Invalid([(f"query/{at}", said)]) from None


def printable(text: object) -> object:
    """A text that a name, a search or a comment may be: no control character, and nothing that no database keeps."""
    if isinstance(text, str) and not text.isprintable():
        raise ValueError("write printable characters")
    return text


#: A short text of a caller's.
Words = Annotated[str, BeforeValidator(printable), Field(max_length=500)]


def checked(mistakes: list[str], at: str = "") -> None:
    """Return where there are no mistakes; else `Invalid` with each; `NAME: what is wrong` points at that field.

    So does `NAME, line 3: what is wrong`, which keeps its line.
    """
    if not mistakes:
        return
    found: list[tuple[str, str]] = []
    for one in dict.fromkeys(mistakes):
        about, mark, said = one.partition(": ")
        name, within, line = about.partition(", line ")
        named = bool(mark) and name.isidentifier() and line.isdigit() is bool(within)
        found.append((f"{at}/{name}", f"line {line}: {said}" if within else said) if named else (at, one))
    raise Invalid(found)
