"""One small HTTP client for both ends: bearer tokens, one repeat after a 401, and nothing that repeats a write.

aiohttp, because it costs 0.35 ms of CPU a request where httpx costs 4.2 ms (docs/decisions/001-dependencies.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

import aiohttp
from yarl import URL

from fieldcal import sent
from fieldcal.answer import Answer
from fieldcal.clock import Clock
from fieldcal.connection import BEFORE_SEND, SpokenUnasked, new_session
from fieldcal.errors import (
    NOT_CONNECTED,
    ConfigError,
    FieldcalError,
    SignInFailed,
    Throttled,
    Unreachable,
    one_line,
)
from fieldcal.network import in_words
from fieldcal.password import PasswordCredential

#: `Unreachable.code` where the request may have been carried out
NO_ANSWER = "NoAnswer"

#: An answer above this is not one of ours; 5,000 rows with all their details are a tenth of it.
MAX_BODY = 64 * 2**20
#: Seconds for connecting, which a lease that is asked after it has time for (`state/held.py`).
CONNECTING = 10.0
#: Seconds before the second and last try of a read.
READ_AGAIN_AFTER = 0.25

#: methods that change nothing (RFC 9110 9.2.1, RFC 3253 3.6, RFC 4918 9.1), so that they may be sent twice
_READS = frozenset({"GET", "PROPFIND", "REPORT"})
_GATEWAY_TROUBLE = frozenset({502, 503, 504})


class Credential(Protocol):
    """Where bearer tokens come from."""

    async def token(self) -> str:
        """A token to send now; raises `SignInFailed`, `Throttled` or `Unreachable`."""
        ...

    async def renew(self, refused: str) -> None:
        """Have the next `token()` be another one than `refused`, if there is another."""
        ...


#: How a request is signed: with a bearer token, or with a user's name and password.
AnyCredential = Credential | PasswordCredential


class Http:
    """A client for one server: nothing is ever sent outside `base_url`'s origin, and no cookie is kept.

    `credential`: signs the requests that bring none of their own; None: every request brings one. `timeout`: seconds
    for one request, connecting included. `slots`: requests in flight at once, whoever signs them. `tls`: a context
    that trusts a private CA (certificates are always verified). `observe` is told method, path without its query, and
    status (0: no answer) of every request that was sent; `sent` counts them.
    """

    def __init__(
        self,
        base_url: str,
        credential: AnyCredential | None,
        clock: Clock,
        *,
        timeout: float = 30.0,
        user_agent: str = "fieldcal",
        slots: int = 64,
        tls: ssl.SSLContext | None = None,
        observe: Callable[[str, str, int], None] | None = None,
    ) -> None:
        base = _base(base_url)
        #: scheme, host and port, without a trailing slash
        self.origin = str(base.origin())
        #: the path of the base URL, "" or "/something"
        self.root = base.raw_path.rstrip("/")
        self.sent = 0
        #: requests in flight at once
        self.slots = slots
        #: by how many seconds our clock was ahead of the server's at its last answer; None while it told no time
        self.ahead: float | None = None
        self._origin = base.origin()
        self._credential = credential
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECTING))
        self._user_agent = user_agent
        self._places = asyncio.Semaphore(slots)
        self._tls: ssl.SSLContext | bool = tls or True
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def token(self) -> str:
        """The bearer token in use, for reading its claims; `ConfigError` where we sign in with none."""
        return await self._bearer().token()

    async def renew(self) -> None:
        """Sign in anew, after a 401 inside a batch."""
        await self._bearer().renew(await self._bearer().token())

    def _bearer(self) -> Credential:
        if self._credential is None or isinstance(self._credential, PasswordCredential):
            raise ConfigError(f"{self.origin} is not signed in to with a bearer token")
        return self._credential

    def within(self, link: str) -> str:
        """The path and query of a link the server gave, verbatim; `Unreachable` for one that leads anywhere else."""
        if link.startswith("/") and not link.startswith("//") and _printable(link):
            return link
        try:
            url = URL(link, encoded=True)
            ours = url.origin() == self._origin and url.user is None and _printable(link)
        except ValueError:
            ours = False
        if not ours:
            raise Unreachable(f"{self.origin} points to an address outside itself: {one_line(link, 80)}")
        return url.raw_path_qs

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        before_send: Callable[[], None] | None = None,
        paced: Callable[[], Awaitable[None]] | None = None,
        credential: AnyCredential | None = None,
    ) -> Answer:
        """Send to `path` (from the origin on, percent-encoded, or a link of the server) and return the answer.

        `credential`: signs this request in place of the client's own. A 401 renews it and sends once more, writes too:
        a 401 means not carried out; not where there is nothing else to sign with. A read is tried twice
        where nothing came back, or a gateway was in trouble that does not ask to wait longer; a write never.
        `paced` is awaited before each sending, when it has its place and its token, and may raise. `before_send` is
        called right before each sending, when connected already, and may raise. Raises `SignInFailed`, `Throttled`
        (sign-in), `Unreachable` (its `code` tells whether the request may have been carried out).
        """
        target = self.within(path)
        signer = credential or self._credential
        if signer is None:
            raise ConfigError(f"nothing is set to sign in to {self.origin} with")
        if method in _READS:
            with contextlib.suppress(Unreachable):
                answer = await self._signed_in(signer, method, target, headers, body, before_send, paced)
                if answer.status not in _GATEWAY_TROUBLE or (answer.retry_after() or 0.0) > READ_AGAIN_AFTER:
                    return answer
            await self._clock.sleep(READ_AGAIN_AFTER)
        return await self._signed_in(signer, method, target, headers, body, before_send, paced)

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _signed_in(
        self,
        signer: AnyCredential,
        method: str,
        target: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        before_send: Callable[[], None] | None,
        paced: Callable[[], Awaitable[None]] | None,
    ) -> Answer:
        for _ in range(2):
            header = await _authorization(signer, method, target)
            signed = {**(headers or {}), **sent.traced(), "Authorization": header}
            async with self._places:
                if paced is not None:
                    await paced()
                answer = await self._send(method, target, signed, body, before_send)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            if not await _renewed(signer, header, answer):
                break
        text = f"{self.origin} refuses the credential, also after signing in anew"
        raise SignInFailed(text, status=HTTPStatus.UNAUTHORIZED, everywhere=False)

    async def _send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        before_send: Callable[[], None] | None,
    ) -> Answer:
        asked = BEFORE_SEND.set(before_send)
        self.sent += 1
        answer, forbidden = None, False
        try:
            answer = await self._exchange(method, URL(self.origin + target, encoded=True), headers, body)
        except FieldcalError:  # from `before_send`: nothing went out
            self.sent -= 1
            forbidden = True
            raise
        except aiohttp.ClientConnectorError as error:
            raise self._lost(method, target, error, NOT_CONNECTED) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._lost(method, target, error, NO_ANSWER) from None
        finally:
            BEFORE_SEND.reset(asked)
            if self._observe is not None and not forbidden:
                self._observe(method, target.partition("?")[0], 0 if answer is None else answer.status)
        self.ahead = self._ahead(answer)
        return answer

    async def _exchange(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None) -> Answer:
        while True:
            began = self._clock.monotonic()
            try:
                async with self._open().request(
                    method, url, data=body, headers=headers, allow_redirects=False, ssl=self._tls
                ) as response:
                    content = await _content(response)
                    took = self._clock.monotonic() - began
                    challenges = tuple(response.headers.getall("WWW-Authenticate", ()))
                    return Answer(response.status, response.headers, content, took, challenges)
            except SpokenUnasked:
                continue  # that connection is closed by now; there are only so many kept ones

    def _ahead(self, answer: Answer) -> float | None:
        if answer.date is None:
            return None
        # The header has whole seconds, cut off, and was written while the answer was on its way.
        middle = answer.date + timedelta(seconds=0.5 + answer.took / 2)
        return (self._clock.now() - middle).total_seconds()

    def _lost(self, method: str, target: str, error: Exception, code: str) -> Unreachable:
        path = one_line(target.partition("?")[0], 120)
        return Unreachable(f"no answer from {self.origin} to {method} {path}: {in_words(error)}", code=code)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = new_session(self._timeout, self._user_agent)
        return self._session


class TokenCredential:
    """A token somebody else issues; `read` gives it anew (from a file, say) whenever one was refused."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._token = ""

    async def token(self) -> str:
        if not self._token:
            self._token = checked_token(self._read(), "the configured token")
        return self._token

    async def renew(self, refused: str) -> None:
        if self._token == refused:
            self._token = ""


