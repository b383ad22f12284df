"""Registers the booking webhook through the Web API: one service endpoint, one asynchronous step for each message.

The only room of the connector that writes, and only on an administrator's command (I9). Source:
https://learn.microsoft.com/en-us/power-apps/developer/data-platform/register-web-hook and the columns of
https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/entities/serviceendpoint
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from fieldcal.answer import Answer
from fieldcal.errors import ConnectorError, Denied, FieldcalError, Incomplete, Unreachable
from fieldcal.http import Http
from fieldcal.model import Registered
from fieldcal.ports import SECRET_HEADER
from fieldcal.sources.dataverse import wire
from fieldcal.sources.dataverse.reader import Reader, proven

_Row = TypeVar("_Row")

#: what every Fieldcal's registration begins with
PREFIX = "Fieldcal "
_WEBHOOK, _HTTP_HEADER, _FAILED = 8, 5, 31
_STEP = {"stage": 40, "mode": 1, "supporteddeployment": 0, "asyncautodelete": True}
#: The first columns are what D1 always follows; `statecode` is written when a booking is deactivated.
_FOLLOWED = ("starttime", "endtime", "resource", "bookingstatus", "msdyn_workorder", "statecode")
_PLACE = ("msdyn_latitude", "msdyn_longitude", "msdyn_worklocation")
#: what an event shows of a work order (R4, R11)
_SHOWN = (
    "msdyn_name", "msdyn_workordersummary", "msdyn_addressname", "msdyn_address1", "msdyn_address2", "msdyn_address3",
    "msdyn_postalcode", "msdyn_city", "msdyn_stateorprovince", "msdyn_country", "msdyn_timefrompromised",
    "msdyn_timetopromised", "msdyn_priority", "msdyn_workordertype", "msdyn_primaryincidenttype",
    "msdyn_reportedbycontact", "msdyn_serviceaccount", "msdyn_billingaccount",
)  # fmt: skip
_BOOKING, _WORK_ORDER = "bookableresourcebooking", "msdyn_workorder"
#: failed calls that are told
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One message of one table; of an update only these columns."""

    message: str
    table: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.message} of {self.table}"


def steps(*, follow_location: bool, follow_work_orders: bool) -> tuple[Step, ...]:
    """What has to be announced under these settings (D1)."""
    followed = _FOLLOWED + (_PLACE if follow_location else ())
    found = (Step("Create", _BOOKING), Step("Update", _BOOKING, followed), Step("Delete", _BOOKING))
    return (*found, Step("Update", _WORK_ORDER, _SHOWN)) if follow_work_orders else found


class _Endpoint(Struct, frozen=True):
    serviceendpointid: wire.Guid
    name: str | None = None
    url: str | None = None
    contract: int | None = None
    authtype: int | None = None


class _Message(Struct, frozen=True):
    sdkmessageid: wire.Guid


class _Filter(Struct, frozen=True):
    sdkmessagefilterid: wire.Guid


class _StepRow(Struct, frozen=True):
    id: wire.Guid = field(name="sdkmessageprocessingstepid")
    message: str | None = field(name="_sdkmessageid_value", default=None)
    narrowed: str | None = field(name="_sdkmessagefilterid_value", default=None)
    filteringattributes: str | None = None
    stage: int | None = None
    mode: int | None = None
    supporteddeployment: int | None = None
    asyncautodelete: bool | None = None
    statecode: int | None = None


class _Job(Struct, frozen=True):
    name: str | None = None
    message: str | None = None
    completedon: str | None = None


_ENDPOINTS = "serviceendpoints?$select=serviceendpointid,name,url,contract,authtype&$filter="
_STEPS = (
    "sdkmessageprocessingsteps?$select=sdkmessageprocessingstepid,_sdkmessageid_value,_sdkmessagefilterid_value,"
    "filteringattributes,stage,mode,supporteddeployment,asyncautodelete,statecode&$filter="
)
_JOBS = "asyncoperations?$select=name,message,completedon&$orderby=completedon desc&$filter="
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
    "Prefer": "return=representation",
}


