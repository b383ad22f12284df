"""Doctor, pruning and erasure over REST: counted first, done only where the count is still true, followed to its end."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conftest import NewState
from tests.state.test_erasure import ADDRESS, FORMS, NAME, gone_worker, plant
from tests.values import ENVIRONMENT
from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_api import call, problem, token
from tests.web.test_api_resources import ADMIN, Script, actions

from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Role
from fieldcal.state import audit


async def followed(at: Centre, script: Script, path: str, body: object) -> Any:
    """What the work that this begins has come to."""
    begun = await script.do(path, body)
    async for _ in at.house.works.find(begun["task"]).watch():
        pass
    return await script.get(f"/tasks/{begun['task']}")


def test_the_doctor_tells_each_thing_with_what_helps_and_not_to_everybody(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        script = Script(at, *ADMIN)
        told = await followed(at, script, "/doctor", {"environment": "main"})
        levels = {one["what"]: one["level"] for one in told["looked"]}
        assert "state" in levels
        assert "fail" in levels.values()
        assert all(one["remedy"] for one in told["looked"] if one["level"] == "fail")
        reader = token(at, "reader", Role.READER)
        assert problem(await call(at, "POST", "/doctor", reader, {})) == "denied"
        assert problem(await call(at, "GET", f"/tasks/{told['id']}", reader)) == "denied"
        unset = await script.ask("POST", "/alerts/test")
        assert (problem(unset), "FIELDCAL_SMTP_URL" in unset.text) == ("not-done", True)

    place.play(story)


def test_what_is_old_is_counted_and_forgotten_when_the_count_is_true(new_sqlite: NewState, tmp_path: Path) -> None:
    async def story(at: Centre) -> None:
        old = at.clock.now() - timedelta(days=100)
        with at.app.database.write() as tx:
            for _ in range(3):
                audit.record(tx, OPERATOR, old, "test", ["x"])
        script = Script(at, Role.SYSTEM_ADMIN)
        assert ((await script.get("/data/old"))["audit"], (await script.get("/data/old"))["total"]) == (3, 3)
        wrong = await followed(at, script, "/data/prune", {"expect": 2})
        assert (wrong["error"], wrong["forgotten"]) == ("3 rows are old now, not 2; nothing was done", None)
        done = await followed(at, script, "/data/prune", {"expect": 3})
        assert (done["error"], done["forgotten"]["audit"]) == ("", 3)
        assert (await script.get("/data/old"))["total"] == 0
        kept = await script.get("/data")
        assert kept["bytes"] > 0
        assert {one["kind"]: one["days"] for one in kept["kept"]}["audit"] == 30
        anew = await followed(at, script, "/data/compact", None)
        assert (anew["error"], anew["compacted"]) == ("", {"left": ""})
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        assert "The state is written anew." in (await browser.get(f"/data/work/{anew['id']}")).text
        assert actions(at) == ["db compact", "db prune"]

    Centre(tmp_path / "data", new_sqlite(), keep_audit_days=30).play(story)


def test_a_person_is_counted_and_erased_when_the_count_is_true_and_no_address_names_anybody(place: Centre) -> None:
    async def story(at: Centre) -> None:
        with at.app.database.write() as tx:
            gone_worker(tx)
            plant(tx, " / ".join((*FORMS, ADDRESS)))
        script, path = Script(at, Role.SYSTEM_ADMIN), f"/environments/{ENVIRONMENT}/erase/worker"
        counted = await script.do(f"{path}/count", {"worker": NAME})
        assert counted["total"] == sum(counted["rows"].values()) > 5
        assert await script.do(f"{path}/count", {"worker": NAME}) == counted
        wrong = await followed(at, script, path, {"worker": NAME, "expect": counted["total"] + 1})
        assert "nothing was done" in wrong["error"]
        done = await followed(at, script, path, {"worker": NAME, "expect": counted["total"]})
        assert (done["error"], done["erased"]["rows"]) == ("", counted["rows"])
        assert NAME not in json.dumps(done)
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        assert f"Erased from {counted['total']} rows" in (await browser.get(f"/data/work/{done['id']}")).text
        assert problem(await script.ask("POST", f"{path}/count", {"worker": NAME})) == "not-done"
        contact = await script.do("/data/erase/contact/count", {"name": "Nobody Known"})
        assert contact["total"] == 0
        assert (
            problem(await script.ask("POST", "/data/erase/contact", {"name": "Nobody Known", "expect": 0})) == "invalid"
        )
        without = token(at, "weak", Role.SYSTEM_ADMIN, scopes=[one for one in Scope if one is not Scope.DATA])
        assert problem(await call(at, "POST", "/data/erase/contact", without, {"name": "x", "expect": 1})) == "denied"

    place.play(story)
