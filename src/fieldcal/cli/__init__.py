"""The command line (design §9), one file a group. Errors are one line on standard error and exit status 1."""

from __future__ import annotations

import functools
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldcal import __version__
from fieldcal.access import obstacle
from fieldcal.cli import (
    alert,
    audit,
    booking,
    check,
    db,
    demo,
    doctor,
    duplicates,
    environment,
    erase,
    mailbox,
    plan,
    profile,
    schedule,
    serve,
    status,
    sync,
    token,
    user,
    why,
    worker,
)
from fieldcal.errors import FieldcalError, StateAway, one_line

#: The exit status of a command that Ctrl-C has ended (128 and the signal's number), and what is said then.
_INTERRUPTED = 130
STOPPED = "stopped; what was done until then stays, and the next run goes on from there"

app = typer.Typer(
    name="fieldcal",
    help="Puts field-service bookings into the workers' own calendars, one way, and keeps them true.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"fieldcal {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    return


app.command()(demo.demo)
app.command()(sync.sync)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(check.check)
app.add_typer(duplicates.group, name="duplicates")
app.add_typer(plan.group, name="plan")
app.command()(why.why)
app.command()(status.status)
app.command()(doctor.doctor)
app.add_typer(environment.group, name="environment")
app.add_typer(profile.group, name="profile")
app.add_typer(mailbox.group, name="mailbox")
app.add_typer(booking.group, name="booking")
app.add_typer(schedule.group, name="schedule")
app.add_typer(user.group, name="user")
app.add_typer(token.group, name="token")
app.add_typer(alert.group, name="alert")
app.add_typer(audit.group, name="audit")
app.add_typer(erase.group, name="erase")
app.add_typer(db.group, name="db")

#: What typer raises for words that no command knows; its own name for it is not public.
_MISUSED = typer.BadParameter.__mro__[1]
#: The words of what checks parameters, and ours.
_PLAINER = (
    (re.compile(r"Value error, "), ""),
    (re.compile(r"Input should be greater than or equal to (\S+)"), r"write a number of at least \1"),
    (re.compile(r"Input should be less than or equal to (\S+)"), r"write a number of at most \1"),
    (re.compile(r"Input should be a valid (?:integer|number).*"), "write a whole number"),
    (re.compile(r"Input should be (.*)"), r"write \1"),
)  # fmt: skip


@functools.cache
def _tree() -> Any:
    # Once for a process: whoever runs several commands in one would else wait longest for typer.
    return typer.main.get_command(app)


def run() -> None:
    """Run the command of this process's arguments and exit. A traceback is shown with FIELDCAL_DEBUG only."""
    if any(name.startswith("FIELDCAL_") for name in os.environ):
        from fieldcal import config  # a help text is quick without it

        for line in config.ignored():
            print(f"fieldcal: {line}", file=sys.stderr)
    try:
        status = _tree()(prog_name="fieldcal", standalone_mode=False)
    except Exception as error:
        if isinstance(error, _MISUSED):
            raise SystemExit(_misused(error)) from None
        if os.environ.get("FIELDCAL_DEBUG"):
            raise
        print(f"fieldcal: {told(error)}", file=sys.stderr)
        raise SystemExit(1) from None
    if status == _INTERRUPTED:
        print(f"fieldcal: {STOPPED}", file=sys.stderr)
    raise SystemExit(status or 0)


def _misused(error: Any) -> int:
    """Say what is wrong with the words of a command, in one line; a group without a command shows its help."""
    text = str(error.format_message())
    if "\n" in text.strip():
        error.show()
    else:
        for found, said in _PLAINER:
            text = found.sub(said, text)
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "fieldcal"
        print(f"fieldcal: {one_line(text, 600).rstrip('.')}; see `{path} --help`", file=sys.stderr)
    return int(error.exit_code)


def told(error: Exception) -> str:
    """The one line that a failed command says."""
    if isinstance(error, FieldcalError):
        # Whoever types a command may know where the database is.
        said = error.said if isinstance(error, StateAway) else ""
        return one_line(f"{error}: {said}" if said else error, 8000)
    if isinstance(error, OSError) and isinstance(error.filename, str | Path):
        path = Path(error.filename)
        return one_line(obstacle(path) or f"{path} cannot be used: {error.strerror}", 2000)
    return f"a fault of Fieldcal itself: {type(error).__name__}: {one_line(error)}; FIELDCAL_DEBUG=1 shows where"
