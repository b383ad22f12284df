"""The OpenAPI text tells all, and what the API answers never contradicts it: asked by schemathesis over real state."""

from __future__ import annotations

import asyncio
import copy
import json
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.state import stocked
from tests.values import BOOKING, NOW, booking_id
from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_api import token

from fieldcal.model import BookingId, Identity, MailboxId
from fieldcal.setup import environments, profiles
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import alerts, history, plans

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection,
]  # fmt: skip


def real_state(at: Centre) -> None:
    """An environment with mailboxes, a profile, a held plan, an alert, a pass and bookings."""
    end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:NOWHERE")
    with at.app.database.write() as tx:
        stocked.stock(tx, [replace(BOOKING, id=booking_id(n), name=f"WO-{n}") for n in range(5)])
        environments.pin(tx, "main", Identity("org", "tenant"))
        for profile in ("exchange", "spare"):
            profiles.add(tx, OPERATOR, NOW, profile, end)
        held = [(MailboxId("box"), BookingId(f"booking-{n}"), "deleted:1") for n in range(3)]
        plans.hold(tx, "main", held, "too many", NOW)
        alerts.raise_alert(tx, "main", "box", "test-enable", "error", "it is wrong", NOW)
        history.begin(tx, "main", "run-1", "scheduled", NOW)
    at.mailboxes(5)
    at.environment("spare")


async def described(at: Centre) -> dict[str, Any]:
    answer = await at.browser().ask("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    return dict(json.loads(answer.text))


#: What stands in addresses, so that a right call meets something. What ends or forgets takes the spare one.
NAMED = {"environment": "main", "profile": "exchange", "mailbox": "box-00001", "plan": 1, "booking": "WO-1",
         "run": "run-1", "user": "spare", "token": "of-spare"}  # fmt: skip
SPARE = {"environment": "spare", "profile": "spare"}


def named(text: dict[str, Any]) -> dict[str, Any]:
    """The text with the names of what is there in place of any name."""
    found = copy.deepcopy(text)
    for path in found["paths"].values():
        for method, operation in path.items():
            names = NAMED | SPARE if method == "delete" else NAMED
            for one in operation.get("parameters", ()):
                if one["in"] == "path" and one["name"] in names:
                    one["schema"] = {"enum": [names[one["name"]]]}
    return found


def conform(text: dict[str, Any], url: str, headers: dict[str, str], most: int) -> int:
    """Ask every operation, rightly and wrongly; returns how many calls that were."""
    calls = 0
    for mode, told in ((GenerationMode.POSITIVE, named(text)), (GenerationMode.NEGATIVE, text)):
        schema = schemathesis.openapi.from_dict(told)
        schema.config.update(base_url=f"{url}/api/v1")
        for found in schema.get_all_operations():
            operation = found.ok()

            @hypothesis.settings(
                max_examples=most, deadline=None, derandomize=True, database=None,
                suppress_health_check=list(HealthCheck), phases=[hypothesis.Phase.generate],
            )  # fmt: skip
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal calls
                calls += 1
                case.call_and_validate(headers=headers, checks=CHECKS)

            ask()
    return calls


@pytest.mark.parametrize("most", [25])
def test_schemathesis_finds_no_500_and_nothing_that_contradicts_the_openapi_text(place: Centre, most: int) -> None:
    async def story(at: Centre) -> int:
        real_state(at)
        token(at, "spare", Role.READER)
        headers = token(at, "script", *Role)
        return await asyncio.to_thread(conform, await described(at), at.url, headers, most)

    assert place.play(story) > 100


def test_every_operation_has_a_description_an_example_and_its_problems(place: Centre) -> None:
    async def story(at: Centre) -> None:
        text = await described(at)
        operations = [(path, method, one) for path, each in text["paths"].items() for method, one in each.items()]
        assert len(operations) > 60
        for path, method, one in operations:
            told = f"{method} {path}"
            assert one["summary"], told
            assert one["tags"], told
            assert one["x-fieldcal-needs"], told
            wanted = {"401", "403", "404", "422", "429"} | ({"400", "409", "502"} if method != "get" else set())
            assert wanted <= one["responses"].keys(), told
            for status in wanted:
                body = one["responses"][status]["content"]["application/problem+json"]
                assert body["example"]["status"] == int(status), told
            for parameter in one.get("parameters", ()):
                assert parameter.get("description"), (told, parameter["name"])
        undescribed = [
            (name, field) for name, each in text["components"]["schemas"].items()
            for field, one in each.get("properties", {}).items() if not one.get("description")
        ]  # fmt: skip
        assert undescribed == []
        assert {"token", "session"} == text["components"]["securitySchemes"].keys()

    place.play(story)
