"""The embedded field service in one piece: store, sign-in, control plane, and the app under `/api/data/v9.2/`."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fieldcal.embedded.control import Control, SandboxClock
from fieldcal.embedded.faults import App
from fieldcal.embedded.fieldservice.call import Answer, Call, json_answer, read_address, refusal
from fieldcal.embedded.fieldservice.commands import answer_delete, answer_patch, answer_post
from fieldcal.embedded.fieldservice.definitions import read_definitions, service_document
from fieldcal.embedded.fieldservice.errors import NO_PRIVILEGE, UNKNOWN_NAME, UNSPECIFIC, Refused
from fieldcal.embedded.fieldservice.queries import answer_get
from fieldcal.embedded.fieldservice.seed import seed
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings, Limits, privileges
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.tables import SCHEMA
from fieldcal.embedded.fieldservice.webhooks import Webhooks
from fieldcal.embedded.tokens import TokenIssuer, TokenRefused, origin_of
from fieldcal.errors import StateAway, one_line

log = structlog.get_logger()

MAX_BODY = 16 * 1024 * 1024
METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]
_PRIVILEGES = "systemusers({})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
_FUNCTION = re.compile(r"(\w+)(?:\(.*\))?$")


class FieldService:
    """One organization. `app` is served by anything that speaks ASGI; `close` when it is served no more."""

    def __init__(
        self,
        path_or_url: str | Path,
        *,
        organization_id: str | None = None,
        tenant_id: str | None = None,
        name: str = "Fieldcal",
        clients: Mapping[str, str] | None = None,
        sandbox: bool = False,
        clock: SandboxClock | None = None,
        key: bytes | None = None,
    ) -> None:
        """Open or make the database. Ids that are not given are kept or made.

        `clients` (id to secret) may sign in; `tokens.grant` gives a token without. `key` keeps tokens valid over
        a restart. ValueError where the database belongs to another organization.
        """
        self.control = Control(FieldServiceSettings(), sandbox=sandbox, clock=clock)
        self.store = Store(path_or_url, self.control.clock)
        try:
            self.organization_id = seed(self.store, organization_id, name)
        except BaseException:
            self.store.close()
            raise
        self.tenant_id = tenant_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"tenant of {self.organization_id}"))
        self.name = name
        self.tokens = TokenIssuer(self.tenant_id, clients or {}, clock=self.control.clock, key=key)
        self.control.actions["expire-delta-tokens"] = self.store.expire_tokens
        self._limits = Limits(self.control.clock)
        # One thread: SQLite writes one at a time anyhow, and the loop stays free for other requests.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="field-service")
        routes = [Route("/api/data/{version}/{path:path}", self._serve, methods=METHODS), *self.tokens.routes()]
        #: tells registered webhooks of what the API has committed
        self.webhooks = Webhooks(self.store, self.control, self.organization_id, self._worker)
        self.control.actions["release-webhooks"] = self.webhooks.release
        self.app: App = self.control.wrap(Starlette(routes=routes))

    def close(self) -> None:
        """Finish what is running and close the database."""
        self._worker.shutdown()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def most_at_once(self) -> int:
        """The most requests that one caller had under way at once."""
        return self._limits.most_at_once

    async def _serve(self, request: Request) -> Response:
        try:
            claims = self.tokens.check_request(request)
        except TokenRefused as error:
            return self._unauthorized(request, str(error))
        body = await request.body()
        if len(body) > MAX_BODY:
            return _response(refusal(Refused(413, "0x80044326", "The request is too large.")))
        headers = {name: ",".join(request.headers.getlist(name)) for name in request.headers}
        base = f"{origin_of(request)}/api/data/{request.path_params['version']}/"
        path = request.path_params["path"]
        call = Call(request.method, base, path, request.url.query, headers, body, claims.appid)
        try:
            began = self._limits.enter(self.control.settings, call.caller)
        except Refused as error:
            return _response(refusal(error))
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._worker, self.answer, call)
        finally:
            self._limits.leave(call.caller, began)
        self.webhooks.wake(request.url.netloc)
        return _response(answer)

    def answer(self, call: Call) -> Answer:
        """Carry one request out and answer it, errors included. Blocking."""
        try:
            return self._dispatch(call)
        except Refused as error:
            return refusal(error)
        except StateAway as error:
            reason = one_line(error.said or error, 1000)
            log.warning(
                "the field service's database is away", action="field_service_away", path=call.path, reason=reason
            )
            words = "The organization's database cannot be reached at this moment."
            return refusal(Refused(503, UNSPECIFIC, words, {"retry-after": "5"}))

    def _dispatch(self, call: Call) -> Answer:
        special = self._special(call) if call.method == "GET" else None
        if special is not None:
            return special
        if call.path == "$batch":
            text = "The embedded field service takes no $batch; send the requests one by one."
            raise Refused(501, UNKNOWN_NAME, text)
        address = read_address(SCHEMA, call.path)
        match call.method:
            case "GET":
                return answer_get(self.store, self.control.settings, call, address)
            case "POST":
                return answer_post(self.store, call, address)
            case "PATCH":
                return answer_patch(self.store, call, address)
            case "DELETE":
                return answer_delete(self.store, call, address)
            case _:
                raise Refused(405, NO_PRIVILEGE, f"The method {call.method} is not supported here.")

    def _special(self, call: Call) -> Answer | None:
        """Functions and metadata: what is not a table."""
        context = f"{call.base}$metadata#"
        if call.path == "":
            return json_answer({"@odata.context": context.removesuffix("#"), **service_document(SCHEMA)})
        if call.path.startswith("EntityDefinitions"):
            found = read_definitions(SCHEMA, self.control.settings, call.path, call.query_string)
            return json_answer({"@odata.context": context + "EntityDefinitions", **found})
        match = _FUNCTION.match(call.path)
        match match[1] if match else "":
            case "WhoAmI":
                who = {"BusinessUnitId": self._unit, "UserId": _user(call), "OrganizationId": self.organization_id}
                return json_answer({"@odata.context": context + "Microsoft.Dynamics.CRM.WhoAmIResponse", **who})
            case "RetrieveCurrentOrganization":
                kind = "Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse"
                return json_answer({"@odata.context": context + kind, "Detail": self._detail(call)})
            case _:
                return self._privileges(context) if call.path == _PRIVILEGES.format(_user(call)) else None

    def _privileges(self, context: str) -> Answer:
        """What the caller may do, in the shape of `RetrieveUserPrivileges`."""
        names = privileges(self.control.settings, (table.name for table in SCHEMA.tables))
        rows = [
            {"Depth": "Global", "PrivilegeId": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "BusinessUnitId": self._unit,
             "PrivilegeName": name, "RecordFilterId": str(uuid.UUID(int=0)), "RecordFilterUniqueName": ""}
            for name in names
        ]  # fmt: skip
        kind = "Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse"
        return json_answer({"@odata.context": context + kind, "RolePrivileges": rows})

    @property
    def _unit(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"unit of {self.organization_id}"))

    def _detail(self, call: Call) -> dict[str, object]:
        origin = call.base.partition("/api/data/")[0]
        return {
            "OrganizationId": self.organization_id,
            "FriendlyName": self.name,
            "OrganizationVersion": "9.2.0.0",
            "EnvironmentId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"environment of {self.organization_id}")),
            "DatacenterId": "00000000-0000-0000-0000-000000000000",
            "Geo": "EMBEDDED",
            "TenantId": self.tenant_id,
            "UrlName": re.sub(r"\W+", "-", self.name.lower()),
            "UniqueName": re.sub(r"\W+", "", self.name.lower()),
            "Endpoints": {
                "Count": 1,
                "IsReadOnly": True,
                "Keys": ["WebApplication"],
                "Values": [origin + "/"],
            },
            "SchemaType": "Full",
            "OrganizationType": "Customer",
            "State": "Enabled",
        }

    def _unauthorized(self, request: Request, why: str) -> Response:
        origin = origin_of(request)
        challenge = f"Bearer authorization_uri={origin}/{self.tenant_id}/oauth2/authorize, resource_id={origin}/"
        refused = Refused(401, "0x80040220", f"Unauthorized: {why}", {"www-authenticate": challenge})
        return _response(refusal(refused))


def _user(call: Call) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"user {call.caller}"))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers={"odata-version": "4.0", **answer.headers})
