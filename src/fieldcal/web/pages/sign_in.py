"""Signing in and out, one-time links, and where a person lands."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.setup import sign_in
from fieldcal.setup.sign_in import Opened, Refused
from fieldcal.state import sessions
from fieldcal.urls import parts
from fieldcal.web import kept
from fieldcal.web.gates import Open
from fieldcal.web.render import first_page
from fieldcal.web.section import Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("sign_in")


@SECTION.get("/", Open.SIGNED_IN)
async def home(visit: Here) -> Response:
    """The first page of the navigation that this person may see."""
    path = first_page(visit)
    return visit.go(path) if path else visit.page("nothing.html")


@SECTION.get("/sign-in", Open.PUBLIC)
async def show(visit: Here) -> Response:
    """The form, or on to where one wanted to go."""
    after = ours(visit.request.query_params.get("next", ""))
    if visit.signed is not None:
        return visit.go(after or "/")
    return visit.page("sign_in.html", {"next": after, "kept": "", "name": "", "wrong": ""})


@SECTION.post("/sign-in", Open.PUBLIC)
async def enter(
    visit: Here, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "", kept: Annotated[str, Form()] = "",  # noqa: A002 - the field's name
) -> Response:  # fmt: skip
    """Sign in; what was asked for before follows."""
    app = visit.house.app
    try:
        opened = await sign_in.by_password(app.database, app.clock, name, password, visit.place)
    except Refused as error:
        status = 429 if error.until else 401
        wrong = "waiting" if error.until else "wrong"
        values = {
            "next": ours(next),
            "kept": _standing(visit, kept),
            "name": name,
            "wrong": wrong,
            "until": error.until,
        }
        return visit.page("sign_in.html", values, status)
    return await entered(visit, opened, ours(next), kept)


def _standing(visit: Visit, sealed: str) -> str:
    """A form that this browser may have sent again; what anybody else sends as one is not handed around."""
    return sealed if sealed and kept.give_back(visit, sealed) is not None else ""


async def entered(visit: Visit, opened: Opened, after: str, sealed: str = "") -> Response:
    """Signed in: on to where one wanted to go, or to the form that was cut off. The session before this one ends."""
    if (old := visit.signed) is not None:
        now = visit.house.app.clock.now()
        await visit.house.write(lambda tx: sessions.end(tx, old.session.digest, now))
    form = kept.give_back(visit, sealed) if sealed else None
    visit.browser = opened.secret
    if form is None:
        answer = visit.go(after or "/")
        if sealed:
            answer = visit.say(answer, "sign_in.lost", kind="bad")
        return answer
    same = form.user == opened.user.id
    visit.shown = form.environment
    return visit.page("send_again.html", {"form": form, "same": same})


@SECTION.post("/sign-out", Open.SIGNED_IN)
async def leave(visit: Here) -> Response:
    """This session ends."""
    if visit.signed is not None:
        actor, session, now = visit.actor, visit.signed.session, visit.house.app.clock.now()
        await visit.house.write(lambda tx: sign_in.sign_out(tx, actor, now, session))
    return visit.say(visit.go("/sign-in"), "sign_in.signed_out", kind="note")


@SECTION.get("/invitation/{link}", Open.PUBLIC)
async def invited(visit: Here, link: str) -> Response:
    """The form behind a one-time link. Looking at it uses nothing up."""
    now = visit.house.app.clock.now()
    found = await visit.house.read(lambda tx: sign_in.invited(tx, link, now))
    values = {"found": found, "link": link, "wrong": "", "name": found.user if found else ""}
    return visit.page("invitation.html", values, 200 if found else 404)


@SECTION.post("/invitation/{link}", Open.PUBLIC)
async def accept(
    visit: Here, link: str, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Set the password and sign in."""
    app = visit.house.app
    try:
        if password != again:
            raise ConfigError("the two passwords are not the same")  # noqa: TRY301 - told as the other mistakes are
        opened = await sign_in.accept(app.database, app.clock, link, name, password, visit.place)
    except ConfigError as error:
        found = await visit.house.read(lambda tx: sign_in.invited(tx, link, app.clock.now()))
        values = {"found": found, "link": link, "wrong": str(error), "name": name}
        return visit.page("invitation.html", values, 422)
    except Refused:
        return visit.page("invitation.html", {"found": None, "link": link, "wrong": "", "name": ""}, 404)
    return await entered(visit, opened, "/")


@SECTION.post("/environment", Open.SIGNED_IN)
async def choose(visit: Here, environment: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "") -> Response:
    """Look at another environment from now on."""
    if environment not in {one.id for one in visit.environments}:
        raise ConfigError(f"there is no environment {environment[:80]!r}")
    answer = visit.go(parts(ours(back)).path or "/")
    visit.choose(answer, environment)
    return answer


def ours(address: str) -> str:
    """The address, where it is a path of this site; "" where it leads anywhere else."""
    found = parts(address.replace("\\", "/"))
    good = (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and found.path
        and not found.netloc
        and not found.scheme
    )
    return address if good and address.isprintable() else ""
