"""`$batch`: up to twenty requests in one, each with its own fate.

https://learn.microsoft.com/graph/json-batching. Items without dependencies are carried out up to four at a time, as
Outlook does it; with any dependency one after the other. Answers come in any order.
"""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from fieldcal.embedded.control import Control, Item
from fieldcal.embedded.exchange.call import Answer, Call, make_call
from fieldcal.embedded.exchange.errors import GraphError, bad_request, error_body
from fieldcal.embedded.exchange.graph import Graph
from fieldcal.embedded.exchange.mailboxes import Mailbox
from fieldcal.embedded.exchange.settings import Settings
from fieldcal.embedded.exchange.store import Store
from fieldcal.embedded.exchange.throttle import Throttle
from fieldcal.embedded.faults import Fault, Scope

LARGEST = 20
ABREAST = 4
JSON_TYPE = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"
_ORIGIN = re.compile(r"https?://[^/]+", re.IGNORECASE)
_VERSION = re.compile(r"/?v1\.0(?=/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a batch, parsed as far as the batch itself needs it."""

    id: str
    call: Call
    after: tuple[str, ...]
    #: the decoded address, as the ledger and the rules for faults name it
    shown: str
    #: the address as it came
    raw: str


@dataclass(frozen=True, slots=True)
class Running:
    """A line on its way: the mailbox it holds a place on, the fault planted on it, or the refusal it already has."""

    line: Line
    mailbox: Mailbox | None
    fault: Fault | None
    refused: GraphError | None


class Batches:
    """Carries batches out; every line is written into the ledger."""

    def __init__(self, graph: Graph, store: Store, throttle: Throttle, control: Control[Settings]) -> None:
        self._graph = graph
        self._store = store
        self._throttle = throttle
        self._control = control

    async def answer(self, payload: Any, base: str, scope: Scope, request_id: str) -> dict[str, Any]:
        """The `{"responses": [...]}` of a batch; a malformed one is refused whole."""
        lines = read_batch(payload, base)
        ordered = any(line.after for line in lines)
        waiting = self._waits()
        width = (1 if ordered else ABREAST) if waiting else LARGEST
        answers: dict[str, Answer] = {}
        faults: dict[str, str] = {}
        for start in range(0, len(lines), width):
            await self._carry_out(lines[start : start + width], answers, faults, request_id)
        for line in lines:
            status, prefer = answers[line.id].status, line.call.headers.get("prefer", "")
            item = Item(line.call.method, line.shown, status, faults.get(line.id), line.raw, prefer)
            self._control.item(scope, item)
        return {"responses": [_response(*each) for each in _shuffled(list(answers.items()))]}

    async def _carry_out(
        self, lines: Sequence[Line], answers: dict[str, Answer], faults: dict[str, str], request_id: str
    ) -> None:
        """Carry lines out together: one wait, then one transaction in which each still succeeds or fails alone."""
        if not self._waits():
            with self._store.database.transaction():
                self._foresee(lines)
                for line in lines:
                    running = self._begin(line)
                    answers[line.id] = self._finish(running, answers, request_id)
                    self._end(running)
            return
        abreast = [self._begin(line) for line in lines]
        faults |= {running.line.id: running.fault.kind for running in abreast if running.fault}
        slowest = max((running.fault.seconds for running in abreast if running.fault), default=0.0)
        try:
            await asyncio.sleep(self._control.settings.latency + slowest)
            with self._store.database.transaction():
                for running in abreast:
                    answers[running.line.id] = self._finish(running, answers, request_id)
        finally:
            for running in abreast:
                self._end(running)

    def _waits(self) -> bool:
        """Whether anything takes time; if nothing does, a whole batch is one transaction."""
        return self._control.settings.latency > 0 or bool(self._control.faults())

    def _foresee(self, lines: Sequence[Line]) -> None:
        keys: set[tuple[int, str]] = set()
        for line in lines:
            key = line.call.body.get("transactionId") if isinstance(line.call.body, dict) else None
            if isinstance(key, str) and (mailbox := self._graph.mailbox_of(line.call)) is not None:
                keys.add((mailbox.row, key))
        if keys:
            self._store.events.foresee(keys)

    def _begin(self, line: Line) -> Running:
        mailbox = self._graph.mailbox_of(line.call)
        call = line.call
        fault = None
        if self._control.faults():
            body = b"" if call.body is None else msgspec.json.encode(call.body)
            fault = self._control.item_fault(call.method, line.shown, body)
        try:
            self._throttle.enter(mailbox and mailbox.row)
        except GraphError as refusal:
            return Running(line, mailbox, fault, refusal)
        return Running(line, mailbox, fault, None)

    def _finish(self, running: Running, answers: Mapping[str, Answer], request_id: str) -> Answer:
        line = running.line
        try:
            _check_dependencies(line, answers)
            if running.refused is not None:
                return self._refusal(running.refused, line.call, request_id)
            if running.fault is not None:
                return self._faulty(running.fault, running)
            return self._graph.answer(line.call, running.mailbox)
        except GraphError as refusal:
            return self._refusal(refusal, line.call, request_id)

    def _end(self, running: Running) -> None:
        if running.refused is None:
            self._throttle.leave(running.mailbox and running.mailbox.row)

    def _refusal(self, refusal: GraphError, call: Call, request_id: str) -> Answer:
        asked = call.headers.get("client-request-id", "")
        body = error_body(refusal, now=self._store.now(), request_id=request_id, client_request_id=asked)
        return Answer(refusal.status, body, refusal.headers)

    def _faulty(self, fault: Fault, running: Running) -> Answer:
        """What a planted fault makes of one line; a lost connection to Outlook shows as 504."""
        call = running.line.call
        match fault.kind:
            case "status":
                return Answer(fault.status, _json_or_text(fault.error_body()), dict(fault.headers))
            case "drop_before":
                raise GraphError(504, "UnknownError", "")
            case "drop_after":
                self._graph.answer(call, running.mailbox)
                raise GraphError(504, "UnknownError", "")
            case "garbage":
                return Answer(200, "PGh0bWw+QSBwcm94eSB3YXMgaGVyZTwvaHRtbD4=")
            case "empty_page":
                return Answer(200, {"value": []})
            case "truncated" | "short_page":
                whole = self._graph.answer(call, running.mailbox)
                return Answer(whole.status, _halved(whole.body), whole.headers)
            case _:
                return self._graph.answer(call, running.mailbox)


def read_batch(payload: Any, base: str) -> list[Line]:
    """The lines of a batch. Raises 400 for one that is malformed, whatever its single lines ask for."""
    requests = payload.get("requests") if isinstance(payload, Mapping) else None
    if not isinstance(requests, list) or not requests:
        raise bad_request("Invalid batch payload format.")
    if len(requests) > LARGEST:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {LARGEST}.")
    lines: list[Line] = []
    known: dict[str, str] = {}
    for request in requests:
        line = _line(request, base)
        if line.id.casefold() in known:
            raise bad_request(f"The request id '{line.id[:60]}' is not unique in the batch.")
        if any(name.casefold() not in known for name in line.after):
            raise bad_request(f"Invalid dependency for request Id: {line.id[:60]}")
        known[line.id.casefold()] = line.id
        after = tuple(known[name.casefold()] for name in line.after)
        lines.append(replace(line, after=after))
    return lines


def _line(request: Any, base: str) -> Line:
    if not isinstance(request, Mapping):
        raise bad_request("Invalid batch payload format.")
    named, method, url = request.get("id"), request.get("method"), request.get("url")
    if not isinstance(named, str) or not named or not isinstance(method, str) or not isinstance(url, str) or not url:
        raise bad_request("Invalid batch payload format: each request needs an id, a method and a url.")
    after = request.get("dependsOn") or []
    given = request.get("headers") or {}
    if not isinstance(after, list) or not isinstance(given, Mapping):
        raise bad_request("Invalid batch payload format: headers is an object and dependsOn a list.")
    headers = {str(name).lower(): str(value) for name, value in given.items()}
    inner = _VERSION.sub("", _ORIGIN.sub("", url, count=1), count=1)
    path, _, query = inner.partition("?")
    shown = f"/v1.0/{unquote(path).lstrip('/')}" + (f"?{unquote_plus(query)}" if query else "")
    call = make_call(method, inner, headers, request.get("body"), base)
    return Line(named, call, tuple(map(str, after)), shown, url)


def _check_dependencies(line: Line, answers: Mapping[str, Answer]) -> None:
    for name in line.after:
        if answers[name].status >= 400:  # noqa: PLR2004 # what HTTP calls a failure
            raise GraphError(424, "FailedDependency", f"The request {name}, on which this one depends, failed.")


def _response(named: str, answer: Answer) -> dict[str, Any]:
    headers = {"Cache-Control": "private", **answer.headers}
    if answer.body is not None:
        headers["Content-Type"] = JSON_TYPE
    return {"id": named, "status": answer.status, "headers": headers, "body": answer.body}


def _shuffled(answers: list[tuple[str, Answer]]) -> list[tuple[str, Answer]]:
    """The same batch always comes back in the same disorder."""
    seed = zlib.crc32("\n".join(named for named, _ in answers).encode())
    random.Random(seed).shuffle(answers)  # noqa: S311 # disorder, not secrecy
    return answers


def _json_or_text(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode()


def _halved(body: Any) -> Any:
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        kept = {name: value for name, value in body.items() if name != "@odata.nextLink"}
        return {**kept, "value": body["value"][: len(body["value"]) // 2]}
    return "eyJAb2RhdGEuY29udGV4dCI6"
