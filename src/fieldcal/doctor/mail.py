"""Whether alerts go out by e-mail: what is set, and what became of the last letters. Sends none itself."""

from __future__ import annotations

from fieldcal import post
from fieldcal.app import App
from fieldcal.doctor.lines import Level, Line
from fieldcal.errors import ConfigError
from fieldcal.state import posted

_HELPS = (
    "set FIELDCAL_SMTP_URL and FIELDCAL_SMTP_PASSWORD to what the mail server takes, and see that it may be reached; "
    "`fieldcal alert test` tries it"
)


async def look(app: App) -> Line:
    """One line about the e-mail of alerts."""
    what, address = "alerts by e-mail", post.address_of(app.config)
    if address is None:
        return Line(Level.OK, what, "not set up (FIELDCAL_SMTP_URL)")
    try:
        if app.config.smtp_password:
            app.secrets.resolve(app.config.smtp_password)
    except ConfigError as error:
        return Line(Level.FAIL, what, str(error), "set it for this process, or name another reference")
    known = await app.database.reading(posted.load)
    if known.failed_at is not None:
        detail = f"not taken since {known.failures} tries, last at {known.failed_at:%Y-%m-%d %H:%M:%SZ}: {known.error}"
        return Line(Level.FAIL, what, detail, _HELPS)
    last = f"the last at {known.sent_at:%Y-%m-%d %H:%M:%SZ}" if known.sent_at else "none was sent yet"
    return Line(Level.OK, what, f"to {', '.join(address.to)}; {last}; `fieldcal alert test` tries it")
