"""A small company behind both embedded ends, served as other people's servers are: by address and token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.cli.conftest import Fieldcal

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

    def attach(self, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> None:
        """What an administrator types, up to the first look at the source."""
        monkeypatch.setenv("SOURCE_TOKEN", self.field_service.tokens.grant(self.source_url, lifetime=86_400))
        monkeypatch.setenv("GRAPH_TOKEN", self.exchange.token())
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


@contextmanager
def company(folder: Path, *, workers: int = 3, bookings: int = 45) -> Iterator[Company]:
    """Serve a fresh company from this folder in threads while the block runs."""
    with ExitStack() as stack:
        field_service = FieldService(folder / "fieldservice.db", tenant_id=str(DEFAULT_TENANT), sandbox=True)
        stack.callback(field_service.close)
        exchange = stack.enter_context(Exchange(folder / "exchange.db", sandbox=True))
        sample = load_sample(field_service.store, workers=workers, bookings=bookings)
        exchange.store.mailboxes.add(
            NewMailbox(UUID(box.object_id), box.address, box.name, box.address, zone=box.zone)
            for box in sample.mailboxes
        )
        urls = tuple(stack.enter_context(serving_in_thread(end.app)) for end in (field_service, exchange))
        yield Company(folder, field_service, exchange, (urls[0], urls[1]), sample)
