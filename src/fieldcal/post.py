"""Alerts by e-mail as this installation has set them: who writes to whom, and through which server."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import datetime
from email.message import EmailMessage

from fieldcal import mailing
from fieldcal.config import Config
from fieldcal.engine import letters
from fieldcal.engine.letters import Address, Send
from fieldcal.errors import ConfigError
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


async def send_trial(config: Config, secrets: Secrets, trust: ssl.SSLContext | None, now: datetime) -> Address:
    """Send a test mail to whom alerts are told; returns who that is. Raises with the reason where it is not taken."""
    address = address_of(config)
    if address is None:
        raise ConfigError("no alerts are sent by e-mail: FIELDCAL_SMTP_URL is not set")
    await sender_of(config, secrets, trust)(letters.trial(address, socket.gethostname(), now))
    return address
