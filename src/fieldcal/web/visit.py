"""One request as a page sees it: who asks, in which zone, of which environment; and the answers that a page gives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fieldcal.ends import is_embedded
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.plan.settings import ApprovalRule
from fieldcal.schedule.desk import Desk
from fieldcal.setup.permissions import Action, allowed
from fieldcal.setup.sign_in import digest, lasts
from fieldcal.setup.tries import Place
from fieldcal.setup_model import Actor, Environment
from fieldcal.state import sessions
from fieldcal.state.sessions import Session
from fieldcal.web import sealing
from fieldcal.web.gates import Gate, opens
from fieldcal.web.headers import storable
from fieldcal.web.house import House
from fieldcal.web.texts import text

#: The cookie that stands for a browser, signed in or not; and those that only say how things are shown.
COOKIE, SAID, ZONE, CHOSEN = "fieldcal", "fieldcal-said", "fieldcal-zone", "fieldcal-environment"
#: Where forms and htmx put the token that proves a request comes from our own page.
TOKEN_FIELD, TOKEN_HEADER = "csrf", "x-csrf-token"
#: What stays as it is in an address; a header holds no letters beyond these, a search of ours does.
_IN_ADDRESS = ":/%#?=@[]!$&'()*+,;~"
_SAID_LASTS = 60
_YEAR = 366 * 24 * 3600
#: Characters of the cookie `SAID` that are looked at; browsers keep no longer one.
_SAID_LONGEST = 4_096


def token(browser: str, environment: str = "") -> str:
    """A token for this browser's forms, never twice the same text, which compression would help to guess.

    It names the environment that its page shows, so that what is sent from there acts in no other (`shown_in`).
    """
    plain = hashlib.sha256(f"form {browser}".encode()).digest()
    mask = secrets.token_bytes(len(plain))
    masked = base64.urlsafe_b64encode(mask + bytes(a ^ b for a, b in zip(mask, plain, strict=True))).decode()
    return f"{masked}.{base64.urlsafe_b64encode(environment.encode()).decode()}" if environment else masked


def proves(given: str, browser: str) -> bool:
    """Whether this token was made for this browser."""
    plain = hashlib.sha256(f"form {browser}".encode()).digest()
    try:
        raw = base64.urlsafe_b64decode(given.partition(".")[0].encode())
    except ValueError:
        return False
    if len(raw) != 2 * len(plain) or not browser:
        return False
    mask, masked = raw[: len(plain)], raw[len(plain) :]
    return hmac.compare_digest(bytes(a ^ b for a, b in zip(mask, masked, strict=True)), plain)


def shown_in(given: str) -> str:
    """The environment that the page of this token shows; "" where it shows none."""
    try:
        return base64.urlsafe_b64decode(given.partition(".")[2].encode()).decode()
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A session that lasts, and its person."""

    session: Session
    actor: Actor


