"""The public end for notifications: who may call, what is taken of a call, and how little anybody else is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from tests.conftest import NewState

from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.embedded.server import serving
from fieldcal.state import webhooks
from fieldcal.state.database import Database
from fieldcal.state.webhooks import Webhook, digest
from fieldcal.web.hooks import AT_ONCE, FRESH, LARGEST, HooksEnd

SECRET, BEFORE = "the-good-secret", "the-secret-before"
NOW = SystemClock().now()
BOOKING = "5d0ee0a7-6a4e-4f7e-9a0c-0f6f5d0b7a11"
TABLE = "bookableresourcebooking"


class Hooks:
    """One end over HTTP and the hints that came through it."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, PlayedClock(NOW)
        self.hints: list[tuple[str, str | None]] = []
        with database.write() as tx:
            url = "https://x.example/hooks/main"
            webhooks.keep(tx, "main", Webhook(url, NOW, digest(SECRET), digest(BEFORE), sure_at=NOW))
            webhooks.keep(tx, "north & south", Webhook("https://x.example", NOW, digest("another")))
        self.end = HooksEnd(database, self.clock, lambda *hint: self.hints.append(hint))

    def play(self, story: Callable[..., Any]) -> Any:
        async def run() -> Any:
            async with serving(self.end.app()) as url, aiohttp.ClientSession() as session:

                async def post(
                    body: Any = None, secret: str | None = SECRET, to: str = "main", **headers: str
                ) -> tuple[int, bytes]:
                    named = {name.replace("_", "-"): value for name, value in headers.items()}
                    named |= {} if secret is None else {"x-fieldcal-secret": secret}
                    data = body if isinstance(body, bytes) else json.dumps(context() if body is None else body).encode()
                    async with session.post(f"{url}/hooks/{to}", data=data, headers=named) as answer:
                        return answer.status, await answer.read()

                post.url, post.session = url, session  # type: ignore[attr-defined]
                return await story(post)

        return asyncio.run(run())

    def post(self, *words: Any, **options: Any) -> tuple[int, bytes]:
        return self.play(lambda post: post(*words, **options))


def context(message: str = "Update", table: str = TABLE, row: str = BOOKING, **more: Any) -> dict[str, Any]:
    return {"MessageName": message, "PrimaryEntityName": table, "PrimaryEntityId": row, **more}


@pytest.fixture
def hooks(new_sqlite: NewState):
    database = Database(new_sqlite())
    yield Hooks(database)
    database.close()


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (context("Create"), BOOKING), (context("Update"), BOOKING), (context(row=BOOKING.upper()), BOOKING),
        (context("Delete"), None), (context("SetState"), None), (context("Update", "msdyn_workorder"), None),
        (context(InputParameters=[{"key": "Target", "value": {"x": [1, None]}}], OperationCreatedOn="/Date(1)/"), BOOKING),
    ],
)  # fmt: skip
def test_a_notification_becomes_a_hint_at_that_booking_or_at_something(hooks, body, hint):
    assert hooks.post(body) == (202, b"")
    assert hooks.hints == [("main", hint)]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"secret": None}, 404), ({"secret": ""}, 404), ({"secret": "wrong"}, 404), ({"secret": SECRET[:-1]}, 404), ({"secret": SECRET + "x"}, 404),
        ({"secret": "another"}, 404), ({"secret": "ü"}, 404), ({"secret": digest(SECRET)}, 404), ({"to": "nowhere"}, 404), ({"to": "north%20%26%20south"}, 404),
        ({"to": ""}, 404), ({"to": "main/x"}, 404), ({"to": "main", "secret": "wrong", "body": b"x" * (LARGEST + 1)}, 404),
        ({"body": b""}, 400), ({"body": b"{"}, 400), ({"body": b"[" * 100_000}, 400), ({"body": b"null"}, 400), ({"body": []}, 400), ({"body": b"\xff\xfe"}, 400),
        ({"body": {}}, 400), ({"body": context(row="")}, 400), ({"body": context(row="1")}, 400), ({"body": context(row=f"{{{BOOKING}}}")}, 400),
        ({"body": context(row=BOOKING + "'")}, 400), ({"body": context(row=f"{BOOKING}\n")}, 400), ({"body": context(row=None)}, 400),
        ({"body": context(row=7)}, 400), ({"body": context(message=["Update"])}, 400), ({"body": context(table="x" * 201)}, 400),
        ({"body": json.dumps(context(more="x" * LARGEST)).encode()}, 413),
        ({"body": context("Update", "account")}, 202), ({"body": context("Delete", "msdyn_priority")}, 202),
    ],
)  # fmt: skip
def test_whatever_else_is_said_is_no_hint_and_whoever_lacks_the_secret_is_told_nothing(hooks, options, status):
    answer = hooks.post(**options)
    assert hooks.hints == []
    assert answer[0] == status
    # An address that is no route at all and a wrong secret: starlette says two words to the one, nothing to the other.
    assert len(answer[1]) <= len("Not Found")


