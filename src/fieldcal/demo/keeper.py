"""Runs another program and ends it as soon as the one who started this is gone, however that came about.

`python -m fieldcal.demo.keeper PROGRAM WORD...`, with a pipe as standard input that nobody writes to: it ends when its
other side does, also where that process was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

#: Seconds that the program has to end by itself.
_PATIENCE = 5.0


def keep(words: list[str]) -> int:
    """Run it until it ends, or standard input does; returns its exit status."""
    program = subprocess.Popen(words, stdin=subprocess.DEVNULL)  # noqa: S603 - the words are our own
    # The pipe is read in a thread of its own, so that the program's own end is seen too.
    threading.Thread(target=_wait_for_the_other_side, args=(program,), daemon=True).start()

    def asked(_number: int, _frame: FrameType | None) -> None:
        program.terminate()

    signal.signal(signal.SIGTERM, asked)
    return program.wait()


def _wait_for_the_other_side(program: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    program.terminate()
    try:
        program.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
