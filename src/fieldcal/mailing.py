"""Hand a letter to a mail server, over TLS that is verified. Blocking: whoever must not wait calls it in a thread."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from fieldcal.errors import FieldcalError, one_line
from fieldcal.mail_server import MailServer
from fieldcal.network import in_words

#: How long the server may take for each answer, seconds.
PATIENCE = 15.0
_TRANSIENT = range(400, 500)


class MailFailed(FieldcalError):
    """The letter was not taken; `str()` says by whom, why, and what helps."""


def send(server: MailServer, password: str, letter: EmailMessage, trust: ssl.SSLContext | None = None) -> None:
    """Hand the letter in, or raise `MailFailed`; nothing is sent, neither password nor letter, without verified TLS.

    Only a host that is named in FIELDCAL_PLAIN_SMTP may offer none.
    """
    context = trust or ssl.create_default_context()
    try:
        with _connected(server, context) as connection:
            if server.user:
                connection.login(server.user, password)
            connection.send_message(letter)
    except smtplib.SMTPException as error:
        raise MailFailed(_refusal(server, error)) from None
    except (OSError, ssl.SSLError) as error:
        raise MailFailed(f"{server.name} cannot be reached: {in_words(error)}") from None


def _connected(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    try:
        connection.ehlo_or_helo_if_needed()
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
            return connection
    except BaseException:
        connection.close()
        raise
    if not server.plain:
        connection.close()
        raise MailFailed(
            f"{server.name} offers no TLS, so nothing was sent; see that the port is right, or name the host in "
            "FIELDCAL_PLAIN_SMTP if the way there is safe"
        )
    return connection


def _refusal(server: MailServer, error: smtplib.SMTPException) -> str:
    """What the server said, without what was sent."""
    match error:
        case smtplib.SMTPAuthenticationError():
            why = "refuses the sign-in; see user (FIELDCAL_SMTP_URL) and password (FIELDCAL_SMTP_PASSWORD)"
            return f"{server.name} {why}: {_said(error)}"
        case smtplib.SMTPNotSupportedError():
            return f"{server.name} takes no sign-in; leave the user out of FIELDCAL_SMTP_URL"
        case smtplib.SMTPSenderRefused():
            return f"{server.name} refuses the sender (FIELDCAL_ALERT_MAIL_FROM): {_said(error)}"
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            [(code, text), *_] = refused.values()
            return f"{server.name} refuses every recipient (FIELDCAL_ALERT_MAIL_TO): {code} {_text(text)}"
        case smtplib.SMTPResponseException():
            later = "; it is tried again" if error.smtp_code in _TRANSIENT else ""
            return f"{server.name} refuses the letter: {_said(error)}{later}"
        case smtplib.SMTPServerDisconnected():
            return f"{server.name} broke the connection off before the letter was taken"
    return f"{server.name} does not answer as a mail server does"


def _said(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(said: bytes | str) -> str:
    return one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 120)
