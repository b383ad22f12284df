"""Delta on a calendar view: tokens that carry their window, and what they lead to.

A token says what was seen so far. It lives as long as the settings say; after that, or when the store was told to
forget its tokens, the answer is 410 SyncStateNotFound and the client reads all anew.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

import msgspec

from fieldcal.embedded.exchange.errors import sync_state_lost


class DeltaToken(msgspec.Struct, frozen=True, array_like=True):
    """What one token carries. `start` and `end` are stamps; `made` is POSIX seconds."""

    generation: int
    mailbox: UUID
    start: str
    end: str
    #: the last change that the client has seen
    seen: int
    made: int
    #: the last change when the first round began: what was gone or outside by then is not told
    until: int

    def written(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()


def read_token(text: str, mailbox: UUID, *, generation: int, now: datetime, life: float) -> DeltaToken:
    """The token, if it is for this mailbox and still lives; SyncStateNotFound for anything else."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        token = msgspec.json.decode(raw, type=DeltaToken)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise sync_state_lost(0, generation) from None
    if token.generation != generation or token.mailbox != mailbox or now.timestamp() - token.made > life:
        raise sync_state_lost(token.generation, generation)
    return token