class ClientSecretCredential:
    """Signs in with a client id and secret at `{authority}/{tenant}/oauth2/v2.0/token` (client credentials grant).

    The token is kept until shortly before it expires; one sign-in is under way at a time. The exchange is that of
    learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
    """

    def __init__(
        self,
        authority: str,
        tenant: str,
        client_id: str,
        secret: Callable[[], str],
        scope: str,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = URL(str(_base(authority)).rstrip("/") + f"/{tenant}/oauth2/v2.0/token")
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._clock = clock
        self._tls: ssl.SSLContext | bool = tls or True
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = -math.inf

    async def token(self) -> str:
        async with self._lock:
            if not self._token or self._clock.monotonic() >= self._good_until:
                await self._sign_in()
            return self._token

    async def renew(self, refused: str) -> None:
        async with self._lock:
            if self._token == refused:
                self._token = ""

    async def _sign_in(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret(),
            "scope": self._scope,
        }
        answer = await self._ask(form)
        told = answer.json()
        told = told if isinstance(told, dict) else {}
        if answer.status in {400, 401, 403}:
            reason = one_line(told.get("error", f"HTTP {answer.status}"), 80)
            raise SignInFailed(f"{self._url.origin()} refuses the sign-in: {reason}", status=answer.status)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Throttled(f"{self._url.origin()} asks to sign in later", retry_after=answer.retry_after())
        token, life = told.get("access_token"), told.get("expires_in")
        if answer.status != HTTPStatus.OK or not isinstance(token, str):
            raise Unreachable(f"{self._url.origin()} gave no token (HTTP {answer.status})", status=answer.status)
        seconds = float(life) if isinstance(life, int | float) else 300.0
        self._token = checked_token(token, f"the token of {self._url.origin()}")
        self._good_until = self._clock.monotonic() + max(seconds - 120.0, seconds / 2)

    async def _ask(self, form: Mapping[str, str]) -> Answer:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
                session.post(self._url, data=form, allow_redirects=False, ssl=self._tls) as response,
            ):
                return Answer(response.status, response.headers, await _content(response), 0.0)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(f"no answer from {self._url.origin()} to the sign-in: {in_words(error)}") from None


