"""A form that came after its session had ended: kept in the sign-in page, sealed, and sent again after it."""

from __future__ import annotations

from dataclasses import dataclass

from fieldcal.web.visit import TOKEN_FIELD, Visit, shown_in

PURPOSE = "kept form"
#: Seconds for which a sealed form is taken back.
LASTS = 3_600
#: What a page does not hand around, however it came.
_SECRET = ("password", "secret")


@dataclass(frozen=True, slots=True)
class Kept:
    """A form as it was sent: where to, whose session it was, of which environment, and its fields in their order."""

    path: str
    user: str
    environment: str
    fields: tuple[tuple[str, str], ...]


async def take(visit: Visit, user: str) -> list[object]:
    """The form of this request, fit to be sealed. Passwords in it have to be typed again."""
    form = await visit.form()
    fields = [
        [name, value]
        for name, value in form.multi_items()
        if isinstance(value, str) and name != TOKEN_FIELD and not any(word in name.lower() for word in _SECRET)
    ]
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    given = form.get(TOKEN_FIELD)
    return [visit.request.url.path + query, user, shown_in(given) if isinstance(given, str) else "", fields]


def give_back(visit: Visit, sealed: str) -> Kept | None:
    """What `take` took from this browser; None where it is anything else or too old."""
    found = visit.unseal(PURPOSE, sealed, LASTS)
    match found:
        case [str(path), str(user), str(environment), list(fields)] if path.startswith("/") and not path.startswith(
            "//"
        ):
            return Kept(path, user, environment, tuple((str(name), str(value)) for name, value in fields))
    return None
