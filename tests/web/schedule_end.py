"""A centre that schedules in the embedded Field Service, and who works there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.schedule.shop import Shop
from tests.web.centre_end import OPERATOR, Browser, Centre

from fieldcal.schedule.desk import Desk
from fieldcal.setup import environments
from fieldcal.setup_model import Endpoint, Role
from fieldcal.state import environments as rows


class Rung(Shop):
    """A shop whose changes ring; `rung`: how often a pass was asked for."""

    rung = 0

    def ring(self) -> None:
        self.rung += 1


@contextmanager
def shop_at(place: Centre, folder: Path) -> Iterator[Rung]:
    """The shop, served as this centre's schedule."""
    made = Rung(str(folder / "fs.sqlite3"))
    place.desk = Desk(made.store, made.ring)
    yield made
    made.store.close()


async def dispatcher(at: Centre, name: str = "dora") -> Browser:
    """A dispatcher's browser at the environment `main`, which is embedded."""
    with at.app.database.write() as tx:
        if "main" not in rows.names(tx):
            environments.add(tx, OPERATOR, at.clock.now(), "main", Endpoint("", credential="embedded"))
    return await at.signed_in(name, Role.DISPATCHER)
