"""A worker's address that is mistyped and mended: told before it is saved, and taken back without a loss."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.web.company_end import Staffed, tell
from tests.web.test_company import until
from tests.web.test_orders import values

from fieldcal.demo.setup import ENVIRONMENT
from fieldcal.setup_model import Role
from fieldcal.state import mailboxes, workers


def test_a_mistyped_address_that_is_mended_leads_to_the_same_mailbox_still_set_up(tmp_path: Path) -> None:
    async def story(at: Staffed) -> None:
        browser = await at.signed_in("dora", Role.DISPATCHER)
        box = at.busiest()
        with at.app.database.read() as tx:
            alice = next(one for one in workers.everyone(tx, ENVIRONMENT) if one.mailbox == box)
        subjects = sorted(event.subject for event in at.hands.look(box))

        def known_at(address: str) -> bool:
            with at.app.database.read() as tx:
                return workers.load(tx, ENVIRONMENT, [alice.id])[alice.id][0].address == address

        for address in (alice.address + "l", alice.address):
            form = values((await browser.get(f"/workers/one?id={alice.id}")).text)
            answer = await browser.post("/workers/save", form | {"email": address})
            if address != alice.address:
                # nothing is saved before it is agreed to what is told
                told = f"The mailbox {alice.address} is set up. {address} is another mailbox"
                assert (answer.status, told in answer.text, known_at(alice.address)) == (409, True, True)
                again = values(answer.text)
                other = await browser.post("/workers/save", again | {"email": "x" + address})
                assert (other.status, f"x{address} is another mailbox" in other.text) == (409, True)
                answer = await browser.post("/workers/save", again)
            assert answer.status == 303
            await until(partial(known_at, address))
        with at.app.database.read() as tx:
            same = mailboxes.load(tx, ENVIRONMENT, box)
            known = [one.address for one in mailboxes.some(tx, ENVIRONMENT, at.boxes)]
            assert workers.load(tx, ENVIRONMENT, [alice.id])[alice.id][0].mailbox == box
        assert (same.enabled, same.approved, known.count(alice.address)) == (True, True, 1)
        await until(lambda: sorted(event.subject for event in at.hands.look(box)) == subjects)

    tell(tmp_path, story)
