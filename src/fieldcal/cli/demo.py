"""`fieldcal demo`: a sample organization, synchronized before your eyes, then served until stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from fieldcal.cli.options import Json

if TYPE_CHECKING:
    from rich.progress import Progress

    from fieldcal.app import App
    from fieldcal.asked import Told
    from fieldcal.config import Config
    from fieldcal.demo.people import SignIn
    from fieldcal.demo.side import Side
    from fieldcal.demo.story import Numbers
    from fieldcal.demo.week import Entry
    from fieldcal.ends import Embedded
    from fieldcal.model import Worker
    from fieldcal.runfile import Running


#: a free port of this machine
_ANY = ("127.0.0.1:0",)


class Calendars(StrEnum):
    """Where the demo's calendars may stand."""

    EXCHANGE = "exchange"
    CALDAV = "caldav"


def demo(
    workers: Annotated[int, typer.Option("--workers", min=3, help="Technicians with a mailbox.")] = 12,
    bookings: Annotated[int, typer.Option("--bookings", min=20, help="Bookings in all.")] = 150,
    calendar: Annotated[
        Calendars, typer.Option("--calendar", help="exchange: the embedded one; caldav: a Radicale of the demo's own.")
    ] = Calendars.EXCHANGE,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="A new folder that is kept; else a temporary one.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the last pass, without serving.")] = False,
    json: Json = False,
) -> None:
    """Show the whole way on a sample organization, and serve it.

    Its bookings are put into the calendars, some are changed, and both systems are served until Ctrl-C.
    """
    import asyncio

    from fieldcal.cli.session import settings_of_command

    settings = settings_of_command()
    if calendar is Calendars.CALDAV:
        from fieldcal.demo.radicale import installed

        installed()
    with _fresh(folder) as place:
        chosen = {"data": place, "database_url": "", "listen": _ANY, "listen_hooks": _ANY, "user": "", "web_url": ""}
        asyncio.run(
            _run(settings.model_copy(update=chosen), calendar, workers, bookings, once=once, json=json)
        )  # fmt: skip


@contextmanager
def _fresh(folder: Path | None) -> Iterator[Path]:
    """A folder of the demo's own: the one named, which must be new or empty, or one that goes afterwards."""
    from tempfile import TemporaryDirectory

    from fieldcal.errors import ConfigError

    if folder is None:
        with TemporaryDirectory(prefix="fieldcal-demo-", ignore_cleanup_errors=True) as made:
            yield Path(made)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"the folder {folder} is in use already; name a new one")
    yield folder.absolute()


async def _run(
    config: Config, calendar: Calendars, workers: int, bookings: int, *, once: bool, json: bool
) -> None:  # fmt: skip
    from fieldcal import runfile
    from fieldcal.app import App
    from fieldcal.cli import show
    from fieldcal.cli.serve import pages, stopping
    from fieldcal.demo.people import sign_ins
    from fieldcal.demo.setup import announce
    from fieldcal.demo.story import Story
    from fieldcal.ends import serving
    from fieldcal.serving import work
    from fieldcal.setup_model import Actor

    with runfile.locked(config.data):
        async with AsyncExitStack() as stack:
            embedded = await stack.enter_async_context(serving(config, sandbox=True))
            side = await _side(stack, calendar, embedded, config.data)
            app = await stack.enter_async_context(App(config, ends=embedded.ends))
            with _Screen(quiet=json) as screen:
                numbers = await Story(app, embedded, side, Actor("demo"), screen).tell(workers, bookings)
            if json:
                show.as_json(numbers)
                sys.stdout.flush()
            else:
                _sum_up(numbers)
            if once:
                return
            lines = await _calendars(app, side)

            async def ready(running: Running, _: Embedded | None, _first: str) -> None:
                await announce(app, Actor("demo"), running)
                people = await sign_ins(app, Actor("demo"))
                _addresses(config, running, embedded, lines)
                _sign_ins(pages(config, running), people)

            with stopping() as stop:
                await work(app, embedded, stop, ready)


async def _side(stack: AsyncExitStack, calendar: Calendars, embedded: Embedded, folder: Path) -> Side:
    if calendar is Calendars.EXCHANGE:
        from fieldcal.demo.exchange import AtExchange

        return AtExchange(embedded)
    from fieldcal.clock import SystemClock
    from fieldcal.demo import radicale
    from fieldcal.demo.caldav import AtRadicale

    return AtRadicale(await stack.enter_async_context(radicale.serving(folder / "radicale", SystemClock())))


async def _calendars(app: App, side: Side) -> list[str]:
    from fieldcal.demo.setup import ENVIRONMENT
    from fieldcal.demo.week import busiest

    worker = await app.database.reading(busiest, ENVIRONMENT, app.clock.now())
    return await side.addresses(app, worker)


def _sum_up(numbers: Numbers) -> None:
    from fieldcal.cli import show

    wrote = numbers.second_pass_writes
    show.line(
        f"{numbers.events:,} events stand in {numbers.mailboxes_enabled:,} calendars after {numbers.seconds:.1f} s and "
        f"{numbers.requests['source']:,} + {numbers.requests['calendars']:,} requests; "
        f"a pass with nothing changed wrote {wrote or 'nothing'}."
    )


def _addresses(config: Config, running: Running, embedded: Embedded, calendars: list[str]) -> None:
    from fieldcal.cli.serve import addresses, source_address

    print("\nServing. Book, move or cancel something at the Field Service, and look into the calendar a second later.")
    for line in (*addresses(running, None), source_address(embedded), *calendars):
        print(f"  {line}")
    print(f"  sign-in        client {embedded.ends.client_id}, its secret is in {config.data / 'service.json'}")
    print(f"  commands       FIELDCAL_DATA={config.data} fieldcal status")


def _sign_ins(home: str, people: Sequence[SignIn]) -> None:
    from fieldcal.setup_model import Role

    print("\nThe admin centre, in your browser, with one sign-in for each role:")
    print(f"  admin centre   {home}")
    at = home.rstrip("/")
    own = {Role.DISPATCHER: f", books on {at}/board", Role.WORKER: f", works by {at}/my/day, on a phone too"}
    for person in people:
        told = ", ".join(sorted(role.value for role in person.roles))
        also = next((words for role, words in own.items() if role in person.roles), "")
        print(f"  {person.name:<18} {person.password:<22} {told}{also}")
    print("Stop with Ctrl-C.", flush=True)


class _Screen:
    """Shows the demo on standard output, its bars on standard error; `quiet` keeps standard output free."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self._quiet = quiet
        self._out, self._err = Console(highlight=False, emoji=False), Console(stderr=True)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def say(self, text: str) -> None:
        if not self._quiet:
            self._out.print(text, markup=False, soft_wrap=True)

    def progress(self, title: str, done: int, of: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        if not self._err.is_terminal:
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=self._err, transient=True)
            self._bar.add_task(title, total=of)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done == of:
            self._end_bar()

    def _end_bar(self) -> None:
        """Take the bar away, so that what is printed next does not run into it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def told(self, title: str, told: Told) -> None:
        from fieldcal.cli import report

        self.say(f"{title}:")
        for line in report.lines(told):
            self.say(f"  {line}")

    def week(self, worker: Worker, entries: list[Entry]) -> None:
        from fieldcal.demo.week import table

        if not self._quiet:
            self._out.print(table(worker, entries))
