"""One run of vdirsyncer in a process of its own, measured when everything is imported, as the other clients are.

python -m bench.caldav.peer CONFIG sync|discover
"""

from __future__ import annotations

import json
import sys
import time

from vdirsyncer.cli import app


def main(config: str, what: str) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        app(["--config", config, "--verbosity", "ERROR", what], standalone_mode=False)
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
