"""The webhook by which bookings come in seconds: registered at the source, looked at, tried, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from fieldcal import hooks
from fieldcal.hooks import Standing
from fieldcal.setup.permissions import Action
from fieldcal.web.api.caller import Call, Place
from fieldcal.web.api.ends import Tried, tried
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Shown, Words

RESOURCE = Resource("webhooks", "The webhook by which bookings come in seconds; who reads the source registers it.")
_AT = "/environments/{environment}/webhook"


class WebhookShown(Shown):
    """The webhook as it is known here and as it stands at the source. Its secret is never shown."""

    good: bool = Field(description="Registered as it should be, and known here.")
    url: str = Field(description='The address that is called, "" where nothing of ours is registered.')
    differences: list[str] = Field(description="What is not as it should be.")
    received_at: datetime | None = Field(description="When the last notification came; null: none yet.")


class Register(Asked):
    """Where the source is to call."""

    url: Words = Field(
        description="The public address; without a path the one that the service listens on.",
        examples=["https://fieldcal.example.com"],
    )


class WebhookGone(Shown):
    """A registration that was taken back."""

    removed: int = Field(description="Registrations of this installation that were taken back.", examples=[1])


Forget = Annotated[bool, Query(description="Only forget it here: the source is not asked, and its calls are refused.")]


@RESOURCE.get(_AT, Action.ENVIRONMENTS, asks=True)
async def show(caller: Call, place: Place) -> WebhookShown:
    """Compare what is registered with what should be."""
    return _shown(await hooks.look(caller.house.app, place))


@RESOURCE.post(_AT, Action.ENVIRONMENTS)
async def register(caller: Call, place: Place, wish: Register) -> Tried:
    """Register the webhook, or repair it and renew its secret, and call it once as the source will."""
    app = caller.house.app
    await hooks.add(app, caller.actor, place.id, hooks.public_address(wish.url, place))
    return tried([await hooks.call(app, place.id)])


@RESOURCE.delete(_AT, Action.ENVIRONMENTS)
async def remove(caller: Call, place: Place, forget: Forget = False) -> WebhookGone:
    """Take the registration of this installation back, and no other's."""
    app = caller.house.app
    if forget:
        await hooks.forget(app, caller.actor, place.id)
        return WebhookGone(removed=0)
    return WebhookGone(removed=await hooks.remove(app, caller.actor, place.id))


def _shown(found: Standing) -> WebhookShown:
    return WebhookShown(
        good=found.good, url=found.registered.url, differences=list(found.differences),
        received_at=found.known.received_at if found.known else None,
    )  # fmt: skip
