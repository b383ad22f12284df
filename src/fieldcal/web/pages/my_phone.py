"""What a phone asks for to have the worker's page as an app, and its last loaded week offline. Nothing secret."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from fieldcal.web import assets
from fieldcal.web.gates import Open
from fieldcal.web.section import Section
from fieldcal.web.texts import text
from fieldcal.web.visit import Here

SECTION = Section("my_phone")

#: As in `fieldcal.css` and `icon.svg`.
_ACCENT, _GROUND = "#0b6a5d", "#f6f7f7"
_ASKED_ANEW = {"cache-control": "no-cache"}


@SECTION.get("/my/fieldcal.webmanifest", Open.PUBLIC)
async def manifest(_visit: Here) -> Response:
    """Name, pictures and first page of the app (https://www.w3.org/TR/appmanifest/)."""
    pictures = [
        {"src": assets.url("icon.svg"), "type": "image/svg+xml", "sizes": "any"},
        {"src": assets.url("icon-192.png"), "type": "image/png", "sizes": "192x192"},
        {"src": assets.url("icon-512.png"), "type": "image/png", "sizes": "512x512"},
        {"src": assets.url("icon-maskable.png"), "type": "image/png", "sizes": "512x512", "purpose": "maskable"},
    ]
    told = {
        "id": "/my/day", "start_url": "/my/day", "scope": "/", "display": "standalone", "lang": "en",
        "name": text("frame.product"), "short_name": text("frame.product"), "description": text("my_phone.description"),
        "theme_color": _ACCENT, "background_color": _GROUND, "icons": pictures,
    }  # fmt: skip
    return JSONResponse(told, headers=_ASKED_ANEW, media_type="application/manifest+json")


@SECTION.get("/my/offline.js", Open.PUBLIC)
async def keeper(_visit: Here) -> Response:
    """The service worker; where it stands bounds what it may see: nothing above `/my/`."""
    found = assets.find("js/offline.js")
    assert found is not None  # it is part of the package
    return Response(found.body, headers=_ASKED_ANEW, media_type=found.kind)
