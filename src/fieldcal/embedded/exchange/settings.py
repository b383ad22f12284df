"""What can be set about the embedded Exchange while it runs: `Control.change`, `PATCH /_control/settings`."""

from __future__ import annotations

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """The limits that Microsoft publishes, and the behaviours that it leaves open."""

    #: seconds that each request and each batch item takes; without it nothing is ever at the same time
    latency: float = 0.0
    #: requests in flight on one mailbox; a batch counts as up to four
    mailbox_concurrency: int = 4
    #: requests on one mailbox in ten minutes
    mailbox_rate: int = 10_000
    #: requests of the app in ten seconds
    app_rate: int = 130_000
    #: seconds that a mailbox over its concurrency asks to wait
    retry_after: float = 1.0
    #: whether Retry-After has a fraction, as it sometimes has
    decimal_retry_after: bool = False
    #: a create with the key of a deleted event: a new event, ErrorDuplicateTransactionId, or 201 with the dead one
    dead_key: Literal["new", "error", "dead"] = "new"
    #: a search by extended property finds nothing, as has been reported
    blind_search: bool = False
    #: seconds that a delta token lives
    delta_life: float = 7 * 86_400.0
