"""`fieldcal environment webhook`: have the source announce its changes, so that they come in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli import options
from fieldcal.cli.options import AsUser, Json, Yes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldcal.app import App
    from fieldcal.hooks import Standing
    from fieldcal.model import Check
    from fieldcal.setup_model import Actor, Endpoint, Environment

group = typer.Typer(help="The webhook by which bookings come in seconds.", no_args_is_help=True)


@group.command()
def add(
    name: options.Environment,
    *,
    url: Annotated[str, typer.Option("--url", help="Public address that the source calls: https://HOST[/PATH].")],
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Register the webhook at the source; done again, repair it and renew its secret.

    Registering takes more rights than reading: --credential and the options beside it are used once and not kept.
    """
    from fieldcal import hooks
    from fieldcal.cli import show
    from fieldcal.cli.session import looked_up, working
    from fieldcal.state import environments

    environment = looked_up(as_user, environments.get, name)
    end = _end(environment, authority, tenant, credential, client_id, secret)

    async def work(app: App, actor: Actor) -> tuple[str, Sequence[str], Check]:
        address = hooks.public_address(url, environment)
        return address, await hooks.add(app, actor, name, address, end), await hooks.call(app, name)

    address, done, called = working(as_user, work)
    if json:
        show.as_json({"environment": name, "url": address, "done": done, "called": called})
    else:
        for line in done:
            show.line(line)
        show.line(f"{name} announces its bookings at {address}")
        show.line(called.detail if called.ok else f"but {called.detail}: {called.remedy}")
    if not called.ok:
        raise typer.Exit(1)


@group.command("show")
def show_one(
    name: options.Environment,
    *,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Compare what is registered with what should be, and list calls that failed. Exit status 1 where it differs."""
    from fieldcal import hooks
    from fieldcal.cli import show
    from fieldcal.cli.session import looked_up, working
    from fieldcal.setup.permissions import Action, require
    from fieldcal.state import environments

    environment = looked_up(as_user, environments.get, name)
    end = _end(environment, authority, tenant, credential, client_id, secret)

    async def work(app: App, actor: Actor) -> Standing:
        require(actor, Action.SEE_OVERVIEW)
        return await hooks.look(app, environment, end)

    found = working(as_user, work)
    if json:
        show.as_json(_told(name, found))
    else:
        _print(name, found)
    if not found.good:
        raise typer.Exit(1)


@group.command()
def remove(
    name: options.Environment,
    *,
    authority: options.Authority = None,
    tenant: options.Tenant = None,
    credential: options.Credential = None,
    client_id: options.ClientId = None,
    secret: options.Secret = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only here: the source is not asked, and its calls are refused.")
    ] = False,
    yes: Yes = False,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Take the registration back; bookings then come with the passes by schedule."""
    from fieldcal import hooks
    from fieldcal.cli import show
    from fieldcal.cli.session import confirm, looked_up, working
    from fieldcal.state import environments

    environment = looked_up(as_user, environments.get, name)
    end = _end(environment, authority, tenant, credential, client_id, secret)
    confirm(f"Remove the webhook of {name}?", yes=yes)

    async def work(app: App, actor: Actor) -> int:
        if forget:
            await hooks.forget(app, actor, name)
            return 0
        return await hooks.remove(app, actor, name, end)

    removed = working(as_user, work)
    if json:
        show.as_json({"environment": name, "removed": removed})
    elif forget:
        show.line(f"{name}: forgotten here; the source was not asked.")
    else:
        took = f"taken back: endpoint and steps, {removed} in all, are removed at the source"
        show.line(f"{name}: {took if removed else 'nothing of ours was registered at the source'}.")


def _end(
    environment: Environment, authority: str | None, tenant: str | None, credential: str | None,
    client_id: str | None, secret: str | None,
) -> Endpoint | None:  # fmt: skip
    """Who registers, where options name somebody else than the one who reads; the same server in any case."""
    from dataclasses import replace

    from fieldcal.attaching import end_mistakes
    from fieldcal.cli.session import settings_of_command
    from fieldcal.ends import is_embedded
    from fieldcal.errors import ConfigError
    from fieldcal.setup.environments import refuse

    given = {"authority": authority, "tenant": tenant, "credential": credential, "client_id": client_id,
             "secret": secret}  # fmt: skip
    named = {field: value for field, value in given.items() if value is not None}
    if not named:
        return None
    if is_embedded(environment.end):
        options_named = ", ".join(f"--{field.replace('_', '-')}" for field in named)
        raise ConfigError(
            f"{environment.id} reads the embedded Field Service, which takes no other credential: leave out "
            f"{options_named}"
        )
    if secret is not None:
        named["secret"] = options.sealed(secret) or ""
    end = replace(environment.end, **named)
    refuse(end_mistakes(end, settings_of_command()))
    return end


def _told(name: str, found: Standing) -> dict[str, object]:
    known, there = found.known, found.registered
    return {
        "environment": name, "good": found.good, "url": known.url if known else there.url,
        "differences": found.differences, "received_at": known.received_at if known else None,
        "received": known.received if known else 0, "missed": known.missed if known else 0,
        "failed": there.failed, "others": there.others,
    }  # fmt: skip


def _print(name: str, found: Standing) -> None:
    from fieldcal.cli import show

    known, there = found.known, found.registered
    show.line(f"{name}: {known.url if known else there.url or 'no webhook'}")
    for difference in found.differences:
        show.line(f"  differs: {difference}")
    if found.differences:
        show.line(f"  `fieldcal environment webhook add {name} --url ...` repairs it")
    else:
        show.line("  registered as it should be")
    if known is not None:
        last = f"{known.received_at:%Y-%m-%d %H:%M:%SZ}" if known.received_at else ""
        show.line(f"  notifications: {f'{known.received:,} came in, the last {last}' if last else 'none came in yet'}")
    if there.failed is None:
        show.line(
            "  failed calls: not known, for this credential lacks the privilege prvReadAsyncOperation (System Job); "
            "another one may be named, as for add"
        )
    for job in there.failed or ():
        show.line(f"  failed call: {job}")
    for other in there.others:
        show.line(f"  another's, left alone: {other}")
