"""Health is told to anybody in one word; metrics to who may, with every name that is promised and no customer's data."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from tests.conftest import NewState
from tests.state.test_living import put_in
from tests.web.centre_end import OPERATOR, Centre

from fieldcal import counted, metrics, sent
from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.config import Config
from fieldcal.embedded.server import serving
from fieldcal.engine import cut, news
from fieldcal.engine.schedule import Kind
from fieldcal.errors import ConfigError
from fieldcal.plan.spread import Spread
from fieldcal.setup import tokens
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role
from fieldcal.state import alerts, marks, plans, queue_schema
from fieldcal.state.database import Database
from fieldcal.state.history import Tally
from fieldcal.state.tables import mailboxes as mailbox_table
from fieldcal.sync.passes import Report
from fieldcal.web.service import ServiceEnd
from fieldcal.web.watch import LATE, Watch, by_scope
from fieldcal.working import work

Numbers = dict[str, dict[tuple[str, ...], float]]


def played(database: Database, late: float | None, story: Callable[[str, Watch], Awaitable[Any]]) -> Any:
    """The local end over HTTP."""

    async def run() -> Any:
        watch = Watch(database, PlayedClock(SystemClock().now()), lambda: late)
        async with serving(watch.local()) as url:
            return await story(url, watch)

    return asyncio.run(run())


async def asked(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


def parsed(text: str) -> Numbers:
    """By name, and the labels' values in the order of their names."""
    found: Numbers = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.mark.parametrize(("late", "status"), [(None, 503), (0.0, 200), (LATE + 1, 503)])
def test_ready_is_who_turns_to_the_state_and_live_is_who_answers(
    late: float | None, status: int, sqlite_database: Database
) -> None:
    async def story(url: str, _watch: Watch) -> None:
        for path in ("/health", "/health/live"):
            assert await asked(url + path) == (200, '{"status":"ok"}')
        found, text = await asked(f"{url}/health/ready")
        assert (found, text) == (status, '{"status":"ready"}' if status == 200 else '{"status":"not ready"}')

    played(sqlite_database, late, story)


def test_who_is_ready_while_no_worker_is_alive_says_so(new_postgres: NewState) -> None:
    database = Database(new_postgres())
    queue_schema.upgrade(database)

    async def story(url: str, _watch: Watch) -> None:
        assert await asked(f"{url}/health/ready") == (200, '{"status":"ready"}')
        with database.write() as tx:
            put_in(tx, 60)
        status, told = await asked(f"{url}/health/ready")
        assert status == 200, "pages answer, and a balancer must not take them away"
        assert re.fullmatch(
            r'{"status":"ready","work":"no worker is running, and a job waits for one, for 6\d s by now"}', told
        )

    played(database, 0.0, story)
    database.close()


def test_a_state_that_is_gone_makes_it_not_ready_and_leaves_what_the_process_counted(empty_postgres: str) -> None:
    counted.add("churn", "kept-of-the-process", number=3)
    database = Database(empty_postgres)  # without a table: the state of nobody

    async def story(url: str, _watch: Watch) -> None:
        assert (await asked(f"{url}/health/ready"))[0] == 503
        assert (await asked(f"{url}/health/live"))[0] == 200

    played(database, 0.0, story)
    database.close()
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")

    async def without(url: str, _watch: Watch) -> None:
        status, text = await asked(f"{url}/metrics")
        found = parsed(text)
        assert (status, found["fieldcal_state_up"]) == (200, {(): 0.0})
        assert found["fieldcal_churn_writes_total"][("kept-of-the-process",)] >= 3
        assert "fieldcal_backlog" not in found

    played(nowhere, 0.0, without)
    nowhere.close()


def test_the_end_for_this_machine_answers_to_no_other_name(sqlite_database: Database) -> None:
    async def story(url: str, _watch: Watch) -> None:
        assert (await asked(f"{url}/metrics", Host="evil.example"))[0] == 421
        assert (await asked(f"{url}/metrics", Host="localhost"))[0] == 200

    played(sqlite_database, 0.0, story)


