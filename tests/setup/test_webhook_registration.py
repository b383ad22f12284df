"""The webhook's registration over the Web API, against the embedded Field Service: made, repaired, compared, removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fieldcal.clock import SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving
from fieldcal.errors import ConfigError, Denied, FieldcalError
from fieldcal.hooks import public_address
from fieldcal.http import Http, TokenCredential
from fieldcal.setup_model import Endpoint, Environment
from fieldcal.sources.dataverse.webhook import WebhookRegistrar, steps

URL, SECRET = "https://fieldcal.example.com/hooks/main", "s3cret&<>"
PLAIN = steps(follow_location=False, follow_work_orders=False)
FOLLOWED = "starttime,endtime,resource,bookingstatus,msdyn_workorder,statecode"
Story = Callable[[WebhookRegistrar], Awaitable[Any]]


class There:
    """One field service, and registrars that speak to it over HTTP."""

    def __init__(self) -> None:
        self.service = FieldService(":memory:", sandbox=True)

    def play(self, story: Story, *, name: str = "main (0)", wanted: Any = PLAIN) -> Any:
        async def run() -> Any:
            async with serving(self.service.app) as url:
                http = Http(url, TokenCredential(lambda: self.service.tokens.grant(url)), SystemClock())
                registrar = WebhookRegistrar(http, name, wanted)
                try:
                    return await story(registrar)
                finally:
                    await registrar.close()

        return asyncio.run(run())

    def put(self, url: str = URL, secret: str = SECRET, **options: Any) -> Any:
        return self.play(lambda registrar: registrar.put(url, secret), **options)

    def look(self, **options: Any) -> Any:
        return self.play(lambda registrar: registrar.look(), **options)

    @property
    def endpoints(self) -> list[dict[str, Any]]:
        return self.service.store.rows("serviceendpoint")

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        return {row["name"].partition(": ")[2]: row for row in self.service.store.rows("sdkmessageprocessingstep")}

    def refuse(self, status: int, **match: Any) -> None:
        self.service.control.add_fault(Fault(kind="status", status=status, match=Match(**match)))


@pytest.fixture
def there():
    made = There()
    yield made
    made.service.close()


def test_one_endpoint_and_a_step_for_each_message_are_registered_as_dataverse_wants_them(there):
    assert there.look().differences == ("nothing is registered",)
    there.put()
    (endpoint,) = there.endpoints
    assert (endpoint["name"], endpoint["url"], endpoint["contract"], endpoint["authtype"]) == (
        "Fieldcal main (0)", URL, 8, 5,
    )  # fmt: skip
    setting = '<setting name="x-fieldcal-secret" value="s3cret&amp;&lt;&gt;" />'
    assert endpoint["authvalue"] == f"<settings>{setting}</settings>"
    booking = "of bookableresourcebooking"
    assert {name: row["filteringattributes"] for name, row in there.steps.items()} == {
        f"Create {booking}": None, f"Update {booking}": FOLLOWED, f"Delete {booking}": None,
    }  # fmt: skip
    for row in there.steps.values():
        assert (row["stage"], row["mode"], row["supporteddeployment"], row["asyncautodelete"]) == (40, 1, 0, True)
        assert row["eventhandler"] == endpoint["serviceendpointid"]
    assert (there.look().differences, there.look().failed) == ((), ())


def test_what_d1_follows_besides_is_listened_to_as_well(there):
    there.put(wanted=steps(follow_location=True, follow_work_orders=True))
    place = "msdyn_latitude,msdyn_longitude,msdyn_worklocation"
    assert there.steps["Update of bookableresourcebooking"]["filteringattributes"] == f"{FOLLOWED},{place}"
    assert "msdyn_workordersummary" in there.steps["Update of msdyn_workorder"]["filteringattributes"]
    # switched off again: told, and repaired by the next add
    assert len(there.look().differences) == 2
    there.put()
    assert there.look().differences == ()
    assert set(there.steps) == {f"{m} of bookableresourcebooking" for m in ("Create", "Update", "Delete")}


def test_done_again_it_renews_address_and_secret_and_makes_nothing_twice(there):
    there.put()
    before = there.steps
    there.put(url="https://other.example.com/hooks/main", secret="another")
    (endpoint,) = there.endpoints
    assert (endpoint["url"], "another" in endpoint["authvalue"]) == ("https://other.example.com/hooks/main", True)
    assert there.steps == before


def damage_step(there: There, **values: Any) -> None:
    row = there.steps["Update of bookableresourcebooking"]
    there.service.store.change("sdkmessageprocessingstep", row["sdkmessageprocessingstepid"], values)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda there: damage_step(there, statecode=1), "is disabled"),
        (lambda there: damage_step(there, filteringattributes="name"), "listens to name"),
        (lambda there: damage_step(there, filteringattributes=None), "listens to any column"),
        (lambda there: damage_step(there, mode=0), "has another mode"),
        (lambda there: damage_step(there, stage=20), "has another stage"),
        (lambda there: there.service.store.remove("sdkmessageprocessingstep", there.steps["Delete of bookableresourcebooking"]["sdkmessageprocessingstepid"]),
         "missing: Delete"),
        (lambda there: there.service.store.change("serviceendpoint", there.endpoints[0]["serviceendpointid"], {"authtype": 6}),
         "no webhook that sends its secret in a header"),
        (lambda there: there.service.store.create("serviceendpoint", {"name": "Fieldcal main (0)", "contract": 8}), "twice"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_told_and_mended_by_the_next_add(there, damage, told):
    there.put()
    damage(there)
    assert told in "; ".join(there.look().differences)
    there.put()
    assert there.look().differences == ()
    assert (len(there.endpoints), len(there.steps)) == (1, 3)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_first_registration_that_is_refused_half_way_leaves_nothing(there, nth):
    there.refuse(403, method="POST", path="sdkmessageprocessingsteps", nth=nth)
    with pytest.raises(Denied, match="nothing is left of it"):
        there.put()
    assert (there.endpoints, there.steps) == ([], {})


def test_where_the_taking_back_fails_too_the_error_says_what_is_left_and_the_next_add_completes_it(there):
    there.refuse(403, method="POST", path="sdkmessageprocessingsteps")
    there.refuse(500, method="DELETE", path="serviceendpoints")
    with pytest.raises(Denied, match=r"Fieldcal main \(0\) may be left"):
        there.put()
    assert len(there.endpoints) == 1
    there.put()
    assert there.look().differences == ()


def test_a_creation_whose_answer_is_lost_is_found_by_its_name_and_taken_back(there):
    there.service.control.add_fault(Fault(kind="drop_after", match=Match(method="POST", path="serviceendpoints")))
    with pytest.raises(FieldcalError, match="nothing is left of it"):
        there.put()
    assert there.endpoints == []


def test_a_renewal_that_fails_leaves_what_stood(there):
    there.put()
    there.refuse(403, method="PATCH", path="serviceendpoints")
    with pytest.raises(Denied):
        there.put(secret="another")
    assert there.look().differences == ()
    assert "another" not in there.endpoints[0]["authvalue"]


def test_removing_takes_what_is_ours_and_nothing_else(there):
    there.put(name="pilot (1)")
    there.service.store.create("serviceendpoint", {"name": "ERP", "contract": 8})
    there.put()
    assert there.look().others == ("Fieldcal pilot (1)",)
    assert there.play(lambda registrar: registrar.take_back()) == 4
    assert {row["name"] for row in there.endpoints} == {"Fieldcal pilot (1)", "ERP"}
    assert len(there.steps) == 3
    assert there.play(lambda registrar: registrar.take_back()) == 0


def test_calls_that_failed_are_told_and_silence_is_told_apart_from_none(there):
    there.put()
    step = there.steps["Create of bookableresourcebooking"]["sdkmessageprocessingstepid"]
    job = {
        "name": "hook",
        "message": "HTTP 404",
        "statuscode": 31,
        "owningextensionid": step,
        "completedon": "2026-11-23T08:00:00Z",
    }
    there.service.store.create("asyncoperation", job)
    there.service.store.create("asyncoperation", job | {"owningextensionid": None, "message": "somebody else's"})
    assert there.look().failed == ("2026-11-23T08:00:00Z hook: HTTP 404",)
    there.service.control.change(unreadable=("asyncoperation",))
    assert there.look().failed is None


def test_who_may_not_read_registrations_is_told_so(there):
    there.service.control.change(unreadable=("serviceendpoint",))
    with pytest.raises(Denied):
        there.look()


def environment(url: str = "https://acme.crm4.dynamics.com", credential: str = "token") -> Environment:
    return Environment("north & south", Endpoint(url, credential=credential), SystemClock().now())


LOCAL = environment("", "embedded")


@pytest.mark.parametrize(
    ("text", "of", "address"),
    [
        ("https://a.example.com", environment(), "https://a.example.com/hooks/north%20%26%20south"),
        ("https://a.example.com:443/", environment(), "https://a.example.com/hooks/north%20%26%20south"),
        ("https://a.example.com/x/y", environment(), "https://a.example.com/x/y"),
        ("http://127.0.0.1:8766", LOCAL, "http://127.0.0.1:8766/hooks/north%20%26%20south"),
        ("http://[::1]:8766/x", environment("http://localhost:1"), "http://[::1]:8766/x"),
    ],
)
def test_the_address_gets_the_services_path_where_it_has_none(text, of, address):
    assert public_address(text, of) == address


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("http://a.example.com", environment()), ("https://a.example.com:8443", environment()), ("ftp://a.example.com", environment()),
        ("a.example.com", environment()), ("https://u:p@a.example.com", environment()), ("https://a.example.com/?code=1", environment()),
        ("https://a.example.com:x", environment()), ("http://127.0.0.1:8766", environment()), ("http://a.example.com", LOCAL), ("", LOCAL),
    ],
)  # fmt: skip
def test_an_address_that_dataverse_would_not_call_or_not_safely_is_refused(text, of):
    with pytest.raises(ConfigError, match="--url"):
        public_address(text, of)
