"""The own sign-in: where one is signed in, another password, out everywhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from sqlalchemy import Connection
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.setup import sign_in, tokens
from fieldcal.setup.sign_in import Refused
from fieldcal.state import proofs, sessions
from fieldcal.state import tokens as token_rows
from fieldcal.state.tokens import Token
from fieldcal.web.gates import Open
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here

SECTION = Section("account")
_SHOWN = 20


@SECTION.get("/account", Open.SIGNED_IN)
async def show(visit: Here) -> Response:
    """Who one is, what one may, and where one is signed in."""
    user, now = visit.actor.user, visit.house.app.clock.now()
    name = user.id if user else ""
    found, has_password, mine = await visit.house.read(
        lambda tx: (sessions.of_user(tx, name, _SHOWN), bool(proofs.password_hash(tx, name)),
                    token_rows.everyone(tx, name))
    )  # fmt: skip
    lasting = [one for one in found if sign_in.lasts(one, now)]
    here = visit.signed.session.digest if visit.signed else ""
    values = {"sessions": lasting, "here": here, "has_password": has_password, "tokens": mine}
    return visit.page("account.html", values)


@SECTION.post("/account/tokens/revoke", Open.SIGNED_IN)
async def revoke(visit: Here, token: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "") -> Response:
    """Have a token hold no more, at once: one's own, or anybody's by whom users are added."""
    actor, now = visit.actor, visit.house.app.clock.now()

    def end(tx: Connection) -> Token:
        # of another's token nobody learns whether there is one
        if token not in {one.name for one in tokens.listed(tx, actor)}:
            raise ConfigError(text("account.token.none"))
        return tokens.revoke(tx, actor, now, token)

    gone = await visit.house.write(end)
    there = visit.go("/users/one", {"name": gone.user}) if back == "users" else visit.go("/account")
    return visit.say(there, "account.token.revoked", {"name": gone.name})


@SECTION.post("/account/password", Open.SIGNED_IN)
async def change(
    visit: Here, old_password: Annotated[str, Form()] = "", new_password: Annotated[str, Form()] = "",
    again_password: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Another password; every other session ends."""
    if new_password != again_password:
        raise ConfigError("the two new passwords are not the same")
    app, signed = visit.house.app, visit.signed
    if signed is not None:
        try:
            await sign_in.change_password(app.database, app.clock, signed.actor, old_password, new_password,
                                          signed.session)  # fmt: skip
        except Refused as error:
            raise ConfigError(str(error)) from None
    return visit.say(visit.go("/account"), "account.changed")


@SECTION.post("/account/sign-out-others", Open.SIGNED_IN)
async def leave_elsewhere(visit: Here) -> Response:
    """Only this session stays."""
    actor, now = visit.actor, visit.house.app.clock.now()
    here = visit.signed.session.digest if visit.signed else ""
    ended = await visit.house.write(lambda tx: sign_in.sign_out_everywhere(tx, actor, now, actor.name, here))
    return visit.say(visit.go("/account"), "account.ended", {"count": ended})