def test_metrics_may_be_open_to_this_machine_only() -> None:
    for address in ("0.0.0.0:9464", "10.0.0.7:9464", "[::]:9464"):
        with pytest.raises(ValueError, match="scope metrics"):
            Config(listen_metrics=(address,))
    assert Config(listen_metrics="127.0.0.1:9464, [::1]:9464").listen_metrics == ("127.0.0.1:9464", "[::1]:9464")


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.READER, [Scope.METRICS], 200),
        (Role.READER, [Scope.METRICS, Scope.READ], 200),
        (Role.READER, [one for one in Scope if one is not Scope.METRICS], 403),
        (Role.WORKER, [Scope.METRICS], 403),
        (None, [], 401),
    ],
)
def test_metrics_take_a_token_with_their_scope_of_who_may_see_the_overview(
    role: Role | None, scopes: list[Scope], status: int, place: Centre
) -> None:
    async def story(at: Centre) -> None:
        at.environment("watched")
        brought = {}
        if role is not None:
            at.person("watcher", role)
            with at.app.database.write() as tx:
                _, text = tokens.add(tx, OPERATOR, at.clock.now(), "prometheus", "watcher", scopes)
            brought["Authorization"] = f"Bearer {text}"
        watch = Watch(at.app.database, at.clock, lambda: 0.0)
        end = ServiceEnd(at.house.service, "unused", at.app.requests).app(None, watch.routes(by_scope(at.house)))
        async with serving(end) as url:
            assert (await asked(f"{url}/metrics", **brought))[0] == status
            assert (await asked(f"{url}/metrics", Authorization="Bearer fieldcal_no"))[0] == 401
            assert (await asked(f"{url}/metrics", Authorization="Basic eDp5"))[0] == 401
            if status == 200:  # it opens nothing else
                rest = await asked(f"{at.url}/api/v1/environments/watched/mailboxes", **brought)
                assert rest[0] == (200 if Scope.READ in scopes else 403)

    place.play(story)


def test_what_is_exported_is_what_is_promised_and_tells_of_no_mailbox_or_booking(place: Centre) -> None:
    took = Spread.together([(0, 2), (10, 1), (45, 1)])
    report = Report("run", Tally(changes=4, created=3, updated=1, same=1, uncalled=2, took=took), 2)

    async def story(at: Centre) -> None:
        at.environment("watched")
        at.mailboxes(3, "watched")
        now = at.clock.now()
        with at.app.database.write() as tx:
            tx.execute(update(mailbox_table).where(mailbox_table.c.id == "box-00000").values(enabled=True))
            marks.mark(tx, "watched", [("box-00000", "b-1"), ("box-00001", "b-2")], now, "changed")
            plans.hold(tx, "watched", [("box-00000", "b-1", "gone")], "too many", now)
            alerts.raise_alert(tx, "watched", "box-00000", "mailbox-failing", "warning", "w00000@x.example", now)
        at.advance(seconds=90)
        news.pass_done("watched", "scheduled", report, 2.5, None)
        news.pass_failed("watched")
        news.lease_lost("watched")
        sent.request("source", 200)
        sent.request("calendars", 0)
        sent.inside(429)
        sent.asked_to_wait("calendars", 12.0)
        text = metrics.text(await at.house.read(lambda tx: metrics.look(tx, at.clock.now()))).decode()
        found = parsed(text)
        here = ("watched",)
        assert found["fieldcal_backlog"][("watched", "waiting")] == 1
        assert found["fieldcal_backlog"][("watched", "closed")] == 1
        assert found["fieldcal_oldest_change_age_seconds"][here] == 90
        assert found["fieldcal_held_plans"][here] == found["fieldcal_held_removals"][here] == 1
        assert found["fieldcal_mailboxes"][("watched", "total")] == 3
        assert found["fieldcal_alerts"][("mailbox-failing", "watched", "warning")] == 1
        assert found["fieldcal_passes_total"][("watched", "scheduled", "ok")] == 1
        assert found["fieldcal_passes_total"][("watched", "any", "failed")] == 1
        assert found["fieldcal_events_total"][("created", "watched")] == 3
        assert found["fieldcal_churn_writes_total"][here] == 2
        assert found["fieldcal_lease_losses_total"][here] == 1
        assert found["fieldcal_requests_total"][("2xx", "source")] >= 1
        assert found["fieldcal_requests_total"][("none", "calendars")] >= 1
        assert found["fieldcal_batch_refusals_total"][("429",)] >= 1
        assert found["fieldcal_throttle_seconds_total"][("calendars",)] >= 12
        took_most = found["fieldcal_change_latency_seconds_bucket"]
        assert [took_most[("watched", end)] for end in ("1.0", "10.0", "10000.0", "+Inf")] == [2, 3, 3, 4]
        assert found["fieldcal_change_latency_seconds_count"][here] == 4
        for named in ("box-0", "w0000", "x.example", "Worker", "b-1"):
            assert named not in text
        ours = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE fieldcal_")}
        assert ours == {shape.name for shape in metrics.shapes()}
        guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
        assert [name for name in sorted(ours) if f"| `{name}` |" not in guide] == []

    place.play(story)


