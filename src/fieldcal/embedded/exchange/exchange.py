"""The embedded Exchange put together: one line to have one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from fieldcal.embedded.control import Control, SandboxClock
from fieldcal.embedded.exchange.app import Front
from fieldcal.embedded.exchange.graph import Graph
from fieldcal.embedded.exchange.hands import Hands
from fieldcal.embedded.exchange.mailboxes import Directory, NewMailbox
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.throttle import Throttle
from fieldcal.embedded.faults import App
from fieldcal.embedded.tokens import TokenIssuer

DEFAULT_TENANT = UUID("5e4f0a52-1c0f-4b8b-9d6e-0a4c7b3f2d11")


def _nobody(_named: str) -> NewMailbox | None:
    return None


class Exchange:
    """Mailboxes in one database file, and the app that answers for them as Microsoft Graph does.

    `app` is the ASGI app with the control plane before it; serve it with `fieldcal.embedded.server`. `store` makes
    mailboxes, `hands` are the workers' own, `control` holds clock, settings, faults and ledger.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        tenant_id: UUID = DEFAULT_TENANT,
        clients: Mapping[str, str] | None = None,
        issuer: TokenIssuer | None = None,
        control: Control[Settings] | None = None,
        clock: SandboxClock | None = None,
        settings: Settings | None = None,
        sandbox: bool = False,
        organization: str = "Embedded",
        directory: Directory = _nobody,
    ) -> None:
        """`clients`: id to secret of who may sign in; or hand in an issuer that other systems share.

        `directory`: who else is to have a mailbox.
        """
        self.tenant_id = tenant_id
        self.control = control or Control(settings or Settings(), sandbox=sandbox, clock=clock)
        self.issuer = issuer or TokenIssuer(str(tenant_id), clients or {}, clock=self.control.clock)
        self.store = Store(path, clock=self.control.clock)
        self.hands = Hands(self.store)
        self.throttle = Throttle(self.control)
        self.control.actions["expire-delta-tokens"] = self.store.expire_delta_tokens
        graph = Graph(self.store, self.control, directory, tenant_id=tenant_id, organization=organization)
        front = Front(graph, self.store, self.throttle, self.control, self.issuer)
        self.app: App = self.control.wrap(front.app())

    def token(self, *, lifetime: int | None = None) -> str:
        """A bearer token that this Exchange takes, for whoever does not want to sign in; `lifetime` in seconds."""
        return self.issuer.grant("https://graph.microsoft.com", lifetime=lifetime)

    def close(self) -> None:
        """Give the database file back."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
