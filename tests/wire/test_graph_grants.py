"""Too large a grant is seen in the token: a role there reaches every mailbox of the tenant."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from fieldcal.calendars.graph.health import granted


def token(claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    ("held", "ok", "says"),
    [
        (token({"tid": "t"}), True, "no grant for the whole tenant"),
        (token({"roles": []}), True, "no grant for the whole tenant"),
        (token({"roles": ["User.Read"]}), True, "no grant for the whole tenant"),
        (token({"roles": ["Calendars.ReadWrite"]}), False, "Calendars.ReadWrite is granted for every mailbox"),
        (token({"roles": ["Mail.ReadWrite", "Files.Read.All"]}), False, "more is granted than is needed: Files.Read.All"),
        (token({"roles": "Calendars.ReadWrite"}), True, "no grant"),
        (token(["roles"]), True, "does not say"),
        ("opaque", True, "does not say"),
        ("a.%%%.c", True, "does not say"),
        ("", True, "does not say"),
    ],
)  # fmt: skip
def test_a_grant_for_the_whole_tenant_is_told(held: str, ok: bool, says: str) -> None:
    check = granted(held)
    assert (check.ok, says in check.detail) == (ok, True)
    assert bool(check.remedy) is not ok
    assert held == "" or held not in check.detail
