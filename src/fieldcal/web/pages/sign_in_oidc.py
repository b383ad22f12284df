"""Signing in with the organization's own account: there and back."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from fieldcal.errors import ConfigError, NotAllowed, one_line
from fieldcal.setup import directory, tries
from fieldcal.web.gates import Open
from fieldcal.web.oidc import Provider
from fieldcal.web.pages.sign_in import entered, ours
from fieldcal.web.section import Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("sign_in_oidc")
_BACK = "/sign-in/organization/back"


def _provider(visit: Visit) -> Provider:
    if visit.house.oidc is None:
        raise ConfigError("no organization's sign-in is set up here")
    return visit.house.oidc


@SECTION.get("/sign-in/organization", Open.PUBLIC)
async def begin(visit: Here, next: str = "", form: str = "") -> Response:  # noqa: A002 - the address's name
    """Off to the provider."""
    kept = visit.house.forms.pop(form, "")
    redirect = visit.home + _BACK
    address = await _provider(visit).begin(visit.browser, redirect, ours(next), kept, visit.place.address)
    return visit.remembered(RedirectResponse(address, 303))


@SECTION.get(_BACK, Open.PUBLIC)
async def come_back(visit: Here, state: str = "", code: str = "", error: str = "") -> Response:
    """Signed in, or refused with the reason."""
    provider = _provider(visit)
    now, place = visit.house.app.clock.now(), visit.place
    try:
        begun = provider.came_back(state, visit.browser)
        if error or not code:
            raise NotAllowed(f"the sign-in was refused there: {one_line(error or 'no code', 80)}")  # noqa: TRY301 - put on record as what the provider refuses
        who = await provider.finish(begun, code)
    except NotAllowed as refused:
        reason = str(refused)
        await visit.house.write(lambda tx: tries.strange(tx, place, reason, now))
        raise
    opened = await directory.enter(visit.house.app.database, now, who, provider.meaning, place)
    return await entered(visit, opened, begun.after, begun.kept)
