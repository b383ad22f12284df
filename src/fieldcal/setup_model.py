"""The values of set-up: environments, server profiles, mailboxes, people. Frozen; times aware, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fieldcal.model import Check, MailboxId
from fieldcal.plan.settings import Settings


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where another system is and how to sign in there."""

    url: str
    #: where sign-in is done; "" where `url` itself issues the tokens, or none is issued
    authority: str = ""
    #: the tenant to sign in to, "" where the credential needs none
    tenant: str = ""
    #: one of the kinds that `app.CREDENTIALS` offers for this end
    credential: str = "token"
    client_id: str = ""
    #: a reference (`env:NAME`, `file:PATH`, `encrypted:...`), never the secret itself
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """One source of bookings with the settings that hold for it."""

    id: str
    end: Endpoint
    created_at: datetime
    source: str = "dataverse"
    settings: Settings = field(default_factory=Settings)
    enabled: bool = True
    #: what the source said it is at the first sign-in; "" until then
    organization: str = ""
    tenant: str = ""


#: Kinds of server profiles, in the words of the command line.
EXCHANGE, CALDAV = "exchange-online", "caldav"


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """One calendar server (R8): *Microsoft Exchange Online* or CalDAV, active or not.

    Of CalDAV `end.url` is a template of addresses (`setup/addresses.py`) and `end.client_id` the user who signs in for
    all, "" where each mailbox does so itself.
    """

    id: str
    end: Endpoint
    created_at: datetime
    kind: str = EXCHANGE
    active: bool = True
    #: the tenant it signs in to, as it said itself; "" until it was asked, or where it tells none
    tenant: str = ""
    #: of CalDAV: the name of the calendar in each mailbox, "" for its default one; and requests to the server at once
    calendar: str = ""
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What is set and remembered of one mailbox at a server where mailboxes sign in by themselves (CalDAV)."""

    #: the account's name where it is not the address
    user: str = ""
    #: a reference to the mailbox's own secret, "" where the profile's credential is for all
    secret: str = ""
    #: the path of the calendar that Test & Enable found, "" none yet
    collection: str = ""


class Method(StrEnum):
    """How appointments are synchronized, in the words of the command line."""

    NONE = "none"
    SERVER_SIDE_SYNC = "server-side-sync"


class Approval(StrEnum):
    """Whether the e-mail address was approved (R9)."""

    EMPTY = "empty"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class TrialStatus(StrEnum):
    """What R9 calls the status of Test & Enable."""

    NOT_RUN = "not_run"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox of one environment: how far its set-up is and how its last synchronization went."""

    environment: str
    id: MailboxId
    name: str
    address: str
    profile: str | None
    method: Method
    approval: Approval
    #: the address that was approved; another one needs approval again
    approved_address: str
    approved_by: str
    status: TrialStatus
    tested_at: datetime | None
    checks: tuple[Check, ...]
    #: Test & Enable succeeded and nobody switched it off since
    enabled: bool
    disabled_reason: str
    check_first: bool
    next_due: datetime | None
    last_sync_at: datetime | None
    trouble: str
    failures: int
    #: when the claim on the calendar was last seen to be ours (R14)
    claimed_at: datetime | None = None
    #: its server keeps no claim, as the last Test & Enable found
    claimless: bool = False

    @property
    def approved(self) -> bool:
        """The address that it has now is approved."""
        return self.approval is Approval.APPROVED and self.approved_address.casefold() == self.address.casefold()


