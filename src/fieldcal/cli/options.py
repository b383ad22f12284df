"""Options that many commands share, so that one word means one thing everywhere."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fieldcal.errors import ConfigError
from fieldcal.setup_model import Endpoint

_STDIN = "stdin"
_CREDENTIALS = "How to sign in: secret, certificate, managed-identity, workload-identity, token or embedded."
_OF_PROFILES = f"{_CREDENTIALS} CalDAV: password or token."

AsUser = Annotated[
    str | None, typer.Option("--as", metavar="USER", help="Act as this user (FIELDCAL_USER); else as the operator.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
In = Annotated[
    str | None, typer.Option("--environment", "-e", metavar="NAME", help="The environment; needless where one stands.")
]
Environment = Annotated[str, typer.Argument(metavar="NAME", help="The environment's name.")]
Unasked = Annotated[bool, typer.Option("--offline", help="Keep it without signing in there first.")]
Url = Annotated[str | None, typer.Option("--url", help="Base URL of the server.")]
Authority = Annotated[
    str | None,
    typer.Option("--authority", help="Where sign-in is done; else Microsoft's worldwide cloud, or the server itself."),
]
Tenant = Annotated[str | None, typer.Option("--tenant", help="The tenant to sign in to.")]
Credential = Annotated[str | None, typer.Option("--credential", help=_CREDENTIALS)]
OfProfile = Annotated[str | None, typer.Option("--credential", help=_OF_PROFILES)]
Template = Annotated[
    str | None,
    typer.Option("--url", help="Base URL of the server. CalDAV: {user}, {address} or {local} stand for each mailbox."),
]
UserName = Annotated[
    str | None, typer.Option("--user-name", help="CalDAV: who signs in for all mailboxes; else each by itself.")
]
Calendar = Annotated[
    str | None,
    typer.Option("--calendar", help="CalDAV: a calendar of this name, made where missing; else each one's default."),
]
AtOnce = Annotated[
    int | None, typer.Option("--at-once", min=1, max=64, help="CalDAV: requests to the server at once; else 8.")
]
ClientId = Annotated[str | None, typer.Option("--client-id", help="The application that signs in.")]
Secret = Annotated[
    str | None,
    typer.Option(
        "--secret",
        help="env:NAME, file:PATH, or stdin: read a line (or PEM) and keep it encrypted. "
        "Certificates: a password's reference after a comma.",
    ),
]


def endpoint(
    url: str | None, authority: str | None, tenant: str | None, credential: str | None, client_id: str | None,
    secret: str | None,
) -> Endpoint:  # fmt: skip
    """The end that these options name."""
    return Endpoint(url or "", authority or "", tenant or "", credential or "token", client_id or "", secret or "")


def pairs(given: list[str] | None) -> tuple[dict[str, str], list[str]]:
    """NAME=VALUE settings by name, and what is wrong with the form of the others."""
    parted = [pair.partition("=") for pair in given or []]
    wrong = [name for name, mark, _ in parted if not mark]
    mistakes = [f"write settings as NAME=VALUE: {', '.join(wrong)}"] if wrong else []
    found: dict[str, str] = {}
    for name, mark, value in parted:
        key = name.strip().replace("-", "_")
        if mark and key in found:
            mistakes.append(f"{key}: given twice")
        elif mark:
            found[key] = value.strip()
    return found, mistakes


def sealed(secret: str | None) -> str | None:
    """The reference to keep: `stdin` reads a line from standard input and seals it with FIELDCAL_SECRET_KEYS."""
    if secret != _STDIN:
        return secret
    from fieldcal.config import load
    from fieldcal.secrets import Secrets

    line = sys.stdin.readline().strip()
    if line.startswith("-----BEGIN"):
        line += "\n" + sys.stdin.read().strip()
    if not line:
        raise ConfigError("--secret stdin: nothing came on standard input")
    return Secrets(load().secret_keys).seal(line)
