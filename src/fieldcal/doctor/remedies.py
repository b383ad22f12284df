"""What helps where an end could not be looked at, by who must act next."""

from __future__ import annotations

from fieldcal.errors import (
    ConfigError,
    Denied,
    FieldcalError,
    Full,
    SignInFailed,
    Throttled,
    Unavailable,
    Unreachable,
    WrongClock,
)


def of(error: FieldcalError, change: str) -> str:
    """What helps; `change`: the command that changes how this end is reached."""
    match error:
        case WrongClock():
            return "synchronize this machine's clock (NTP)"
        case SignInFailed():
            return f"give it an application and a secret or certificate that the server takes: `{change}`"
        case Denied():
            return "give the application this privilege, at the level Organization: docs/set-up-dataverse.md"
        case Throttled() | Unavailable():
            return "nothing to mend: the server asks to wait; run `fieldcal doctor` again later"
        case Unreachable():
            return f"check this server, the network and any proxy on the way to it, and the address: `{change}`"
        case Full():
            return "make room in this mailbox"
        case ConfigError():
            return f"correct what is named there with `{change}`, or the variable that it names, then run it again"
    return f"check address and credential: `{change}`; then run `fieldcal doctor` again"
