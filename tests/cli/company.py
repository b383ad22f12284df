"""A small company behind both embedded ends, served as other people's servers are: by address and token."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.cli.conftest import Fieldcal
from yarl import URL

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.sample import Sample, SampleBooking, load_sample
from fieldcal.embedded.server import serving_in_thread
from fieldcal.state.database import Database

ENVIRONMENT, PROFILE = "main", "exchange"
YES = ("--all", "--yes")


class Company:
    """Both ends with the sample organization in them, and the state of a Fieldcal that is attached to them."""

    def __init__(
        self, folder: Path, field_service: FieldService, exchange: Exchange, urls: tuple[str, str], sample: Sample
    ) -> None:
        self.folder, self.field_service, self.exchange, self.sample = folder, field_service, exchange, sample
        self.source_url, self.graph_url = urls

    def sign_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tokens for both ends, where the commands look for them."""
        monkeypatch.setenv("SOURCE_TOKEN", self.field_service.tokens.grant(self.source_url, lifetime=86_400))
        monkeypatch.setenv("GRAPH_TOKEN", self.exchange.token())

    def attach(self, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> None:
        """What an administrator types, up to the first look at the source."""
        self.sign_in(monkeypatch)
        source = ("--url", self.source_url, "--secret", "env:SOURCE_TOKEN")
        graph = ("--url", self.graph_url, "--secret", "env:GRAPH_TOKEN")
        for words in (
            ("environment", "add", ENVIRONMENT, *source),
            ("profile", "add", PROFILE, *graph),
            ("sync", "--dry-run"),
        ):
            assert fieldcal(*words).status == 0

    def set_up(self, fieldcal: Fieldcal) -> None:
        """Every mailbox: edited, approved, tested, switched on."""
        for words in (
            ("edit", *YES, "--profile", PROFILE, "--method", "server-side-sync"), ("approve", *YES), ("test", *YES),
        ):  # fmt: skip
            said = fieldcal("mailbox", *words)
            assert said.status == 0, said.err

    def set_up_after_loss(self, fieldcal: Fieldcal) -> None:
        """Set up again where claims of an installation that is gone stand: each calendar is taken over."""
        for words in (
            ("edit", *YES, "--profile", PROFILE, "--method", "server-side-sync"), ("approve", *YES),
        ):  # fmt: skip
            assert fieldcal("mailbox", *words).status == 0
        said = fieldcal("mailbox", "claim", *YES, "--take-over")
        assert said.status == 0, said.err
        assert fieldcal("mailbox", "test", *YES).status == 0

    @contextmanager
    def state(self) -> Iterator[Database]:
        database = Database(f"sqlite:///{self.folder / 'data' / 'state.sqlite3'}")
        try:
            yield database
        finally:
            database.close()

    def events(self) -> dict[str, list[StoredEvent]]:
        """What stands in each calendar, by the mailbox's object id."""
        return {box.object_id: self.exchange.hands.look(box.object_id) for box in self.sample.mailboxes}

    def requests(self) -> tuple[int, int]:
        return self.field_service.control.count(), self.exchange.control.count()

    def coming(self) -> list[SampleBooking]:
        """Firm bookings of technicians with a mailbox that begin tomorrow or later and lie in the window."""
        now = datetime.now(UTC)
        return [
            booking
            for booking in self.sample.bookings
            if booking.kind == "job" and booking.status == "Scheduled"
            and now + timedelta(hours=12) < booking.start < now + timedelta(days=12)
        ]  # fmt: skip

    def mailbox_of(self, booking: SampleBooking) -> str:
        return self.sample.mailboxes[self.sample.technicians.index(booking.worker)].object_id


ENDS = ("fieldservice.db", "exchange.db")


@dataclass
class Kept:
    """A company as it was once attached and set up: others begin with a copy of it, one after another at its addresses.

    What an administrator types until then takes a quarter of a second, and is the same for a hundred tests.
    """

    folder: Path
    sample: Sample | None = None
    ports: tuple[int, int] = (0, 0)

    def keep(self, company: Company) -> None:
        shutil.copytree(company.folder / "data", self.folder / "data")
        for name in ENDS:
            with (
                closing(sqlite3.connect(company.folder / name)) as served,
                closing(sqlite3.connect(self.folder / name)) as to,
            ):
                served.backup(to)
        self.ports = (URL(company.source_url).port or 0, URL(company.graph_url).port or 0)
        self.sample = company.sample

    def can_be_served(self) -> bool:
        """Whether there is one, and nobody else listens at its addresses."""
        try:
            for port in self.ports:
                with socket.socket() as tried:
                    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return self.sample is not None


@contextmanager
def company(folder: Path, *, workers: int = 3, bookings: int = 45, kept: Kept | None = None) -> Iterator[Company]:
    """Serve a fresh company from this folder in threads while the block runs, or a copy of the one that is kept."""
    if kept:
        shutil.copytree(kept.folder, folder, dirs_exist_ok=True)
    with ExitStack() as stack:
        field_service = FieldService(folder / ENDS[0], tenant_id=str(DEFAULT_TENANT), sandbox=True)
        stack.callback(field_service.close)
        exchange = stack.enter_context(Exchange(folder / ENDS[1], sandbox=True))
        sample = kept.sample if kept else None
        if sample is None:
            sample = load_sample(field_service.store, workers=workers, bookings=bookings)
            exchange.store.mailboxes.add(
                NewMailbox(UUID(box.object_id), box.address, box.name, box.address, zone=box.zone)
                for box in sample.mailboxes
            )
        ports = kept.ports if kept else (0, 0)
        source, graph = (
            stack.enter_context(serving_in_thread(end.app, port=port))
            for end, port in zip((field_service, exchange), ports, strict=True)
        )
        yield Company(folder, field_service, exchange, (source, graph), sample)
