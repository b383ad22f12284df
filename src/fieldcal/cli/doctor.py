"""`fieldcal doctor`: what the synchronization stands on, each thing with its remedy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import Json

if TYPE_CHECKING:
    from fieldcal.config import Config
    from fieldcal.doctor.lines import Asked, Line


def doctor(
    outsider: Annotated[
        str, typer.Option("--outsider", metavar="ADDRESS", help="A mailbox that must not be reachable; tried once.")
    ] = "",
    environment: Annotated[
        str, typer.Option("--environment", "-e", metavar="NAME", help="Only this one, and what it is written through.")
    ] = "",
    mailbox: Annotated[
        list[str] | None,
        typer.Option("--mailbox", metavar="ADDRESS", help="Look into this one, not into a few; may be repeated."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Look at everything that the work stands on, with remedies. Exit status 1 where something failed."""
    from fieldcal.cli import show
    from fieldcal.cli.session import settings_of_command
    from fieldcal.clock import SystemClock
    from fieldcal.doctor import look as examination
    from fieldcal.doctor.lines import Asked, Level, Line, summary, worst
    from fieldcal.errors import ConfigError

    try:
        settings = settings_of_command()
    except ConfigError as error:
        lines = [Line(Level.FAIL, "configuration", str(error), "correct fieldcal.toml and the FIELDCAL_* variables")]
    else:
        lines = examination.look_at_state(settings)
        if worst(lines) is not Level.FAIL and examination.state_stands(settings):
            lines += asyncio.run(_ends(settings, Asked(environment, tuple(mailbox or ()), outsider)))
    if json:
        show.as_json(lines)
    else:
        for one in lines:
            helps = [("", f"what helps: {one.remedy}")] if one.remedy else []
            show.pairs([(one.level, f"{one.what}: {one.detail}"), *helps], indent="")
        show.line(summary(lines, SystemClock().now()))
    if worst(lines) is Level.FAIL:
        raise typer.Exit(1)


async def _ends(settings: Config, asked: Asked) -> list[Line]:
    from fieldcal.cli.session import operator
    from fieldcal.doctor import remedies
    from fieldcal.doctor.lines import Level, Line
    from fieldcal.doctor.look import look_at_ends
    from fieldcal.ends import opened
    from fieldcal.errors import FieldcalError

    lines: list[Line] = []
    try:
        async with opened(settings) as app:
            lines += [line async for line in look_at_ends(app, operator(), asked)]
    except FieldcalError as error:
        lines.append(Line(Level.FAIL, "ends", str(error), remedies.of(error, "fieldcal environment set NAME")))
    return lines
