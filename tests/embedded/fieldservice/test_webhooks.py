"""Webhooks of the embedded field service: registered over the Web API, called after each commit as Dataverse calls."""

from __future__ import annotations

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.embedded.fieldservice.room import NOW

from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.server import serving

MINUTES = int(NOW.timestamp() * 1000)
SECRET = '<settings><setting name="x-secret" value="s&amp;t" /></settings>'
TABLE = "bookableresourcebooking"


class Listener:
    """Keeps what it is sent; `answers` are given first, then 204."""

    def __init__(self, *answers):
        self.answers, self.heard = list(answers), []
        self.app = Starlette(routes=[Route("/hook", self._hear, methods=["POST"])])

    async def _hear(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), dict(request.query_params), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 204)

    @property
    def told(self):
        return [msgspec.json.decode(body) for _, _, body in self.heard]


async def register(client, url, *messages, authtype=5, authvalue=SECRET, **step):
    endpoint = {"name": "hook", "url": url, "contract": 8, "authtype": authtype, "authvalue": authvalue}
    made = (await client.ask("POST", "serviceendpoints", endpoint, Prefer="return=representation")).body
    for message in messages:
        known = await client.get(f"sdkmessages?$select=sdkmessageid&$filter=name eq '{message}'")
        about = f"sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{TABLE}'"
        narrowed = await client.get(f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={about}")
        body = {
            "name": f"hook: {message}", "stage": 40, "mode": 1, "rank": 1, "supporteddeployment": 0,
            "asyncautodelete": True, **step,
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({made['serviceendpointid']})",
            "sdkmessageid@odata.bind": f"/sdkmessages({known.rows[0]['sdkmessageid']})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({narrowed.rows[0]['sdkmessagefilterid']})",
        }  # fmt: skip
        answer = await client.ask("POST", "sdkmessageprocessingsteps", body)
        assert answer.status == 204, answer.body
    return made


def heard(room, story, listener=None, messages=("Create", "Update", "Delete"), **registration):
    """What a listener hears while `story(client)` runs."""
    listener = listener or Listener()

    async def play(client):
        async with serving(listener.app) as url:
            await register(client, f"{url}/hook", *messages, **registration)
            await story(client)
            await room.service.webhooks.idle()

    room.run(play)
    return listener


def booking(room, **more):
    return {
        "starttime": "2026-11-24T09:00:00Z", "endtime": "2026-11-24T10:00:00Z",
        "Resource@odata.bind": f"/bookableresources({room.anna})",
        "BookingStatus@odata.bind": f"/bookingstatuses({room.status})", **more,
    }  # fmt: skip


async def book(client, room, **more):
    answer = await client.ask("POST", f"{TABLE}s", booking(room, **more), Prefer="return=representation")
    return answer.body[f"{TABLE}id"]


def test_each_write_is_told_with_the_headers_and_the_context_of_dataverse(room):
    async def story(client):
        row = await book(client, room)
        await client.ask("PATCH", f"{TABLE}s({row})", {"starttime": "2026-11-24T09:30:00Z"})
        await client.ask("DELETE", f"{TABLE}s({row})")

    listener = heard(room, story)
    told = {one["MessageName"]: one for one in listener.told}
    assert set(told) == {"Create", "Update", "Delete"}
    headers, _, body = next(one for one in listener.heard if one[0]["x-ms-dynamics-request-name"] == "Update")
    assert headers["x-ms-dynamics-entity-name"] == TABLE
    assert headers["x-secret"] == "s&t"
    assert headers["x-ms-dynamics-organization"].startswith("127.0.0.1:")
    assert headers["x-ms-correlation-request-id"] == told["Update"]["CorrelationId"]
    assert f'"OperationCreatedOn":"\\/Date({MINUTES})\\/"'.encode() in body
    assert {one["PrimaryEntityId"] for one in listener.told} == {told["Create"]["PrimaryEntityId"]}
    assert (told["Update"]["PrimaryEntityName"], told["Update"]["Stage"], told["Update"]["Mode"]) == (TABLE, 40, 1)
    assert told["Update"]["OrganizationId"] == room.service.organization_id
    target = told["Update"]["InputParameters"][0]["value"]
    moved = {"key": "starttime", "value": f"/Date({MINUTES + 21 * 3600_000 + 1800_000})/"}
    assert (target["LogicalName"], target["Attributes"]) == (TABLE, [moved])
    assert told["Delete"]["InputParameters"][0]["value"]["__type"].startswith("EntityReference:")


def test_an_update_is_told_only_where_it_names_an_attribute_that_is_listened_to(room):
    async def story(client):
        row = await book(client, room)
        for change in ({"name": "Other"}, {"duration": 5}, {"endtime": "2026-11-24T11:00:00Z"}):
            await client.ask("PATCH", f"{TABLE}s({row})", change)

    listener = heard(room, story, messages=("Update",), filteringattributes="starttime,endtime")
    assert [one["InputParameters"][0]["value"]["Attributes"][0]["key"] for one in listener.told] == ["endtime"]


def test_what_was_refused_or_is_of_another_table_is_told_to_nobody(room):
    async def story(client):
        assert (await client.ask("POST", f"{TABLE}s", {"starttime": "2026-11-24T09:00:00Z"})).status == 400
        assert (await client.ask("POST", "accounts", {"name": "Fabrikam"})).status == 204

    assert heard(room, story).heard == []


def test_a_step_that_is_disabled_or_deleted_is_called_no_more(room):
    async def story(client):
        steps = {
            row["name"]: row["sdkmessageprocessingstepid"]
            for row in (await client.get("sdkmessageprocessingsteps")).rows
        }
        await client.ask("PATCH", f"sdkmessageprocessingsteps({steps['hook: Create']})", {"statecode": 1})
        await client.ask("DELETE", f"sdkmessageprocessingsteps({steps['hook: Update']})")
        row = await book(client, room)
        await client.ask("PATCH", f"{TABLE}s({row})", {"starttime": "2026-11-24T09:30:00Z"})
        await client.ask("DELETE", f"{TABLE}s({row})")

    assert [one["MessageName"] for one in heard(room, story).told] == ["Delete"]


@pytest.mark.parametrize(
    ("answers", "calls", "failed"),
    [
        ((204,), 1, False), ((200,), 1, False), ((502,), 2, False), ((503,), 2, False), ((504, 204), 2, False),
        ((503, 503), 2, True), ((500,), 1, True), ((404,), 1, True), ((401,), 1, True), ((301,), 1, True),
    ],
)  # fmt: skip
def test_one_more_try_after_502_503_or_504_and_a_failed_job_for_the_rest(room, answers, calls, failed):
    listener = heard(room, lambda client: book(client, room), Listener(*answers), ("Create",))
    jobs = room.store.rows("asyncoperation")
    assert len(listener.heard) == calls
    assert [(job["statuscode"], job["messagename"], job["name"]) for job in jobs] == (
        [(31, "Create", "hook: Create")] if failed else []
    )


def test_a_listener_that_is_gone_leaves_a_failed_job(room):
    async def story(client):
        await register(client, "http://127.0.0.1:9/hook", "Create")
        await book(client, room)
        await room.service.webhooks.idle()
        step = (await client.get("sdkmessageprocessingsteps")).rows[0]["sdkmessageprocessingstepid"]
        wanted = f"asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq {step}"
        return (await client.get(wanted)).rows

    (job,) = room.run(story)
    assert "no answer" in job["message"]


def test_a_secret_of_the_wrong_form_sends_nothing_and_fails_with_its_code(room):
    listener = heard(room, lambda client: book(client, room), messages=("Create",), authvalue="bare")
    assert listener.heard == []
    assert room.store.rows("asyncoperation")[0]["message"].startswith("0x80050203")


def test_the_other_ways_to_send_a_secret(room):
    keyed = heard(room, lambda client: book(client, room), messages=("Create",), authtype=4, authvalue="a b")
    assert keyed.heard[0][1] == {"code": "a b"}
    asked = heard(room, lambda client: book(client, room), messages=("Create",), authtype=6)
    assert asked.heard[0][1] == {"x-secret": "s&t"}


def test_above_256_kilobytes_what_may_be_long_is_left_out_and_a_header_says_so(room):
    room.store.create("sdkmessagefilter", {"primaryobjecttypecode": "x"})  # others are passed over
    long = "x" * 300_000

    async def story(client):
        about = "sdkmessageid/name eq 'Update' and primaryobjecttypecode eq 'msdyn_workorder'"
        narrowed = (await client.get(f"sdkmessagefilters?$filter={about}")).rows[0]["sdkmessagefilterid"]
        step = (await client.get("sdkmessageprocessingsteps")).rows[0]["sdkmessageprocessingstepid"]
        bind = {"sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({narrowed})"}
        assert (await client.ask("PATCH", f"sdkmessageprocessingsteps({step})", bind)).status == 204
        await client.ask("PATCH", f"msdyn_workorders({room.order})", {"msdyn_workordersummary": long})

    headers, _, body = heard(room, story, messages=("Update",)).heard[0]
    told = msgspec.json.decode(body)
    assert headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    assert (told["PrimaryEntityId"], told["InputParameters"]) == (room.order, [])
    assert len(body) < 256 * 1024


@pytest.mark.parametrize(
    ("mode", "heard_names"), [("send", ["a", "b"]), ("lose", []), ("double", ["a", "a", "b", "b"])]
)
def test_the_control_plane_has_them_lost_or_doubled(room, mode, heard_names):
    async def story(client):
        await client.ask("PATCH", "/_control/settings", {"webhooks": mode})
        for name in ("a", "b"):
            await book(client, room, name=name)

    listener = heard(room, story, messages=("Create",))
    names = [
        next(a["value"] for a in one["InputParameters"][0]["value"]["Attributes"] if a["key"] == "name")
        for one in listener.told
    ]
    assert sorted(names) == heard_names


def test_the_control_plane_holds_them_and_lets_them_go_the_last_first(room):
    async def story(client):
        await client.ask("PATCH", "/_control/settings", {"webhooks": "hold"})
        row = await book(client, room)
        await client.ask("PATCH", f"{TABLE}s({row})", {"endtime": "2026-11-24T11:00:00Z"})
        await client.ask("DELETE", f"{TABLE}s({row})")
        assert (await client.ask("POST", "/_control/actions/release-webhooks")).status == 204

    assert [one["MessageName"] for one in heard(room, story).told] == ["Delete", "Update", "Create"]


def test_names_are_exact_and_the_secret_is_never_given_back(room):
    async def story(client):
        assert (await client.ask("POST", "serviceendpoints", {"Name": "x"})).status == 400
        made = await register(client, "http://127.0.0.1:9/hook", "Create")
        assert "authvalue" not in made
        assert (await client.get("serviceendpoints?$select=authvalue")).status == 400
        assert (await client.get("serviceendpoints?$filter=authvalue eq 'x'")).status == 400
        # an endpoint that steps call cannot go before them
        assert (await client.ask("DELETE", f"serviceendpoints({made['serviceendpointid']})")).status == 405

    room.run(story)


def test_a_write_whose_answer_is_lost_is_told_all_the_same(room):
    async def story(client):
        await client.ask(
            "POST", "/_control/faults",
            msgspec.to_builtins(Fault(kind="truncated", match=Match(method="POST", path=f"{TABLE}s$"))),
        )  # fmt: skip
        with pytest.raises(Exception, match="payload"):
            await book(client, room)

    assert len(heard(room, story, messages=("Create",)).heard) == 1
