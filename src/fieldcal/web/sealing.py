"""What a browser carries for us and cannot make itself: signed with the service's own secret, for that browser alone.

Nothing is read before its signature holds, and nothing is packed: a few bytes never grow into many.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from itsdangerous import BadSignature, TimestampSigner


def seal(key: bytes, browser: str, purpose: str, value: object) -> str:
    """`value`, JSON, so that only this browser can hand it back, unchanged, for this purpose."""
    plain = base64.urlsafe_b64encode(json.dumps(value).encode())
    return _signer(key, browser, purpose).sign(plain).decode()


def unseal(key: bytes, browser: str, purpose: str, sealed: str, seconds: int) -> Any:
    """What `seal` sealed no longer ago than this; None where it is anything else."""
    try:
        plain = _signer(key, browser, purpose).unsign(sealed, max_age=seconds)
        return json.loads(base64.urlsafe_b64decode(plain))
    except (BadSignature, ValueError):
        return None


def _signer(key: bytes, browser: str, purpose: str) -> TimestampSigner:
    # The browser's owner knows its cookie; only with the service's own key is the seal nobody else's to make.
    return TimestampSigner([key + b" " + browser.encode()], salt=purpose)
