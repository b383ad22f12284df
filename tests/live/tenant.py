"""Where the real tenant is, as environment variables say it, and hands that ask it past the product."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fieldcal import signin
from fieldcal.clock import SystemClock
from fieldcal.http import Credential, Http, TokenCredential
from fieldcal.secrets import Secrets, is_reference
from fieldcal.setup_model import Endpoint

GO = "FIELDCAL_LIVE"
GRAPH, DATAVERSE = "https://graph.microsoft.com", ""
#: seconds for one request of the hands
PATIENCE = 60
#: name -> what it says; docs/live-suite.md tells them to people
VARIABLES = {
    GO: "1, or nothing is done",
    "FIELDCAL_LIVE_TEST_MAILBOX": "address or object id of a mailbox that nobody uses",
    "FIELDCAL_LIVE_TENANT": "the tenant's id",
    "FIELDCAL_LIVE_CREDENTIAL": "secret (the default), certificate, managed-identity, workload-identity or token",
    "FIELDCAL_LIVE_CLIENT_ID": "the application's id",
    "FIELDCAL_LIVE_SECRET": "env:NAME or file:PATH of the secret, certificate or federated token",
    "FIELDCAL_LIVE_AUTHORITY": "where sign-in is done, outside the worldwide cloud",
    "FIELDCAL_LIVE_GRAPH": f"Graph's address ({GRAPH})",
    "FIELDCAL_LIVE_GRAPH_SECRET": "with the credential token: env:NAME or file:PATH of Graph's token",
    "FIELDCAL_LIVE_DATAVERSE": "the organization's address; without it the source is left out",
    "FIELDCAL_LIVE_DATAVERSE_SECRET": "with the credential token: env:NAME or file:PATH of Dataverse's token",
    "FIELDCAL_LIVE_CA": "a PEM file of authorities to trust besides the system's",
}


class Refused(Exception):
    """The suite will not run; says in one line why and what to set."""


@dataclass(frozen=True)
class Tenant:
    """A tenant that may be asked."""

    given: Mapping[str, str]

    @staticmethod
    def named(environment: Mapping[str, str] = os.environ) -> Tenant:
        """As the variables say; raises `Refused` unless everything that is needed is there."""
        given = {name: environment.get(name, "").strip() for name in VARIABLES}
        if given[GO] != "1":
            raise Refused(f"the live suite writes into a real mailbox; set {GO}=1 if that is what you want")
        needed = ["FIELDCAL_LIVE_TEST_MAILBOX"]
        if given["FIELDCAL_LIVE_CREDENTIAL"] == "token":
            needed.append("FIELDCAL_LIVE_GRAPH_SECRET")
            needed += ["FIELDCAL_LIVE_DATAVERSE_SECRET"] if given["FIELDCAL_LIVE_DATAVERSE"] else []
        elif given["FIELDCAL_LIVE_CREDENTIAL"] != "managed-identity":
            needed += ["FIELDCAL_LIVE_TENANT", "FIELDCAL_LIVE_CLIENT_ID", "FIELDCAL_LIVE_SECRET"]
        if missing := [name for name in needed if not given[name]]:
            raise Refused(f"set {', '.join(missing)} ({'; '.join(VARIABLES[name] for name in missing)})")
        for name in needed:
            if name.endswith("SECRET") and not is_reference(given[name]):
                raise Refused(f"{name}: write env:NAME or file:PATH, never the secret itself")
        return Tenant(given)

    @property
    def mailbox(self) -> str:
        return self.given["FIELDCAL_LIVE_TEST_MAILBOX"]

    @property
    def has_source(self) -> bool:
        return bool(self.given["FIELDCAL_LIVE_DATAVERSE"])

    def address(self, which: str) -> str:
        return (self.given[f"FIELDCAL_LIVE_{which}"] or GRAPH).rstrip("/")

    def credential(self, which: str) -> Credential:
        """A sign-in of its own, as the product signs in."""
        kind, secrets = self.given["FIELDCAL_LIVE_CREDENTIAL"] or "secret", Secrets([])
        if kind == "token":
            return TokenCredential(lambda: secrets.resolve(self.given[f"FIELDCAL_LIVE_{which}_SECRET"]))
        end = Endpoint(
            self.address(which), self.given["FIELDCAL_LIVE_AUTHORITY"], self.given["FIELDCAL_LIVE_TENANT"], kind,
            self.given["FIELDCAL_LIVE_CLIENT_ID"], self.given["FIELDCAL_LIVE_SECRET"],
        )  # fmt: skip
        if wrong := signin.mistakes(end):
            raise Refused("; ".join(wrong))
        return signin.credential(end, secrets, SystemClock(), self.trust)

    def trust(self) -> ssl.SSLContext | None:
        extra = self.given["FIELDCAL_LIVE_CA"]
        if not extra:
            return None
        context = ssl.create_default_context()
        context.load_verify_locations(extra)
        return context

    def http(self, which: str) -> Http:
        """The product's own client, signed in as the product signs in."""
        return Http(self.address(which), self.credential(which), SystemClock(), tls=self.trust())


@dataclass(frozen=True)
class Answer:
    """What came back to the hands."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The error's code, "" where there is none."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return str(error.get("code", "")) if isinstance(error, dict) else ""

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.code}".strip()


class Hands:
    """Asks one end past the product, without its promises. Blocks; may be used inside a running loop."""

    def __init__(self, tenant: Tenant, which: str) -> None:
        self._tenant, self._which = tenant, which
        self.base = tenant.address(which)

    @cached_property
    def _token(self) -> str:
        # a loop may run in this thread already
        with ThreadPoolExecutor(1) as other:
            return other.submit(lambda: asyncio.run(self._tenant.credential(self._which).token())).result()

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, signed: bool = True
    ) -> Answer:
        url = path if path.startswith(("http://", "https://")) else self.base + path
        if not url.startswith(self.base):
            raise Refused(f"{self.base} points to an address outside itself")
        sent = {"Content-Type": "application/json", **(headers or {})}
        if signed:
            sent["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE, context=self._tenant.trust()) as told:
                return Answer(told.status, told.headers, _decoded(told.read()))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, refusal.headers, _decoded(refusal.read()))


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
