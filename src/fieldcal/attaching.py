"""What is wrong with the form of an end that somebody attaches: kind, address, sign-in. Asks nothing of any server."""

from __future__ import annotations

import ipaddress

from yarl import URL

from fieldcal import signin
from fieldcal.config import Config
from fieldcal.secrets import is_reference
from fieldcal.setup import addresses
from fieldcal.setup_model import CALDAV, Endpoint, ServerProfile

#: How a service signs in, in the words of the command line. Only what works is offered.
CREDENTIALS = {
    "token": "a token that somebody else issues, by reference",
    "embedded": "the embedded systems' own sign-in (client id and secret)",
    **signin.KINDS,
}
#: How a CalDAV server is signed in to.
DAV_CREDENTIALS = {
    "password": "a user's name and password, or app password; basic or digest, as the server asks",
    "token": "a bearer token that somebody else issues",
}
#: Kinds of sources of bookings.
SOURCES = {"dataverse": "Dynamics 365 Field Service, or the embedded Field Service"}
#: Requests at once over one client of a CalDAV server, at most.
DAV_MOST_AT_ONCE = 64
#: Longer names of a calendar or an account are somebody's mistake.
_LONGEST_NAME = 200
_CLEAR = (
    "http:// would show the {what} to everybody on the way to {host}: write https://, or name the host in "
    "FIELDCAL_PLAIN_HTTP if the way there is safe"
)
_ONE_FOR_ALL = (
    "--url: one credential for all needs {user}, {address} or {local} in it, or every worker's bookings would land in "
    "one calendar; or leave out --user-name and --secret and give each mailbox its own "
    "(`fieldcal mailbox edit ADDRESS --user-name NAME --secret env:NAME`)"
)


def source_mistakes(source: str) -> list[str]:
    """Why bookings cannot come from such a source; nothing where they can."""
    return [] if source in SOURCES else [f"there is no source {source!r}; there are: {', '.join(SOURCES)}"]


def profile_mistakes(profile: ServerProfile, config: Config) -> list[str]:
    """Why calendars cannot be written through a profile of this form, a phrase for each mistake."""
    if profile.kind == CALDAV:
        return _dav_mistakes(profile, config)
    foreign = {"--calendar": profile.calendar, "--at-once": profile.at_once}
    refused = [f"the kind `{profile.kind}` takes no {name}" for name, given in foreign.items() if given]
    return refused + end_mistakes(profile.end, config)


def end_mistakes(end: Endpoint, config: Config) -> list[str]:
    """Why this end cannot be signed in to, as far as its form tells, a phrase for each mistake."""
    mistakes: list[str] = []
    if end.credential not in CREDENTIALS:
        mistakes.append(f"there is no credential {end.credential!r}; there are: {', '.join(CREDENTIALS)}")
    elif end.credential in signin.KINDS:
        mistakes += signin.mistakes(end)
    elif end.credential == "token":
        mistakes += [] if end.secret else ["the credential `token` needs --secret"]
        mistakes += [] if end.url else ["the credential `token` needs --url"]
    elif bool(end.client_id) != bool(end.secret):
        mistakes.append("the credential `embedded` needs both --client-id and --secret, or neither")
    for name, address in (("--url", end.url), ("--authority", end.authority)):
        if any(mistake.startswith(f"{name}: ") for mistake in mistakes):
            continue  # one word about one address is enough
        if address and not is_address(address):
            mistakes.append(f"{name}: write an address such as https://example.crm.dynamics.com")
        elif in_the_clear(address, config):
            mistakes.append(f"{name}: {clear_text(address, 'token')}")
    return mistakes + secret_mistakes(end.secret)


def secret_mistakes(secret: str) -> list[str]:
    """Why this is no reference to a secret; "" stands for none."""
    if not secret or is_reference(secret):
        return []
    return ["--secret: write env:NAME, file:PATH or stdin, never the secret itself"]


def _dav_mistakes(profile: ServerProfile, config: Config) -> list[str]:
    end = profile.end
    found = [f"the kind `{CALDAV}` takes no {name}" for name, given in
             (("--authority", end.authority), ("--tenant", end.tenant)) if given]  # fmt: skip
    if end.credential not in DAV_CREDENTIALS:
        there = ", ".join(DAV_CREDENTIALS)
        found.append(f"there is no credential {end.credential!r} for the kind `{CALDAV}`; there are: {there}")
    found += _dav_url_mistakes(end, config)
    if end.credential == "password" and bool(end.client_id) != bool(end.secret):
        found.append("one user for all needs both --user-name and --secret; without either each mailbox brings its own")
    if end.credential == "token" and end.client_id:
        found.append("the credential `token` takes no --user-name")
    found += user_mistakes(end.client_id) + secret_mistakes(end.secret)
    name = profile.calendar
    if name and (not name.isprintable() or name != name.strip() or len(name) > _LONGEST_NAME):
        found.append(f"--calendar: write a name of at most {_LONGEST_NAME} printable characters")
    if not 1 <= profile.at_once <= DAV_MOST_AT_ONCE:
        found.append(f"--at-once: write a number from 1 to {DAV_MOST_AT_ONCE}")
    return found


def _dav_url_mistakes(end: Endpoint, config: Config) -> list[str]:
    if not end.url:
        return [f"the kind `{CALDAV}` needs --url, such as https://dav.example.com/calendars/{{user}}/"]
    wrong = addresses.mistakes(end.url)
    if wrong:
        return wrong
    # a placeholder in the path is no matter here
    bare = server_of(end.url)
    found = [f"--url: {clear_text(bare, 'password')}"] if in_the_clear(bare, config) else []
    return found + ([_ONE_FOR_ALL] if end.secret and not addresses.names_one(end.url) else [])


def user_mistakes(user: str) -> list[str]:
    """Why this can be no account's name; "" stands for none."""
    if not user or (user.isprintable() and user == user.strip() and ":" not in user and len(user) <= _LONGEST_NAME):
        return []
    return [f"--user-name: write at most {_LONGEST_NAME} printable characters, and no colon"]


def server_of(template: str) -> str:
    """Scheme, host and port of a well-formed template of addresses, with a slash behind."""
    scheme, _, rest = template.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/".lower()


def clear_text(address: str, what: str) -> str:
    """What is told where `what` would be sent to this address for everybody to read."""
    return _CLEAR.format(what=what, host=URL(address).host)


def in_the_clear(address: str, config: Config) -> bool:
    """A token sent there could be read on the way: plain HTTP to another machine that the operator did not allow."""
    url = URL(address)
    host = (url.host or "").casefold()
    if url.scheme != "http" or host in {allowed.casefold() for allowed in config.plain_http}:
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def is_address(text: str) -> bool:
    """It is the whole address of a server, with nothing in it that does not belong there."""
    try:
        url = URL(text)
        # some of what is no host shows only when it is asked for
        whole = bool(url.host) and url.port is not None
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and whole and url.user is None and not url.query_string