class WebhookRegistrar:
    """The registration of one name in one organization, behind `ports.Registrar`. Closes `http`."""

    def __init__(self, http: Http, name: str, wanted: Sequence[Step]) -> None:
        self._http, self._name, self._wanted = http, PREFIX + name, wanted
        self._reader = Reader(http, 5000)

    async def look(self) -> Registered:
        ours, others = await self._endpoints()
        if not ours:
            return Registered("", ("nothing is registered",), None, others)
        first = ours[0]
        found = [f"the endpoint {one.name} stands there twice" for one in ours[1:]]
        if (first.contract, first.authtype) != (_WEBHOOK, _HTTP_HEADER):
            found.append("the endpoint is no webhook that sends its secret in a header")
        standing = await self._steps_of(first)
        matched, superfluous = await self._match(standing)
        found += [f"superfluous: a step of ours ({row.id})" for row in superfluous]
        for step, row in matched.items():
            found += [f"missing: {step}"] if row is None else [f"{step}: {what}" for what in _differing(step, row)]
        return Registered(first.url or "", tuple(found), await self._failed(standing), others)

    async def put(self, url: str, secret: str) -> Sequence[str]:
        ours, _ = await self._endpoints()
        values = {"name": self._name, "url": url, "contract": _WEBHOOK, "authtype": _HTTP_HEADER,
                  "authvalue": _settings(secret)}  # fmt: skip
        done: list[str] = []
        for extra in ours[1:]:
            await self._remove(extra)
            done.append("removed an endpoint that stood there twice")
        if ours:
            endpoint = ours[0].serviceendpointid
            await self._write("PATCH", f"serviceendpoints({endpoint})", values)
            await self._put_steps(ours[0], done)
            return [f"renewed the endpoint {self._name}, its address and its secret", *done]
        try:
            answer = await self._write("POST", "serviceendpoints", values)
            with proven(self._http.origin):
                made = _decoded(answer.body, _Endpoint)
            await self._put_steps(made, done)
        except FieldcalError as error:
            raise await self._undone(error) from error
        return [f"made the endpoint {self._name}", *done]

    async def take_back(self) -> int:
        ours, _ = await self._endpoints()
        return sum([await self._remove(endpoint) for endpoint in ours])

    async def close(self) -> None:
        await self._http.close()

    async def _undone(self, error: FieldcalError) -> FieldcalError:
        """The error of a first registration, with what became of its beginnings."""
        try:
            await self.take_back()
        except FieldcalError as second:
            left = f"the endpoint {self._name} may be left ({second}); run the command again, or `webhook remove`"
        else:
            left = "nothing is left of it"
        kind = type(error) if isinstance(error, ConnectorError) else Unreachable
        return kind(f"{error}; {left}")

    async def _put_steps(self, endpoint: _Endpoint, done: list[str]) -> None:
        matched, superfluous = await self._match(await self._steps_of(endpoint))
        for step, row in matched.items():
            columns = ",".join(step.attributes) or None
            values = {**_STEP, "name": f"{self._name}: {step}", "filteringattributes": columns}
            if row is None:
                await self._write("POST", "sdkmessageprocessingsteps", {**values, **await self._bound(step, endpoint)})
                done.append(f"made the step {step}")
            elif _differing(step, row):
                await self._write(
                    "PATCH", f"sdkmessageprocessingsteps({row.id})", {**values, "statecode": 0, "statuscode": 1}
                )
                done.append(f"repaired the step {step}")
        for row in superfluous:
            await self._delete(f"sdkmessageprocessingsteps({row.id})")
            done.append("removed a step that is not needed")

    async def _bound(self, step: Step, endpoint: _Endpoint) -> dict[str, object]:
        message, narrowed = await self._ids(step)
        return {
            "rank": 1,
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint.serviceendpointid})",
            "sdkmessageid@odata.bind": f"/sdkmessages({message})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({narrowed})",
        }

    async def _ids(self, step: Step) -> tuple[str, str]:
        """The organization's own ids of a message, and of the message about a table."""
        asked = f"sdkmessages?$select=sdkmessageid&$filter=name eq '{step.message}'"
        about = f"sdkmessageid/name eq '{step.message}' and primaryobjecttypecode eq '{step.table}'"
        messages = await self._rows(asked, _Message)
        filters = await self._rows(f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={about}", _Filter)
        if len(messages) != 1 or len(filters) != 1:
            raise Incomplete(f"{self._http.origin} does not know exactly one message {step}")
        return messages[0].sdkmessageid.lower(), filters[0].sdkmessagefilterid.lower()

    async def _match(self, standing: Sequence[_StepRow]) -> tuple[Mapping[Step, _StepRow | None], list[_StepRow]]:
        """For each step that should be the row that is it; and the rows that are none."""
        ids = {step: await self._ids(step) for step in self._wanted}
        left = list(standing)
        matched: dict[Step, _StepRow | None] = {}
        for step, wanted in ids.items():
            row = next((one for one in left if (_low(one.message), _low(one.narrowed)) == wanted), None)
            matched[step] = row
            if row is not None:
                left.remove(row)
        return matched, left

    async def _endpoints(self) -> tuple[list[_Endpoint], tuple[str, ...]]:
        """Ours by name, and the names of others of our kind."""
        asked = f"{_ENDPOINTS}startswith(name,'{PREFIX}') and contract eq {_WEBHOOK}"
        by_name = f"{_ENDPOINTS}name eq '{self._name}'"
        ours = sorted(await self._rows(by_name, _Endpoint), key=lambda one: one.serviceendpointid)
        others = [one for one in await self._rows(asked, _Endpoint) if one.name != self._name]
        return ours, tuple(sorted(one.name or "" for one in others))

    async def _steps_of(self, endpoint: _Endpoint) -> list[_StepRow]:
        return await self._rows(f"{_STEPS}_eventhandler_value eq {endpoint.serviceendpointid}", _StepRow)

    async def _failed(self, standing: Sequence[_StepRow]) -> tuple[str, ...] | None:
        terms = " or ".join(f"_owningextensionid_value eq {row.id}" for row in standing)
        if not terms:
            return ()
        try:
            jobs = await self._rows(f"{_JOBS}statuscode eq {_FAILED} and ({terms})", _Job)
        except Denied:
            return None
        return tuple(f"{job.completedon or '?'} {job.name or '?'}: {job.message or '?'}" for job in jobs[:_TOLD])

    async def _remove(self, endpoint: _Endpoint) -> int:
        """The steps first: an endpoint that steps call does not go."""
        standing = await self._steps_of(endpoint)
        for row in standing:
            await self._delete(f"sdkmessageprocessingsteps({row.id})")
        await self._delete(f"serviceendpoints({endpoint.serviceendpointid})")
        return len(standing) + 1

    async def _rows(self, wanted: str, row: type[_Row]) -> list[_Row]:
        asked, _, options = wanted.partition("?")
        path = self._reader.path(f"{asked}?{quote(options, safe='$=&,()/')}")
        return [one async for page in self._reader.pages(path, row) for one in page.value]

    async def _delete(self, path: str) -> None:
        await self._write("DELETE", path, None)

    async def _write(self, method: str, path: str, values: Mapping[str, object] | None) -> Answer:
        body = None if values is None else msgspec.json.encode(values)
        answer = await self._http.request(method, self._reader.path(path), headers=_HEADERS, body=body)
        gone = method == "DELETE" and answer.status == HTTPStatus.NOT_FOUND
        if not gone and not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._reader.refused(answer)
        return answer


def _settings(secret: str) -> str:
    """The `authvalue` of a header: XML, without whose exact form every call fails with 0x80050203."""
    return f'<settings><setting name="{SECRET_HEADER}" value="{escape(secret)}" /></settings>'


def _differing(step: Step, row: _StepRow) -> list[str]:
    """In what a step differs from what it should be, in words."""
    has = {name.strip() for name in (row.filteringattributes or "").split(",") if name.strip()}
    found = ["is disabled"] if row.statecode else []
    if has != set(step.attributes):
        found.append(f"listens to {','.join(sorted(has)) or 'any column'}, not to {','.join(step.attributes)}")
    other = [name for name, value in _STEP.items() if getattr(row, name) != value]
    return found + [f"has another {name}" for name in other]


def _low(text: str | None) -> str:
    return (text or "").lower()


def _decoded(body: bytes, row: type[_Row]) -> _Row:
    try:
        return msgspec.json.decode(body, type=row)
    except (msgspec.DecodeError, RecursionError) as error:
        raise wire.Malformed(str(error)[:200]) from None
