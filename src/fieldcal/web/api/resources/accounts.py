"""How mailboxes sign in where each does so by itself (CalDAV)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection

from fieldcal.attaching import user_mistakes
from fieldcal.errors import NotAllowed
from fieldcal.model import MailboxId
from fieldcal.secrets import shown as reference
from fieldcal.setup import accounts
from fieldcal.setup.accounts import Wish
from fieldcal.setup.mailboxes import permitted
from fieldcal.setup.permissions import Action
from fieldcal.state import accounts as rows
from fieldcal.web.api import ends
from fieldcal.web.api.caller import Call, Caller, Place
from fieldcal.web.api.choosing import One, one_of
from fieldcal.web.api.ends import Clear
from fieldcal.web.api.problem import Invalid, Missing
from fieldcal.web.api.resource import Resource
from fieldcal.web.api.shapes import Asked, Number, Shown, Words

RESOURCE = Resource("accounts", "How mailboxes sign in where each does so by itself: CalDAV.")
_AT = "/environments/{environment}/mailboxes"


class AccountShown(Shown):
    """How a mailbox signs in. The secret is told by its reference, never itself."""

    user_name: str = Field(description='The account\'s name, "" where it is the address.', examples=["anna"])
    secret: str = Field(description="The reference to the secret.", examples=["encrypted"])
    calendar: str = Field(description='Which calendar was found for it, "" none yet.')


class AccountAsked(Asked):
    """How one mailbox is to sign in; what is left out stays, and "" takes it away."""

    mailbox: Words = Field(description="Its object id or address.", examples=["anna.berg@example.com"])
    user_name: Words | None = Field(default=None, description="The account's name.", examples=["anna"])
    secret: Words | None = Field(
        default=None, description="A reference that the operator has put aside for this, from who may set others up."
    )
    new_secret: Clear | None = Field(
        default=None, description="The password itself; it is kept encrypted and never shown."
    )


class Accounts(Asked):
    """How mailboxes are to sign in, all or none."""

    accounts: Annotated[
        list[AccountAsked], Field(min_length=1, max_length=5_000, description="Each of them; none twice.")
    ]


@RESOURCE.get(f"{_AT}/{{mailbox}}/account", Action.SEE_OVERVIEW)
async def show(caller: Call, place: Place, mailbox: One) -> AccountShown:
    """Show how a mailbox signs in by itself."""
    found = await caller.house.read(lambda tx: rows.of(tx, place.id, one_of(tx, place.id, mailbox)))
    return AccountShown(user_name=found.user, secret=reference(found.secret), calendar=found.collection)


@RESOURCE.post(f"{_AT}/accounts", Action.SET_UP, own=True)
async def give(caller: Call, place: Place, wish: Accounts) -> Number:
    """Have mailboxes sign in so, all or none.

    Another account is another calendar: refused while events of ours stand in it, and else tested anew.
    """
    wrong = [
        (f"/accounts/{number}/user_name", said.removeprefix("--user-name: "))
        for number, one in enumerate(wish.accounts)
        for said in user_mistakes(one.user_name or "")
    ]
    if wrong:
        raise Invalid(wrong)
    wishes = [Wish(one.user_name, _secret(caller, one)) for one in wish.accounts]
    now = caller.house.app.clock.now()

    def store(tx: Connection) -> int:
        boxes: dict[MailboxId, Wish] = {}
        for number, (one, how) in enumerate(zip(wish.accounts, wishes, strict=True)):
            box = _box(tx, place.id, one.mailbox, number)
            if box in boxes:
                raise Invalid([(f"/accounts/{number}/mailbox", "this mailbox stands there already")])
            boxes[box] = how
        permitted(tx, caller.actor, Action.SET_UP, place.id, list(boxes))
        return accounts.give(tx, caller.actor, now, place.id, boxes)

    return Number(changed=await caller.house.write(store))


def _box(tx: Connection, place: str, name: str, number: int) -> MailboxId:
    try:
        return one_of(tx, place, name)
    except Missing as error:
        raise Invalid([(f"/accounts/{number}/mailbox", str(error))]) from None


def _secret(caller: Caller, one: AccountAsked) -> str | None:
    if one.secret and not caller.may(Action.SET_UP):
        # who sets only the own mailbox up would have somebody else's secret sent to its server
        raise NotAllowed(f"{caller.actor.name} may not name secrets that are put aside; send the password itself")
    return ends.sealed(caller, one.secret, one.new_secret)
