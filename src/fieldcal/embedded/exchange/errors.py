"""What Exchange refuses, and in which words.

Codes and messages as reported for Microsoft Graph; the shape is the one of
https://learn.microsoft.com/graph/errors. A client must branch on `code`, never on the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


class GraphError(Exception):
    """A request ends here: `status`, `code` and `message` become the answer's error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        #: further headers of the answer, such as Retry-After
        self.headers = dict(headers or {})
        #: further members of the error object, such as @event.existingEventId
        self.extra = dict(extra or {})


def error_body(error: GraphError, *, now: datetime, request_id: str, client_request_id: str) -> dict[str, Any]:
    """The `{"error": {...}}` object that Graph sends."""
    inner = {"date": now.strftime("%Y-%m-%dT%H:%M:%S"), "request-id": request_id}
    if client_request_id:
        inner["client-request-id"] = client_request_id
    return {"error": {"code": error.code, "message": error.message, **error.extra, "innerError": inner}}


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    return GraphError(400, code, message)


def body_unreadable(message: str) -> GraphError:
    return GraphError(400, "RequestBodyRead", message)


def validation_failed(message: str) -> GraphError:
    details = [{"code": "ErrorPropertyValidationFailure", "message": message}]
    return GraphError(
        400, "ErrorPropertyValidationFailure", "At least one property failed validation.", extra={"details": details}
    )


def invalid_request(message: str) -> GraphError:
    return GraphError(400, "ErrorInvalidRequest", message)


def zone_not_supported(name: str) -> GraphError:
    return GraphError(
        400,
        "TimeZoneNotSupportedException",
        f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'.",
    )


def item_not_found() -> GraphError:
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def id_malformed() -> GraphError:
    return GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def no_such_resource(path: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{path}'.")


def method_not_allowed(method: str) -> GraphError:
    return GraphError(
        405, "ErrorInvalidMethod", f"The OData request is not supported: {method} is not allowed on this resource."
    )


def key_used(existing_id: str | None) -> GraphError:
    """The create key belongs to other content; the id of its event comes along while that event lives."""
    extra = {"@event.existingEventId": existing_id} if existing_id else None
    return GraphError(
        400,
        "ErrorDuplicateTransactionId",
        "The TransactionId specified in the request has already been used to create a different event.",
        extra=extra,
    )


def conflict() -> GraphError:
    return GraphError(
        412,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the request "
        "does not match the current change key for the item.",
    )


def access_denied() -> GraphError:
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def sync_state_lost(generation: int, highest: int) -> GraphError:
    return GraphError(
        410,
        "SyncStateNotFound",
        f"The sync state generation is not found; generation={generation};[highest={highest}].",
    )


def mailbox_busy(retry_after: str) -> GraphError:
    return GraphError(
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        headers={"Retry-After": retry_after},
    )


def mailbox_rate_exceeded(retry_after: str) -> GraphError:
    return GraphError(
        429, "ApplicationThrottled", "Application is over its request limit.", headers={"Retry-After": retry_after}
    )


def app_rate_exceeded(retry_after: str) -> GraphError:
    return GraphError(
        429, "TooManyRequests", "Too many requests. Please retry later.", headers={"Retry-After": retry_after}
    )
