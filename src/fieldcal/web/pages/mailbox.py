"""One mailbox: how far its set-up is, what the last test found, what is written into it, and what can be done."""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from fieldcal.errors import ConfigError
from fieldcal.model import MailboxId
from fieldcal.setup import accounts, claims, takeover
from fieldcal.setup.accounts import Wish
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Mailbox
from fieldcal.state import accounts as account_rows
from fieldcal.web import ends, one_mailbox
from fieldcal.web.pages.sign_in import ours
from fieldcal.web.section import Section
from fieldcal.web.visit import Here, Visit

SECTION = Section("mailbox")


@SECTION.get("/mailboxes/{mailbox}", Action.SEE_OVERVIEW)
async def show(visit: Here, mailbox: str, week: str = "") -> Response:
    """The whole of one mailbox; `week`: any day of the one that is shown."""
    return _there(await one_mailbox.page(visit, MailboxId(mailbox), week=week))


def _there(page: Response | None) -> Response:
    if page is None:
        raise HTTPException(404)
    return page


@SECTION.post("/mailboxes/{mailbox}/account", Action.SET_UP, own=True)
async def account(visit: Here, mailbox: str) -> Response:
    """How this mailbox signs in by itself at a CalDAV server; what is wrong stands in the form, and nothing is kept."""
    form, place, app = await visit.form(), visit.place_of_work, visit.house.app
    box = await known(visit, mailbox, Action.SET_UP)
    own = not visit.may(Action.SEE_OVERVIEW)
    before = await visit.house.read(lambda tx: account_rows.of(tx, place.id, box.id))
    # whoever sets up no mailbox but the own one names no secret that the operator has put aside
    sent, wanted = ends.read_account(visit, form, before, named=not own)
    if not sent.mistakes:
        wish = Wish(wanted.user if wanted.user != before.user else None,
                    wanted.secret if wanted.secret != before.secret else None)  # fmt: skip
        try:
            await app.database.writing(accounts.give, visit.actor, app.clock.now(), place.id, {box.id: wish})
        except ConfigError as error:
            sent.place([str(error)])
    if sent.mistakes:
        return _there(await one_mailbox.page(visit, box.id, own=own, sent=sent))
    back = ours(str(form.get("origin", ""))) or f"/mailboxes/{quote(box.id)}"
    return visit.say(visit.go(back), "mailbox.account_saved", {"name": box.address or box.name})


@SECTION.post("/mailboxes/{mailbox}/take-over/ask", Action.TAKE_OVER)
async def ask(visit: Here, mailbox: str) -> Response:
    """Whose claim stands on the calendar now, and whether it is to be ours."""
    place = visit.place_of_work
    box = await known(visit, mailbox, Action.TAKE_OVER)
    text = await takeover.claim_of(visit.house.app.bench(), visit.actor, place.id, box.id)
    values = {"box": box, "claim": claims.read(text), "text": text or "", "since": claims.since(text)}
    return visit.page("parts/mailbox_take_over.html" if visit.live else "mailbox_take_over.html", values)


@SECTION.post("/mailboxes/{mailbox}/take-over", Action.TAKE_OVER)
async def take_over(visit: Here, mailbox: str) -> Response:
    """Have this mailbox served from here, and by no other."""
    box = await known(visit, mailbox, Action.TAKE_OVER)
    await takeover.take_over(visit.house.app.bench(), visit.actor, visit.place_of_work.id, box.id)
    return visit.say(visit.go(f"/mailboxes/{quote(box.id)}"), "mailbox.taken_over", {"name": box.address or box.name})


async def known(visit: Visit, mailbox: str, action: Action) -> Mailbox:
    """The mailbox of this id, when the viewer may do this to it; a page that is missing else."""
    place = visit.place_of_work.id
    found = await visit.house.read(lambda tx: permitted(tx, visit.actor, action, place, [MailboxId(mailbox)]))
    if not found:
        raise HTTPException(404)
    return found[0]
