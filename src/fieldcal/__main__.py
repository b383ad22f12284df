"""`python -m fieldcal`, and what the `fieldcal` command calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: The exit status of what Ctrl-C has ended (128 and the signal's number).
_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit; Ctrl-C ends it with status 130 and no traceback, from the first moment."""
    with _loading():
        from fieldcal.cli import run
    try:
        run()
    except KeyboardInterrupt:  # before a command began, or after its end
        raise SystemExit(_INTERRUPTED) from None


@contextmanager
def _loading() -> Iterator[None]:
    """Have Ctrl-C end the process on the spot: nothing is open yet, and an exception in an import may be swallowed."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # who began us has it ignored, say
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