class Visit:
    """One request. Handlers take it as `visit: Here`."""

    def __init__(
        self, request: Request, house: House, browser: str, signed: Signed | None,
        environments: tuple[Environment, ...],
    ) -> None:  # fmt: skip
        """`browser`: the value of the cookie, made new where the browser brought none."""
        self.request, self.house, self.browser, self.signed = request, house, browser, signed
        self.environments = environments
        #: the environment of the page that this form was sent from, "" where it showed none
        self.shown = ""

    @property
    def actor(self) -> Actor:
        """Who is signed in."""
        if self.signed is None:
            raise NotAllowed("nobody is signed in")
        return self.signed.actor

    @property
    def owner(self) -> str:
        """Stands for this person in what the own browser keeps to be read offline, and tells nobody who it is."""
        return hashlib.sha256(f"kept {self.actor.name}".encode()).hexdigest()[:16]

    @property
    def home(self) -> str:
        """Where people reach this centre: as set, else as this request did (its Host was checked)."""
        url = self.request.url
        return self.house.app.config.web_url or f"{url.scheme}://{url.netloc}"

    async def lasts(self) -> bool:
        """The session still stands; asked while an answer goes on for longer than a request."""
        if self.signed is None:
            return False
        digest, now = self.signed.session.digest, self.house.app.clock.now()
        found = await self.house.read(lambda tx: sessions.find(tx, digest))
        return found is not None and lasts(found, now)

    @property
    def place(self) -> Place:
        """From where the request comes."""
        agent = self.request.headers.get("user-agent", "")[:200]
        return Place(self.house.came_from(self.request), agent, digest(self.browser))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The viewer's zone, as the browser told it; UTC until it has."""
        name = self.request.cookies.get(ZONE, "")
        return ZoneInfo(name) if name in _zones() else ZoneInfo("UTC")

    @cached_property
    def environment(self) -> Environment | None:
        """What is looked at: named in the address, else shown where a form was, else chosen before, else the first."""
        known = {one.id: one for one in self.environments}
        wanted = self._named or self.request.cookies.get(CHOSEN, "")
        return known.get(wanted) or next(iter(self.environments), None)

    @property
    def _named(self) -> str:
        """The environment that this request itself is about, "" where it names none."""
        return self.request.query_params.get("environment") or self.shown

    @property
    def chosen_place(self) -> Environment:
        """The environment that the address itself names; for what removes or changes it, none is ever supposed."""
        if not self.request.query_params.get("environment"):
            raise ConfigError(text("frame.no_environment_named"))
        return self.place_of_work

    @property
    def lost(self) -> str:
        """The environment that the address names, where there is none of that name."""
        named = self.request.query_params.get("environment", "")
        return "" if named in {"", *(one.id for one in self.environments)} else named[:80]

    @property
    def place_of_work(self) -> Environment:
        """The environment that is looked at; raises where there is none yet, or where it was removed meanwhile."""
        if self.environment is None:
            raise ConfigError("there is no environment yet; add one first")
        if self._named not in {"", self.environment.id}:
            raise ConfigError(f"the environment {self._named[:80]!r} is not there any more; nothing was done")
        return self.environment

    @property
    def schedules(self) -> bool:
        """Bookings of the environment that is looked at are made here, in the embedded Field Service."""
        return self.house.desk is not None and self.environment is not None and is_embedded(self.environment.end)

    @property
    def desk(self) -> Desk:
        """Where bookings are made here; refused where another system makes them."""
        if self.house.desk is None or not is_embedded(self.place_of_work.end):
            raise ConfigError("bookings of this environment are made in its own Field Service, not here")
        return self.house.desk

    @property
    def rules(self) -> frozenset[ApprovalRule]:
        """D12's readings in the environments there are."""
        return frozenset(one.settings.approval_rule for one in self.environments)

    def may(self, action: Action) -> bool:
        """Whether the table lets this person do this here, whoever is concerned."""
        rule = self.environment.settings.approval_rule if self.environment else ApprovalRule.PAGE
        return self.signed is not None and allowed(self.signed.actor, action, rule)

    def passes(self, gate: Gate) -> bool:
        """Whether this person may pass this gate."""
        return opens(gate, self.signed.actor if self.signed else None, self.rules)

    @property
    def live(self) -> bool:
        """Htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def csrf(self) -> str:
        """The token for the forms of this answer."""
        return token(self.browser, self.environment.id if self.environment else "")

    async def form(self) -> FormData:
        """What was sent."""
        sent = await self.request.form(max_files=1, max_fields=20_000)
        for name, value in sent.multi_items():
            for words in (name, value) if isinstance(value, str) else (name,):
                if not storable(words):
                    raise ConfigError(f"{ascii(name)[:60]} holds a character that is no text")
        return sent

    def page(self, template: str, values: Mapping[str, Any] | None = None, status: int = 200) -> Response:
        """This template of `templates/`, filled in."""
        from fieldcal.web.render import render

        said = self.said()
        answer = HTMLResponse(render(self, template, {"said": said, **(values or {})}), status)
        if said:
            answer.delete_cookie(SAID)
        return self.remembered(answer)

    def go(self, path: str, values: Mapping[str, object] | None = None) -> Response:
        """On to another page of ours, after something was done."""
        query = urlencode({name: str(value) for name, value in (values or {}).items()})
        address = path + (f"?{query}" if query else "")
        if self.live:
            return self.remembered(Response(headers={"hx-redirect": quote(address, safe=_IN_ADDRESS)}))
        return self.remembered(RedirectResponse(address, 303))

    def say(
        self, answer: Response, key: str, values: Mapping[str, object] | None = None, kind: str = "good"
    ) -> Response:
        """Have the next page say this once; `kind`: good, bad, or note."""
        sealed = self.seal("said", [kind, text(key, values or {})])
        answer.set_cookie(SAID, sealed, max_age=_SAID_LASTS, httponly=True, samesite="lax", secure=self._secure)
        return answer

    def said(self) -> list[tuple[str, str]]:
        """What the page before wanted said."""
        sealed = self.request.cookies.get(SAID, "")
        match self.unseal("said", sealed, _SAID_LASTS) if 0 < len(sealed) <= _SAID_LONGEST else None:
            case [str(kind), str(words)]:
                return [(kind, words)]
        return []

    def seal(self, purpose: str, value: object) -> str:
        """`value`, JSON, so that only this browser can hand it back, unchanged."""
        return sealing.seal(self.house.key, self.browser, purpose, value)

    def unseal(self, purpose: str, sealed: str, seconds: int) -> Any:
        """What `seal` sealed no longer ago than this; None where it is anything else."""
        return sealing.unseal(self.house.key, self.browser, purpose, sealed, seconds)

    def remembered(self, answer: Response, browser: str = "") -> Response:
        """Have the browser bring its cookie the next time; `browser`: from now on this one."""
        value = browser or self.browser
        if browser or self.request.cookies.get(COOKIE) != value:
            answer.set_cookie(COOKIE, value, httponly=True, samesite="lax", secure=self._secure, path="/")
        here = self.environment
        if here is not None and self._named == here.id != self.request.cookies.get(CHOSEN, ""):
            self.choose(answer, here.id)
        return answer

    def choose(self, answer: Response, environment: str) -> None:
        """Have the pages from now on show this environment where nothing else is named."""
        answer.set_cookie(CHOSEN, environment, max_age=_YEAR, samesite="lax", httponly=True, secure=self._secure)

    @property
    def _secure(self) -> bool:
        return self.house.https


_known_zones: frozenset[str] = frozenset()


def _zones() -> frozenset[str]:
    global _known_zones  # noqa: PLW0603 - the list is read from hundreds of files
    _known_zones = _known_zones or frozenset(available_timezones())
    return _known_zones


def _of(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


#: How a handler asks for the visit: `async def show(visit: Here) -> Response`.
Here = Annotated[Visit, Depends(_of)]
