"""Lists a page at a time: `limit` and an opaque `cursor` in, the rows with the next page's address out."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from fieldcal.web.api.problem import Invalid

R = TypeVar("R")

#: Rows of one page.
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many rows.")]
Cursor = Annotated[
    str,
    Query(
        max_length=200, pattern=r"^[A-Za-z0-9_-]*$",
        description="Where the page begins: the `next` of the page before. Without it the first page.",
    ),
]  # fmt: skip
_FARTHEST = 10_000_000


class Paged(BaseModel, Generic[R]):
    """One page of a list."""

    items: list[R] = Field(description="The rows.")
    next: str = Field(description='The cursor of the next page; "" on the last one.', examples=[""])
    total: int | None = Field(default=None, description="Rows in all that match, where that is counted.")


def write(parts: Sequence[object]) -> str:
    """A cursor that holds these."""
    return base64.urlsafe_b64encode("|".join(str(part) for part in parts).encode()).decode().rstrip("=")


def read(cursor: str, parts: int) -> list[str]:
    """What `write` has put into a cursor; `Invalid` where it is none of ours."""
    try:
        found = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
    except ValueError:
        found = []
    if len(found) != parts:
        raise wrong()
    return found


def wrong() -> Invalid:
    """What is raised where a cursor is none of ours."""
    return Invalid([("query/cursor", "this is no cursor that a page gave out; begin without one")])


def number(text: str) -> int:
    """A whole number of a cursor."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - beyond any database
        raise wrong()
    return int(text)


class Asking:
    """Which page is asked for, and the answer whose `Link` leads to the next."""

    def __init__(self, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = "") -> None:
        self.limit, self.cursor = limit, cursor
        self._request, self._response = request, response

    @property
    def offset(self) -> int:
        """How many rows come before the page, where cursors count rows."""
        return min(number(read(self.cursor, 1)[0]), _FARTHEST) if self.cursor else 0

    def counted(self, rows: Sequence[R], total: int) -> dict[str, Any]:
        """The page of a list whose cursors count rows."""
        after = self.offset + len(rows)
        following = write([after]) if rows and after < total else ""
        return {**self.keyed(rows, following), "total": total}

    def keyed(self, rows: Sequence[R], following: str) -> dict[str, Any]:
        """The page of a list whose cursors are keys; `following`: the next one, "" on the last page."""
        if following:
            asked = [(name, value) for name, value in self._request.query_params.items() if name != "cursor"]
            path = f"{self._request.url.path}?{urlencode([*asked, ('cursor', following)])}"
            self._response.headers["link"] = f'<{path}>; rel="next"'
        return {"items": list(rows), "next": following}


#: How a handler of a list asks for the page.
Pages = Annotated[Asking, Depends(Asking)]