async def _authorization(signer: AnyCredential, method: str, target: str) -> str:
    if isinstance(signer, PasswordCredential):
        return signer.authorization(method, target)
    return f"Bearer {await signer.token()}"


async def _renewed(signer: AnyCredential, refused: str, answer: Answer) -> bool:
    """Whether the next try would be signed otherwise; of a token it is not known."""
    if isinstance(signer, PasswordCredential):
        return signer.renew(refused, answer.challenges)
    await signer.renew(refused.removeprefix("Bearer "))
    return True


def _base(text: str) -> URL:
    try:
        url = URL(text, encoded=True)
        good = url.scheme in {"http", "https"} and url.host and url.user is None and not url.raw_query_string
    except ValueError:
        good = False
    if not good or not _printable(text):
        raise ConfigError(f"not an address of a server: {one_line(text, 80)}")
    return url


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and "\\" not in text


def checked_token(token: str, name: str) -> str:
    """The token without blanks around it; `SignInFailed`, which calls it by `name`, for what cannot be one."""
    token = token.strip()
    if not token or not _printable(token):
        raise SignInFailed(f"{name} is empty or holds characters that no token has")
    return token


async def _content(response: aiohttp.ClientResponse) -> bytes:
    size, parts = 0, []
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BODY:
            raise ValueError("the answer is larger than any of ours")
        parts.append(part)
    return b"".join(parts)
