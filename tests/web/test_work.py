"""Bulk work in hand: begun once, watched from any moment, told to the end, and forgotten when it is old."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fieldcal.clock import SystemClock
from fieldcal.errors import ConfigError
from fieldcal.web.work import KEPT, Work, Works

NOW = SystemClock().now()


def begun(works: Works, run: Any, once: str = "form") -> Work[Any]:
    return works.begin("test", "main", "alice", 3, NOW, once, run)


def test_everybody_who_watches_hears_of_the_end_whenever_they_begin() -> None:
    async def story() -> None:
        works, go = Works(), asyncio.Event()

        async def run(work: Work[Any]) -> None:
            for number in range(1, 4):
                work.step(number, f"result {number}")
                await go.wait()

        work = begun(works, run)
        early = asyncio.create_task(_heard(work))
        await asyncio.sleep(0)
        go.set()
        assert (await early)[-1] == 3
        assert await _heard(work) == [3]
        assert (work.ended, work.error, work.results) == (True, "", ["result 1", "result 2", "result 3"])

    asyncio.run(story())


async def _heard(work: Work[Any]) -> list[int]:
    return [done async for done in work.watch(every=0)]


def test_the_same_form_begins_nothing_twice_and_another_one_does() -> None:
    async def story() -> None:
        works, ran = Works(), list[str]()

        async def run(work: Work[Any]) -> None:
            ran.append(work.id)

        first, same, other = begun(works, run), begun(works, run), begun(works, run, "another")
        await asyncio.gather(_heard(first), _heard(other))
        assert first is same
        assert sorted(ran) == sorted([first.id, other.id])
        assert works.begun_by("form") is first
        assert works.begun_by("never") is None

    asyncio.run(story())


def test_a_work_that_does_it_already_is_found_while_it_lasts() -> None:
    async def story() -> None:
        works, go = Works(), asyncio.Event()

        async def wait(_work: Work[Any]) -> None:
            await go.wait()

        work = begun(works, wait)
        work.about = frozenset({"anna", "bernd"})
        found = [works.under_way("test", "main", some) for some in (["anna"], ["anna", "bernd"], ["anna", "carla"])]
        assert found == [work, work, None]
        assert works.under_way("clean", "main", ["anna"]) is works.under_way("test", "other", ["anna"]) is None
        go.set()
        await _heard(work)
        assert works.under_way("test", "main", ["anna"]) is None

    asyncio.run(story())


@pytest.mark.parametrize(
    ("error", "told"), [(ConfigError("no such profile"), "no such profile"), (ValueError("secret"), "ValueError")]
)
def test_what_failed_is_told_without_what_only_the_log_may_hold(error: Exception, told: str) -> None:
    async def story() -> None:
        works = Works()

        async def run(_work: Work[Any]) -> None:
            raise error

        work = begun(works, run)
        await _heard(work)
        assert told in work.error
        assert "secret" not in work.error

    asyncio.run(story())


def test_old_ones_are_forgotten_but_none_that_is_under_way() -> None:
    async def story() -> None:
        works, go = Works(), asyncio.Event()

        async def wait(_work: Work[Any]) -> None:
            await go.wait()

        async def pass_by(_work: Work[Any]) -> None:
            return

        slow = begun(works, wait, "slow")
        over = []
        for number in range(KEPT + 10):
            over.append(begun(works, pass_by, f"form {number}"))
            await _heard(over[-1])
        assert works.find(slow.id) is slow
        assert works.find(over[0].id) is None
        assert works.find(over[-1].id) is over[-1]
        await works.stop()
        assert not slow.ended

    asyncio.run(story())