def test_what_alerts_ask_the_growth_of_is_there_with_0_before_anything_was_counted(place: Centre) -> None:
    rules = (Path(__file__).parents[2] / "deploy" / "prometheus" / "fieldcal-alerts.yml").read_text(encoding="utf-8")
    asked_for = set(re.findall(r"\bfieldcal_\w+_(?:total|bucket)\b", rules))

    async def story(at: Centre) -> None:
        at.environment("untried")
        found = parsed(metrics.text(await at.house.read(lambda tx: metrics.look(tx, at.clock.now()))).decode())
        zeros = {name: {labels for labels, number in found[name].items() if number == 0} for name in asked_for}
        of_ends = {"fieldcal_requests_total", "fieldcal_throttle_seconds_total"}
        assert {name for name in asked_for if any("untried" in labels for labels in zeros[name])} == asked_for - of_ends
        failed = {labels[1] for labels in zeros["fieldcal_passes_total"] if labels[::2] == ("untried", "failed")}
        assert failed == {"any", *cut.CALLED[Kind.PASS], *cut.CALLED[Kind.LOOK]}, (
            "a failure of a kind is the first of it"
        )
        for end in ("source", "calendars"):
            assert {("5xx", end), ("none", end)} <= found["fieldcal_requests_total"].keys()
            assert (end,) in found["fieldcal_throttle_seconds_total"]

    place.play(story)


def test_a_pass_that_failed_is_counted_so(sqlite_database: Database) -> None:
    before = counted.sums("passes").get(("of-failures", "scheduled", "failed"), 0)
    news.pass_done("of-failures", "scheduled", Report("run", Tally(), 0, "no answer"), 1.0, None)
    assert counted.sums("passes")[("of-failures", "scheduled", "failed")] == before + 1
    with pytest.raises(ConfigError), sqlite_database.read():
        raise ConfigError("a state that cannot be used is told as that")


def test_a_worker_gives_health_and_metrics_to_its_machine(new_postgres: NewState, tmp_path: Path) -> None:
    url = new_postgres()
    database = Database(url)
    queue_schema.upgrade(database)
    database.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    async def story() -> None:
        stop = asyncio.Event()
        at_work = asyncio.create_task(work(Config(data=tmp_path, database_url=url, listen_metrics=(address,)), stop))
        while True:
            try:
                assert (await asked(f"http://{address}/health/ready"))[0] == 200
                break
            except aiohttp.ClientConnectorError:
                assert not at_work.done(), at_work.result()
                await asyncio.sleep(0.05)
        assert parsed((await asked(f"http://{address}/metrics"))[1])["fieldcal_state_up"] == {(): 1.0}
        stop.set()
        await at_work

    asyncio.run(story())
