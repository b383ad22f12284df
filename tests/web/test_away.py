"""While the state's database is away whoever asks gets 503 without its address, and the log one line."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs
from tests.conftest import NewState, _admin
from tests.web.centre_end import Centre
from tests.web.schedule_end import dispatcher, shop_at

from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving
from fieldcal.engine.service import Service
from fieldcal.errors import StateAway
from fieldcal.schedule.desk import Desk
from fieldcal.setup_model import Role
from fieldcal.state import beside
from fieldcal.state.database import Database
from fieldcal.web import away
from fieldcal.web.hooks import HooksEnd
from fieldcal.web.service import ServiceEnd
from fieldcal.web.watch import Watch, by_scope
from fieldcal.web.work import Work

SENTENCE = "database cannot be used at this moment; come again in a little while."
ADDRESS = "the state at postgresql://owner:***@10.9.8.7/books cannot be used: connection refused"


@contextmanager
def gone(*engines: Engine) -> Iterator[None]:
    """As when PostgreSQL is stopped: no transaction begins."""

    def refuse(_connection: object) -> None:
        raise StateAway(ADDRESS)

    for engine in engines:
        event.listen(engine, "begin", refuse)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "begin", refuse)


def engines_of(at: Centre) -> set[Engine]:
    return {at.app.database._reader, at.app.database._writer}


def test_nobody_is_told_where_the_state_is_that_is_away(place: Centre) -> None:
    async def story(at: Centre) -> None:
        signed, stranger = await at.signed_in("ada", Role.SYSTEM_ADMIN), at.browser()
        await stranger.get("/sign-in")
        asks = [
            (signed.get("/users"), "text/html"), (stranger.get("/"), "text/html"),
            (stranger.get("/sign-in"), "text/html"), (stranger.get("/no-such-page"), "text/html"),
            (stranger.post("/sign-in", {"name": "ada", "password": "x"}), "text/html"),
            (signed.get("/users", hx_request="true"), "text/html"),
            (stranger.get("/api/v1/overview"), "application/problem+json"),
            (stranger.get("/api/v1/overview", authorization="Bearer x"), "application/problem+json"),
            (signed.get("/api/v1/users"), "application/problem+json"),
        ]  # fmt: skip
        for ask, kind in asks:
            with gone(*engines_of(at)), capture_logs() as lines:
                answer = await ask
            assert (answer.status, answer.headers["retry-after"]) == (503, "5"), answer.text
            assert answer.headers["content-type"].startswith(kind)
            assert SENTENCE in answer.text.replace("&#39;", "'")
            assert not re.search("10.9.8.7|owner", answer.text)
            assert [(line["action"], line["reason"], "exc_info" in line) for line in lines] == [
                ("state_away", ADDRESS, False)
            ]
        assert (await signed.get("/users")).status == 200
        assert (await stranger.get("/api/v1/problems/away")).status == 200

    place.play(story)


def test_a_booking_on_the_board_that_meets_no_database_is_no_mistake_of_the_form(place: Centre, tmp_path: Path) -> None:
    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        wish = {"worker": shop.ana, "order": shop.order, "start": "2026-11-23T09:00Z", "end": "2026-11-23T11:00Z"}
        for refused, status in ((True, 503), (False, 200)):
            with gone(*([shop.store.engine] if refused else [])):
                answer = await browser.ask("POST", "/board/book", json=wish, headers={"x-csrf-token": browser.token})
            assert answer.status == status, answer.text
            assert "10.9.8.7" not in answer.text

    with shop_at(place, tmp_path) as shop:
        place.play(story)


def put_aside(file: Path) -> None:
    file.rename(file.with_suffix(".aside"))


def put_a_folder(file: Path) -> None:
    put_aside(file)
    file.mkdir()


def put_noise(file: Path) -> None:
    with closing(sqlite3.connect(file)) as beside_it:
        beside_it.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else all of it can be read from the log of writes
    put_aside(file)
    file.write_bytes(b"noise" * 5000)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(put_aside, "No such file"), (put_a_folder, "unable to open"), (put_noise, "file is not a database")],
)
def test_pages_of_a_field_service_whose_file_cannot_be_read_say_so_and_come_back_with_it(
    spoil: Callable[[Path], None], reason: str, place: Centre, tmp_path: Path
) -> None:
    file = tmp_path / "fs.sqlite3"

    async def story(at: Centre) -> None:
        browser = await dispatcher(at)
        assert (await browser.get("/board")).status == 200
        spoil(file)
        stands = file.exists()
        for path in ("/board", "/orders"):
            with capture_logs() as lines:
                answer = await browser.get(path)
            assert (answer.status, answer.headers["retry-after"]) == (503, "5"), answer.text
            assert SENTENCE in answer.text.replace("&#39;", "'")
            assert "fs.sqlite3" not in answer.text
            ((action, said),) = [(line["action"], line["reason"]) for line in lines]
            assert (action, str(file) in said, reason in said) == ("state_away", True, True), said
        assert file.exists() is stands  # none is made in its place
        if stands:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        file.with_suffix(".aside").rename(file)
        assert (await browser.get("/board")).status == 200

    with shop_at(place, tmp_path):
        place.play(story)


def test_what_a_page_catches_and_shows_names_no_address(place: Centre) -> None:
    async def story(at: Centre) -> None:
        async def fails(_work: Work[object]) -> None:
            raise StateAway(ADDRESS)

        with gone(*engines_of(at)):
            for ask in (at.house.read, at.house.write):
                with pytest.raises(StateAway) as told:
                    await ask(lambda tx: tx.scalar(select(1)))
                assert str(told.value).endswith(SENTENCE)
        work = at.house.works.begin("test", "main", "ada", 1, at.clock.now(), "once", fails)
        await asyncio.gather(*at.house.works._tasks)
        assert (work.ended, work.error[-len(SENTENCE) :]) == (True, SENTENCE)

    place.play(story)


def test_other_systems_get_503_of_a_state_that_is_away(place: Centre) -> None:
    async def story(at: Centre) -> None:
        database = at.app.database
        watch = Watch(database, at.clock, lambda: 0.0)
        end = ServiceEnd(Service(database, at.clock, lambda *_: None), "t", {}).app(  # type: ignore[arg-type]
            watch=list(watch.routes(by_scope(at.house)))
        )
        hooks = HooksEnd(database, at.clock, lambda *_: None).app()
        async with serving(end) as here, serving(hooks) as there, aiohttp.ClientSession() as session:
            with gone(*engines_of(at)), capture_logs() as lines:
                asks = ("GET", f"{here}/metrics", f"{SENTENCE}\n"), ("POST", f"{there}/hooks/main", "")
                for method, url, words in asks:
                    headers = {"authorization": "Bearer x"}
                    async with session.request(method, url, headers=headers) as answer:
                        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
                        assert (await answer.text()).removeprefix("Fieldcal's ") == words
        assert [(line["action"], line["path"]) for line in lines] == [
            ("state_away", "/metrics"), ("state_away", "/hooks/main"),
        ]  # fmt: skip

    place.play(story)


def test_the_field_service_in_a_postgresql_that_went_away_answers_503(new_postgres: NewState) -> None:
    address = new_postgres()
    database = Database(address)
    with database.write() as tx:
        beside.make(tx, beside.FIELD_SERVICE)
    database.close()
    name, admin = make_url(address).database, make_url(address).set(database="postgres")

    async def story(house: FieldService) -> None:
        async with serving(house.app) as url, aiohttp.ClientSession() as session:
            token = house.tokens.grant(url)
            _admin(
                admin.render_as_string(hide_password=False),
                f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
            )
            for asked in range(2):  # over a connection that broke, and over one that is not to be had
                with capture_logs() as lines:
                    headers = {"authorization": f"Bearer {token}"}
                    async with session.get(f"{url}/api/data/v9.2/bookableresources", headers=headers) as answer:
                        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
                        assert str(name) not in await answer.text()
                assert [(line["action"], str(name) in line["reason"]) for line in lines] == [
                    ("field_service_away", asked > 0)
                ]
            with pytest.raises(StateAway) as told:
                await Desk(house.store, lambda: None).version()
            assert str(name) not in str(told.value)  # a page may show it
            with capture_logs() as lines:
                away.noted("/board", told.value)
            assert str(name) in lines[0]["reason"]

    with FieldService(beside.address(make_url(address), beside.FIELD_SERVICE)) as house:
        asyncio.run(story(house))
