"""Alerts by e-mail as this installation has set them: who writes to whom, and through which server."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage

from fieldcal import mailing
from fieldcal.config import Config
from fieldcal.engine.letters import Address, Send
from fieldcal.mail_server import MailServer
from fieldcal.secrets import Secrets
from fieldcal.state import alerts


def address_of(config: Config) -> Address | None:
    """Who writes to whom; None where no mail is to be sent."""
    if not config.smtp_url:
        return None
    levels = alerts.URGENT if config.alert_mail_level == "warning" else ("error",)
    return Address(config.alert_mail_from, config.alert_mail_to, levels)


def sender_of(config: Config, secrets: Secrets, trust: ssl.SSLContext | None) -> Send:
    """Hands letters to the server that is set; the password is read anew each time."""
    server = MailServer.at(config.smtp_url, config.plain_smtp)

    async def send(letter: EmailMessage) -> None:
        password = secrets.resolve(config.smtp_password) if config.smtp_password else ""
        await asyncio.to_thread(mailing.send, server, password, letter, trust)

    return send