def test_a_body_without_a_length_is_cut_off_at_the_limit(hooks):
    async def story(post):
        async def drip():
            for _ in range(LARGEST // 65_536 + 2):
                yield b"x" * 65_536

        headers = {"x-fieldcal-secret": SECRET}
        async with post.session.post(f"{post.url}/hooks/main", data=drip(), headers=headers) as answer:
            return answer.status

    assert hooks.play(story) == 413
    assert hooks.hints == []


def test_the_largest_that_dataverse_sends_is_taken(hooks):
    body = json.dumps(context(InputParameters=["x" * (LARGEST - 500)])).encode()
    assert LARGEST - 500 < len(body) <= LARGEST
    assert hooks.post(body)[0] == 202
    assert hooks.post(x_ms_dynamics_msg_size_exceeded="true")[0] == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_a_post_is_answered_at_all(hooks, method):
    async def story(post):
        headers = {"x-fieldcal-secret": SECRET}
        async with post.session.request(method, f"{post.url}/hooks/main", headers=headers) as answer:
            assert answer.status == 405
        for path in ("/", "/health", "/sync", "/announce/main", "/hooks"):
            async with post.session.request(method, f"{post.url}{path}", headers=headers) as answer:
                assert answer.status == 404

    hooks.play(story)
    assert hooks.hints == []


def test_the_secret_before_is_good_for_a_while_after_a_renewal(hooks):
    assert hooks.post(secret=BEFORE)[0] == 202
    hooks.clock.advance(timedelta(minutes=9))
    assert hooks.post(secret=BEFORE)[0] == 202
    hooks.clock.advance(timedelta(minutes=1))
    assert hooks.post(secret=BEFORE)[0] == 404
    assert hooks.post()[0] == 202


OLDER = "the-secret-before-that"
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("sure", "after", "good"),
    [
        (None, timedelta(0), {SECRET, BEFORE, OLDER}), (None, 400 * DAY, {SECRET, BEFORE, OLDER}), (None, -DAY, {SECRET, BEFORE, OLDER}),
        (NOW, timedelta(minutes=9), {SECRET, BEFORE, OLDER}), (NOW, timedelta(minutes=10), {SECRET}), (NOW, -DAY, {SECRET}),
        (NOW, timedelta(seconds=-2), {SECRET, BEFORE, OLDER}),
    ],
)  # fmt: skip
def test_what_the_source_may_know_is_good_until_it_surely_knows_the_newest_and_no_longer_for_a_clock_set_back(
    sure, after, good
):
    known = Webhook("https://x.example", NOW, digest(SECRET), f"{digest(OLDER)} {digest(BEFORE)}", sure)
    tried = (SECRET, BEFORE, OLDER, "another", "", digest(BEFORE))
    assert {one for one in tried if known.knows(one.encode(), NOW + after)} == good


@pytest.mark.parametrize(("after", "good"), [(0, True), (59, True), (60, False), (-2, True), (-3600, False)])
def test_the_secret_of_a_test_call_is_good_for_a_moment_whatever_the_clock_does(after, good):
    known = Webhook("https://x.example", NOW, digest(SECRET), probe=digest("try"), probe_at=NOW)
    assert known.is_probe(b"try", NOW + timedelta(seconds=after)) is good


def test_a_test_call_is_answered_for_a_minute_and_is_no_notification(hooks):
    with hooks.database.write() as tx:
        webhooks.probe(tx, "main", "probe", NOW)
    assert hooks.post({}, "probe")[0] == 204
    hooks.clock.advance(timedelta(minutes=1))
    assert hooks.post({}, "probe")[0] == 404
    assert hooks.hints == []


def test_a_new_secret_and_a_removed_webhook_are_known_within_a_second(hooks):
    async def story(post):
        assert (await post())[0] == 202
        with hooks.database.write() as tx:
            webhooks.forget(tx, "main")
        hooks.clock.advance(timedelta(seconds=FRESH))
        assert (await post())[0] == 404

    hooks.play(story)


def test_the_state_is_asked_once_a_second_however_many_call_in_vain_and_one_line_tells_of_them(hooks, monkeypatch):
    reads = []
    reading = hooks.database.reading

    async def counted(work, *args):
        reads.append(work)
        return await reading(work, *args)

    monkeypatch.setattr(hooks.database, "reading", counted)

    async def story(post):
        return await asyncio.gather(
            *(post(secret=f"guess {number}", to=f"main{number % 3 or ''}") for number in range(60))
        )

    with capture_logs() as logs:
        assert {status for status, _ in hooks.play(story)} == {404}
    assert len(reads) == 1
    assert [line["action"] for line in logs] == ["hook_refused"]
    assert "guess" not in str(logs)


def test_bodies_that_come_in_slowly_are_bounded_in_number(hooks):
    async def story(post):
        gate = asyncio.Event()

        async def slow():
            yield b"{"
            await gate.wait()

        headers = {"x-fieldcal-secret": SECRET}

        async def drip():
            async with post.session.post(f"{post.url}/hooks/main", data=slow(), headers=headers) as answer:
                return answer.status

        async with asyncio.timeout(30):
            waiting = [asyncio.create_task(drip()) for _ in range(AT_ONCE)]
            while (await post())[0] != 503:
                assert not any(task.done() for task in waiting)
            gate.set()
            assert set(await asyncio.gather(*waiting)) == {400}
            assert (await post())[0] == 202

    hooks.play(story)
