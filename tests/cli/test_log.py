"""What the log tells and, above all, what it never tells (I10)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from fieldcal import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


def lines(level: str, form: str = "json") -> tuple[structlog.stdlib.BoundLogger, io.StringIO]:
    out = io.StringIO()
    log.configure(level, form, out)
    return structlog.get_logger(), out


@pytest.mark.parametrize(
    "key", ["secret", "client_secret", "token", "access_token", "Authorization", "password", "api_key"]
)
@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_i10_a_secret_is_told_at_no_level(key: str, level: str) -> None:
    told, out = lines("debug")
    getattr(told, level)("signing in", **{key: "hunter2", "nested": {key: "hunter2"}})
    assert "hunter2" not in out.getvalue()
    assert "signing in" in out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "refused: Authorization: Bearer abc.DEF-123",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc-DEF_123 expired",
        "cannot reach postgresql://fieldcal:abc.DEF-123@db/x",
    ],
)
def test_i10_a_token_or_password_inside_a_text_is_taken_out(text: str) -> None:
    told, out = lines("debug")
    told.error(text, error=text, many=[text], deep={"a": [text]})
    assert "abc" not in out.getvalue()
    assert out.getvalue().count("(not told)") == 4


@pytest.mark.parametrize("key", sorted(log.CUSTOMERS))
def test_i10_what_belongs_to_customers_is_told_at_debug_only(key: str) -> None:
    told, out = lines("debug")
    told.info("written", **{key: "Mrs Miller"})
    assert "Miller" not in out.getvalue()
    told.debug("written", **{key: "Mrs Miller"})
    assert "Miller" in out.getvalue()


def test_a_token_in_a_traceback_is_taken_out() -> None:
    told, out = lines("info", "text")
    try:
        raise ValueError("Bearer abc.DEF-123")  # noqa: TRY301 - it is raised to be told
    except ValueError:
        told.exception("a fault")
    assert "ValueError" in out.getvalue()
    assert "abc.DEF" not in out.getvalue()


def test_a_line_is_one_json_object_with_level_and_time() -> None:
    told, out = lines("info")
    told.debug("unseen")
    told.warning("left", action="mailbox_left", mailbox="box-1")
    (line,) = out.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "left", "action": "mailbox_left", "mailbox": "box-1", "level": "warning"}


def test_libraries_are_heard_only_when_something_is_wrong() -> None:
    _, out = lines("debug", "text")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    assert out.getvalue() == "WARNING library: trouble\n"


def test_libraries_too_are_heard_as_json_and_tell_no_token() -> None:
    _, out = lines("debug")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble with %s", "Bearer abc.DEF-123")
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "trouble with (not told)", "level": "warning", "logger": "library"}
