"""The identity endpoint that Azure offers to what runs there: of a virtual machine (IMDS) and of App Service.

Shapes: https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token and
https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fieldcal.embedded.tokens import TokenIssuer

IMDS_PATH, APP_SERVICE_PATH = "/metadata/identity/oauth2/token", "/msi/token"


@dataclass(frozen=True, slots=True)
class Identities:
    """Client ids of the identities that a machine has; `system` is "" where it has none of its own."""

    system: str = ""
    assigned: Sequence[str] = ()

    def chosen(self, client_id: str) -> str:
        """The identity that a request means, "" for one that is not here."""
        if not client_id:
            return self.system
        return client_id if client_id in self.assigned else ""


def identity_routes(issuer: TokenIssuer, identities: Identities, header: str) -> list[Route]:
    """Both endpoints; `header` is the value that App Service hands to its apps as IDENTITY_HEADER."""

    async def imds(request: Request) -> Response:
        if request.headers.get("metadata") != "true" or "x-forwarded-for" in request.headers:
            return _refused("Required metadata header not specified")
        return _answer(issuer, identities, request, "2018-02-01")

    async def app_service(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("x-identity-header", "").encode(), header.encode()):
            return JSONResponse({"statusCode": 401, "message": "Unauthorized"}, 401)
        return _answer(issuer, identities, request, "2019-08-01")

    return [Route(IMDS_PATH, imds), Route(APP_SERVICE_PATH, app_service)]


def _answer(issuer: TokenIssuer, identities: Identities, request: Request, version: str) -> Response:
    asked = request.query_params
    if asked.get("api-version") != version or not asked.get("resource"):
        return _refused("The api-version or the resource is missing")
    client = identities.chosen(asked.get("client_id", ""))
    if not client:
        return _refused("Identity not found")
    now = int(issuer.clock.now().timestamp())
    return JSONResponse(
        {
            "access_token": issuer.grant(asked["resource"], client_id=client),
            "client_id": client,
            "expires_in": str(issuer.lifetime),
            "expires_on": str(now + issuer.lifetime),
            "not_before": str(now),
            "resource": asked["resource"],
            "token_type": "Bearer",
        }
    )


def _refused(text: str) -> Response:
    return JSONResponse({"error": "invalid_request", "error_description": text}, 400)
