"""All planted faults, and those that no test can tell from the product."""

from __future__ import annotations

from tests.planted.at_once import AT_ONCE
from tests.planted.board import BOARD
from tests.planted.caldav import CALDAV
from tests.planted.claims import CLAIMS
from tests.planted.doubles import DOUBLES
from tests.planted.fault import Fault
from tests.planted.hands import HANDS
from tests.planted.keeping import KEEPING
from tests.planted.notices import NOTICES
from tests.planted.pages import PAGES
from tests.planted.phone import PHONE
from tests.planted.plan import PLAN
from tests.planted.records import RECORDS
from tests.planted.rest import REST
from tests.planted.setup import SETUP
from tests.planted.several import SEVERAL
from tests.planted.store import STORE
from tests.planted.together import TOGETHER
from tests.planted.way import WAY
from tests.planted.wires import WIRES

PLANTED: tuple[Fault, ...] = (
    *AT_ONCE,
    *PLAN,
    *WAY,
    *HANDS,
    *CLAIMS,
    *DOUBLES,
    *STORE,
    *WIRES,
    *SETUP,
    *NOTICES,
    *CALDAV,
    *KEEPING,
    *PAGES,
    *PHONE,
    *RECORDS,
    *BOARD,
    *REST,
    *SEVERAL,
    *TOGETHER,
)

SURVIVORS: tuple[Fault, ...] = (
    Fault(
        "a mailbox at rest stays due", "I2", "sync/gate.py",
        "troubles.went_well(tx, site.environment, mailbox, site.clock.now(), recompute=recompute)",
        "troubles.went_well(tx, site.environment, mailbox, site.clock.now(), recompute=False)",
        "Each pass opens the mailbox once more for nothing.",
        harmless="The calendars are the same; only time is lost, and the next mark sets it right.",
    ),
    Fault(
        "updates without an answer are not looked for", "I2", "sync/unanswered.py",
        "if item.link is not None and item.link.intent]",
        "if item.link is not None and item.link.intent and isinstance(item.link.intent.action, Create)]",
        "An update that was carried out without an answer is sent a second time.",
        harmless="The second sending carries the old etag, is refused, and the event is read: one request more, the "
        "same calendar.",
    ),
)  # fmt: skip
