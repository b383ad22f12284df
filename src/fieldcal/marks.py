"""How an event says whose it is, and the key it is made under: of stable identities only (design §4, Keys). Pure."""

from __future__ import annotations

import re
import uuid
from functools import lru_cache
from urllib.parse import quote, unquote

from fieldcal.model import BookingId, MailboxId, Mark

#: The form of the text; every mark of ours begins with it.
VERSION = "1"
_MARK = re.compile(r"1/([^/]+)/([^/]+)/([^/]+)/(0|[1-9][0-9]{0,8})")
# Fixed for ever: another namespace would make every key new and so double every event.
_NAMESPACE = uuid.UUID("6b0f4f0e-5a56-4d0c-9a6e-0d5a3c1e7f42")


@lru_cache(maxsize=1024)  # asked for several times with each writing
def mark_text(mark: Mark) -> str:
    """The mark as a text that an event carries: `1/organization/booking/mailbox/generation`."""
    parts = (mark.organization, mark.booking, mark.mailbox, str(mark.generation))
    return "/".join((VERSION, *(quote(part, safe="@") for part in parts)))


def parse_mark(text: object) -> Mark | None:
    """The mark that a value says; None for anything that `mark_text` would not write: it is not ours."""
    match = _MARK.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    organization, booking, mailbox = (unquote(part) for part in match.groups()[:3])
    mark = Mark(organization, BookingId(booking), MailboxId(mailbox), int(match[4]))
    return mark if mark_text(mark) == text else None


def create_key(mark: Mark) -> str:
    """The same key for every repeat of one creation, another for every other event there can ever be."""
    return str(uuid.uuid5(_NAMESPACE, f"{mark.organization}/{mark.booking}/{mark.mailbox}/{mark.generation}"))
