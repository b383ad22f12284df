"""How the service tells what it does: one line an event, for people or as JSON, on standard error.

A line is a sentence with `action` and ids. What must not be told is taken out here as the last step, whoever wrote the
line (I10): secrets at every level, what belongs to customers at INFO and above.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from fieldcal import sent

_HIDDEN = "(not told)"
#: Keys whose values are secrets, by a part of their name.
_SECRET = re.compile(r"secret|token|password|authorization|credential|cookie|api_?key", re.IGNORECASE)
#: Keys whose values belong to customers: told at DEBUG only.
CUSTOMERS = frozenset(
    {"subject", "body", "summary", "account", "contact", "customer", "location", "description", "title", "event_body"}
)
# Bearer tokens and JWTs, wherever they stand in a text; passwords inside addresses.
_TOKEN = re.compile(r"(?i:bearer)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")

# What PostgreSQL says of the row that it refuses: all of it, customers' texts too.
_ROW = re.compile(r"(?m)^DETAIL:.*$")

Line = MutableMapping[str, Any]


def redact(_logger: Any, level: str, line: Line) -> Line:
    """Take out what must not be told; the last processor before the line is written."""
    for key, value in line.items():
        if _SECRET.search(key) or (key in CUSTOMERS and level != "debug"):
            line[key] = _HIDDEN
        else:
            line[key] = _cleaned(value)
    return line


def trace(_logger: Any, _level: str, line: Line) -> Line:
    """Name the pass or other work that a line is of, whoever wrote it, by the id that its requests carry too."""
    if run := sent.run():
        line.setdefault("run", run)
    return line


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _ROW.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, value))
    if isinstance(value, dict):
        return {key: _HIDDEN if _SECRET.search(str(key)) else _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value


def configure(level: str = "info", form: str = "text", stream: TextIO | None = None) -> None:
    """Write lines of at least this level to `stream` (standard error); `form` is `text` or `json`."""
    out = stream or sys.stderr
    show: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=out.isatty(), sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # As text before the last step, so that it looks at a traceback too.
            structlog.processors.format_exc_info,
            redact,
            show,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module: only what is wrong, and on the same stream in the same form.
    if form != "json":
        logging.basicConfig(level=logging.WARNING, stream=out, format="%(levelname)s %(name)s: %(message)s", force=True)
        return
    of_libraries = logging.StreamHandler(out)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                trace,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                show,
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries], force=True)