class MailboxState(StrEnum):
    """What mailboxes are selected and filtered by."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNAPPROVED = "unapproved"
    NOT_RUN = "not_run"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"


class MailboxStanding(StrEnum):
    """Whether a mailbox is written to, and what it lacks where it is not; each stands in exactly one of these."""

    WRITTEN = "written"
    #: switched on, but the last try failed
    TROUBLED = "troubled"
    FAILED = "failed"
    UNAPPROVED = "unapproved"
    NO_PROFILE = "no_profile"
    STRANGER = "stranger"
    NO_METHOD = "no_method"
    UNTESTED = "untested"
    TESTING = "testing"
    DISABLED = "disabled"
    REJECTED = "rejected"
    INACTIVE = "inactive"
    #: the environment is switched off
    CLOSED = "closed"
    #: several of the others together, `WIDE`
    FAILING = "failing"
    UNFINISHED = "unfinished"
    OFF = "off"


_S = MailboxStanding
WIDE = {
    _S.FAILING: (_S.TROUBLED, _S.FAILED),
    _S.UNFINISHED: (_S.NO_PROFILE, _S.STRANGER, _S.NO_METHOD, _S.UNTESTED, _S.TESTING),
    _S.OFF: (_S.DISABLED, _S.REJECTED, _S.INACTIVE, _S.CLOSED),
}


class AddressState(StrEnum):
    """Whether the address that a mailbox has now is approved, as mailboxes are filtered by it."""

    APPROVED = "approved"
    WAITING = "waiting"
    CHANGED = "changed"
    REJECTED = "rejected"


class AlertState(StrEnum):
    """Mailboxes filtered by their warnings and errors that nobody has acknowledged."""

    ANY = "any"
    ERROR = "error"
    NONE = "none"


class PauseState(StrEnum):
    """Mailboxes filtered by pauses: their own, or that of the server that they are written through."""

    PAUSED = "yes"
    NONE = "no"


#: in the place of a server profile, or of a reason: those that have none
NO_PROFILE = NO_REASON = "-"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which mailboxes are meant: those named (ids or addresses), or all; what else is said narrows them."""

    names: tuple[str, ...] = ()
    state: MailboxState | None = None
    #: a part of the name or address
    search: str = ""
    standing: MailboxStanding | None = None
    approval: AddressState | None = None
    test: TrialStatus | None = None
    #: a server profile, or `NO_PROFILE`
    server_profile: str = ""
    appointments: Method | None = None
    alerts: AlertState | None = None
    #: exactly the reason for which it is off
    reason: str = ""
    paused: PauseState | None = None
    #: when a pause has to last that counts; None: now is not known, so pauses cannot be asked for
    now: datetime | None = None

    @property
    def every(self) -> bool:
        """All mailboxes are meant."""
        return self == Selection()


@dataclass(frozen=True, slots=True)
class MailboxPage:
    """One page of a listing; `total` counts all that the selection holds."""

    rows: tuple[Mailbox, ...]
    total: int


class Role(StrEnum):
    """What a person may be (design §6)."""

    SYSTEM_ADMIN = "system_admin"
    EXCHANGE_ADMIN = "exchange_admin"
    MAILBOX_APPROVER = "mailbox_approver"
    DISPATCHER = "dispatcher"
    WORKER = "worker"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in; `sign_in` and `object_id` tie the person to the own mailbox, each where it is known."""

    id: str
    name: str
    sign_in: str
    object_id: str
    roles: frozenset[Role]
    created_at: datetime
    #: the directory, or somebody who may approve mailboxes, answers for the account being this person's
    vouched: bool = True


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting: a user, or the operator of the service, who may do everything."""

    #: the account that runs the command or the service; stands in every audit line
    operator: str
    user: User | None = None

    @property
    def is_operator(self) -> bool:
        return self.user is None

    @property
    def name(self) -> str:
        """Whose name stands in the audit as the one who acted."""
        return "operator" if self.user is None else self.user.id

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset() if self.user is None else self.user.roles

    def owns(self, mailbox: Mailbox) -> bool:
        """The mailbox is this person's own: by the directory's object id, or by the sign-in name."""
        if self.user is None:
            return False
        same_object = bool(self.user.object_id) and self.user.object_id.casefold() == mailbox.id.casefold()
        return same_object or self.signs_in_as(mailbox.address)

    def signs_in_as(self, address: str) -> bool:
        """The sign-in name equals this address."""
        return self.user is not None and bool(address) and self.user.sign_in.casefold() == address.casefold()

    def approves_own(self, mailbox: Mailbox) -> bool:
        """D13: the sign-in name equals the address; without one, the directory itself says whose the mailbox is."""
        nameless = self.user is not None and not self.user.sign_in and bool(mailbox.address)
        return self.owns(mailbox) if nameless else self.signs_in_as(mailbox.address)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something an administrator should know; raised again, it counts up."""

    environment: str
    #: "" where all of the environment is concerned
    mailbox: str
    code: str
    level: str
    message: str
    first_at: datetime
    last_at: datetime
    times: int
    acknowledged_by: str
    #: None: nobody has, or it was before this was remembered
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what, as whom, and when."""

    at: datetime
    operator: str
    actor: str
    action: str
    subject: str
    detail: str
