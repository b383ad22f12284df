"""What the Web API refuses, in Dataverse's shape: an HTTP status, a hexadecimal code, one message.

Codes: https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/web-service-error-codes
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NOT_FOUND = "0x80040217"
NO_PRIVILEGE = "0x80040220"
INVALID_ARGUMENT = "0x80040203"
ASSOCIATED = "0x80040227"
INVALID_PAYLOAD = "0x80048d19"
TOO_LONG = "0x80044331"
TOO_EARLY = "0x80040239"
VERSION_MISMATCH = "0x80060882"
DUPLICATE = "0x80040237"
EXPAND_OPTIONS = "0x80060888"
TOKEN_EXPIRED = "0x80044352"  # noqa: S105 - the code of ExpiredVersionStamp, no secret
UNKNOWN_NAME = "0x8006088a"
UNSPECIFIC = "0x0"


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        """`headers` go with the answer, such as `Retry-After`."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON body."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message}})


def bad_request(message: str, code: str = UNSPECIFIC) -> Refused:
    """400 with the code that OData's own parsing errors have."""
    return Refused(400, code, message)


def unknown_property(name: str, table: str) -> Refused:
    """400 for a property or navigation name that the table does not have (names are case-sensitive)."""
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def does_not_exist(table: str, row_id: str) -> Refused:
    """404 for a row that is not there."""
    return Refused(404, NOT_FOUND, f"Entity '{table}' With Id = {row_id} Does Not Exist")
