"""A form that came after its session had ended: kept in the sign-in page, sealed, and sent again after it."""

from __future__ import annotations

from dataclasses import dataclass

from fieldcal.web.secrecy import put_aside
from fieldcal.web.visit import TOKEN_FIELD, Visit, shown_in

PURPOSE = "kept form"
#: Seconds for which a sealed form is taken back.
LASTS = 3_600
#: Characters of a sealed form that is kept; sent again it has to fit into a form.
LARGEST = 256 * 1024
#: What a page does not hand around, however it came: it is typed again. What was typed before its form was shown
#: again came sealed for the session before.
_SECRET, _TYPED, _SEALED = ("password", "secret"), "typed_secret", "kept_reference"


@dataclass(frozen=True, slots=True)
class Kept:
    """A form as it was sent: where to, whose session it was, of which environment, and its fields in their order."""

    path: str
    user: str
    environment: str
    fields: tuple[tuple[str, str], ...]
    #: names of fields that have to be typed again
    typed: tuple[str, ...]


async def take(visit: Visit, user: str) -> list[object]:
    """The form of this request, fit to be sealed. Passwords in it have to be typed again."""
    form = await visit.form()
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != TOKEN_FIELD]
    fields = [[name, value] for name, value in pairs if name != _SEALED and not _hidden(name, value)]
    typed = [name for name, value in pairs if value and _hidden(name, value)]
    typed += [_TYPED for name, value in pairs if name == _SEALED and value]
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    given = form.get(TOKEN_FIELD)
    shown = shown_in(given) if isinstance(given, str) else ""
    return [visit.request.url.path + query, user, shown, fields, list(dict.fromkeys(typed))]


def _hidden(name: str, value: str) -> bool:
    if name == "secret" and (value == "encrypted" or put_aside(value)):
        return False  # says where a secret is, and is none
    return any(word in name.lower() for word in _SECRET)


def give_back(visit: Visit, sealed: str) -> Kept | None:
    """What `take` took from this browser; None where it is anything else or too old."""
    match visit.unseal(PURPOSE, sealed, LASTS):
        case [str(path), str(user), str(environment), list(fields), list(typed)] if _ours(path):
            told = tuple((str(name), str(value)) for name, value in fields)
            return Kept(path, user, environment, told, tuple(str(name) for name in typed))
    return None


def _ours(path: str) -> bool:
    return path.startswith("/") and not path.startswith("//")
