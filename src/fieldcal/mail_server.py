"""How a mail server and addresses are written. Pure: configuration asks it before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

#: The ports of submission (RFC 6409) and of submission over TLS from the first byte (RFC 8314).
_PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in."""

    host: str
    port: int
    #: TLS from the first byte; else STARTTLS, unless `plain`
    tls: bool
    #: "" signs nobody in
    user: str = ""
    #: it may be spoken to without TLS, for the operator has said so
    plain: bool = False

    @classmethod
    def at(cls, url: str, plain: Sequence[str] = ()) -> MailServer:
        """The server of a checked address; `plain` names the hosts that need no TLS."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        allowed = host.casefold() in {one.casefold() for one in plain}
        return cls(
            host, parts.port or _PORTS[parts.scheme], parts.scheme == "smtps", unquote(parts.username or ""), allowed
        )

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"the mail server {self.host}:{self.port}"


def checked_url(value: str) -> str:
    """The address as it is, or a ValueError that says how to write it."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        known = parts.scheme in _PORTS and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = None
    if not known:
        raise ValueError("write smtp://USER@HOST:587 or smtps://USER@HOST:465")
    if parts.password is not None:
        raise ValueError("the password does not belong here: name it by reference in FIELDCAL_SMTP_PASSWORD")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("nothing belongs behind the port")
    return value


def is_address(text: str) -> bool:
    """It can be an e-mail address; such a text holds no header of its own either."""
    return _ADDRESS.fullmatch(text) is not None


def incomplete(url: str, to: Sequence[str], sender: str) -> list[str]:
    """What is missing where only some of what a mail needs is set."""
    given = {"FIELDCAL_SMTP_URL": url, "FIELDCAL_ALERT_MAIL_TO": to, "FIELDCAL_ALERT_MAIL_FROM": sender}
    missing = [name for name, value in given.items() if not value]
    if not missing or len(missing) == len(given):
        return []
    return [f"alerts by e-mail need {' and '.join(missing)} too"]
