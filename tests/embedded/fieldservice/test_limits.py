"""Service protection: too many requests, too much work, too many at once."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from fieldcal.embedded.faults import Fault, Match


def test_requests_beyond_the_limit_are_throttled_until_the_window_has_passed(room):
    room.control.change(max_requests=3)

    async def story(client):
        first = [(await client.get("WhoAmI")).status for _ in range(3)]
        refused = await client.get("WhoAmI")
        room.clock.advance(timedelta(seconds=301))
        return first, refused, (await client.get("WhoAmI")).status

    first, refused, later = room.run(story)
    assert (first, later) == ([200] * 3, 200)
    assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (429, "0x80072322", "300")
    assert "limit of 3 over time window of 300 seconds" in refused.error["message"]


def test_work_beyond_the_limit_is_throttled(room):
    room.control.change(max_seconds=1e-9)

    async def story(client):
        return (await client.get("WhoAmI")).status, await client.get("WhoAmI")

    first, refused = room.run(story)
    assert first == 200
    assert refused.error["code"] == "0x80072321"


def test_too_many_at_once_are_throttled(room):
    room.control.change(max_concurrent=1)

    async def story(client):
        answers = await asyncio.gather(*(client.get("accounts") for _ in range(20)))
        return answers, (await client.get("accounts")).status

    answers, afterwards = room.run(story)
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.error["code"] for answer in refused} == {"0x80072326"}
    assert afterwards == 200


def test_by_default_there_is_no_limit(room):
    async def story(client):
        return {(await client.get("WhoAmI")).status for _ in range(50)}

    assert room.run(story) == {200}


def test_a_planted_fault_acts_on_the_field_service(room):
    room.control.add_fault(
        Fault(kind="status", status=503, match=Match(path="/accounts"), headers={"Retry-After": "2"})
    )

    async def story(client):
        return await client.get("accounts"), await client.get("accounts")

    refused, answered = room.run(story)
    assert (refused.status, refused.headers["retry-after"], answered.status) == (503, "2", 200)
    assert [entry.fault for entry in room.control.ledger()] == ["status", None]


def test_a_write_dropped_after_the_commit_is_done(room):
    room.control.add_fault(Fault(kind="drop_after", match=Match(method="POST")))

    async def story(client):
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.ask("POST", "accounts", {"name": "Lost answer"})

    room.run(story)
    assert sorted(row["name"] for row in room.store.rows("account")) == ["Contoso", "Lost answer"]
