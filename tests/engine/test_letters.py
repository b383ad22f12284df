"""Alerts by e-mail: when a letter goes, what it says, that it goes over verified TLS only, and that nothing fails with it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.engine.mail_server import Post, mail_server
from tests.state.stocked import stock
from tests.values import BOX, ENVIRONMENT, HOUR, NOW, WORKER

from fieldcal import mailing
from fieldcal.clock import PlayedClock
from fieldcal.embedded.server import Certificates, make_certificates
from fieldcal.engine import letters, upkeep
from fieldcal.engine.letters import Address
from fieldcal.mail_server import MailServer, checked_url, incomplete, is_address
from fieldcal.mailing import MailFailed
from fieldcal.setup_model import Actor, Alert
from fieldcal.state import alerts, audit, posted
from fieldcal.state.database import Database
from fieldcal.state.posted import Posted

MINUTE = timedelta(minutes=1)
ADDRESS = Address("fieldcal@x.example", ("ops@x.example", "eve@x.example"), alerts.URGENT)
ALERT = Alert(ENVIRONMENT, "", "source", "warning", "silent", NOW - MINUTE, NOW, 3, "")
PASSWORD = "PLANTED-mail-password"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("strangers"))


def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.ca_file))


def hand_in(post: Post, certificates: Certificates, *, plain: bool = False) -> None:
    server = MailServer("127.0.0.1", post.port, post.implicit, post.user if post.password else "", plain)
    mailing.send(server, PASSWORD, letters.trial(ADDRESS, "here", NOW), trusting(certificates))


TAKEN = {
    "starttls and a password": (Post(password=PASSWORD), False),
    "tls from the first byte": (Post(implicit=True, password=PASSWORD), False),
    "nobody signs in": (Post(), False),
    "no tls, which is allowed": (Post(offers_tls=False, password=PASSWORD), True),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_letter_is_taken_and_nothing_but_greetings_goes_in_the_clear(certificates: Certificates, name: str) -> None:
    post, plain = TAKEN[name]
    with mail_server(post, certificates):
        hand_in(post, certificates, plain=plain)
    [taken] = post.letters
    assert taken["To"] == "ops@x.example, eve@x.example"
    assert "This is a test, asked for on here" in taken.get_content()
    assert plain or set(post.in_the_clear) <= {"EHLO", "STARTTLS"}


REFUSED = {
    "it offers no tls": (Post(offers_tls=False, password=PASSWORD), "offers no TLS, so nothing was sent.*FIELDCAL_PLAIN_SMTP"),
    "starttls is refused": (Post(refuses={"STARTTLS": "454 not now"}), "454 not now; it is tried again"),
    "the password is wrong": (Post(password="other"), "refuses the sign-in.*FIELDCAL_SMTP_PASSWORD.*535"),
    "the sender is refused": (Post(refuses={"MAIL": "550 who"}), "refuses the sender.*550 who"),
    "every recipient is refused": (Post(refuses={"RCPT": "550 whom"}), "every recipient.*550 whom"),
    "the letter is refused": (Post(refuses={"DATA": "552 too much"}), "refuses the letter: 552 too much$"),
    "it hangs up": (Post(refuses={"DATA": "hang up"}), "broke the connection off"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_letter_that_is_not_taken_is_told_in_one_line_without_a_secret(certificates: Certificates, name: str) -> None:
    post, says = REFUSED[name]
    with mail_server(post, certificates), pytest.raises(MailFailed, match=says) as failed:
        hand_in(post, certificates)
    assert PASSWORD not in str(failed.value)
    assert "\n" not in str(failed.value)
    assert post.letters == []
    assert not {"AUTH", "MAIL", "DATA"} & set(post.in_the_clear)


@pytest.mark.parametrize("implicit", [False, True])
def test_a_server_whose_certificate_nobody_vouches_for_gets_neither_password_nor_letter(
    certificates: Certificates, strangers: Certificates, implicit: bool
) -> None:
    post = Post(implicit=implicit, password=PASSWORD)
    with mail_server(post, certificates), pytest.raises(MailFailed, match=r"not trusted.*FIELDCAL_CA_FILE"):
        hand_in(post, strangers)
    assert post.letters == []
    assert set(post.in_the_clear) <= {"EHLO", "STARTTLS"}


def test_a_server_whose_certificate_is_for_another_name_gets_nothing(tmp_path: Path) -> None:
    post, elsewhere = Post(), make_certificates(tmp_path, ("post.example",))
    with mail_server(post, elsewhere), pytest.raises(MailFailed, match="its certificate is for another name"):
        hand_in(post, elsewhere)
    assert post.letters == []


def test_a_server_that_is_not_there_is_told(certificates: Certificates) -> None:
    post = Post()
    with mail_server(post, certificates):
        pass
    with pytest.raises(MailFailed, match=r"cannot be reached: nobody listens"):
        hand_in(post, certificates)


# --- when ------------------------------------------------------------------------------------------------------------

DUE = {
    "a minute old, nothing sent before": (Posted(), NOW - MINUTE, True),
    "a moment old: the burst is gathered": (Posted(), NOW - timedelta(seconds=5), False),
    "one was sent ten minutes ago": (Posted(NOW - 10 * MINUTE), NOW - MINUTE, False),
    "one was sent a quarter of an hour ago": (Posted(NOW - 15 * MINUTE), NOW - MINUTE, True),
    "the first try failed just now": (Posted(None, 1, NOW - timedelta(seconds=50)), NOW - HOUR, False),
    "the first try failed a minute ago": (Posted(None, 1, NOW - MINUTE), NOW - HOUR, True),
    "the third try failed three minutes ago": (Posted(None, 3, NOW - 3 * MINUTE), NOW - HOUR, False),
    "the twentieth try failed a quarter of an hour ago": (Posted(None, 20, NOW - 15 * MINUTE), NOW - HOUR, True),
    "the clock was ahead": (Posted(NOW + HOUR, 3, NOW + HOUR), NOW + HOUR, True),
}


@pytest.mark.parametrize("name", DUE)
def test_a_letter_goes_when_its_time_has_come(name: str) -> None:
    known, first, expected = DUE[name]
    assert letters.due([replace(ALERT, first_at=first)], known, NOW) is expected


class Postman:
    """Takes letters, or refuses them."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refuses = False

    async def send(self, letter: EmailMessage) -> None:
        if self.refuses:
            raise MailFailed("the post office is closed")
        self.taken.append(letter)


def test_what_is_new_is_told_once_together_and_again_when_it_comes_anew(database: Database) -> None:
    clock, man = PlayedClock(NOW), Postman()

    def look(after: timedelta) -> int:
        clock.advance(after)
        asyncio.run(letters.once(database, clock, ADDRESS, man.send))
        return len(man.taken)

    def raised(*codes: str, level: str = "error") -> None:
        with database.write() as tx:
            for code in codes:
                alerts.raise_alert(tx, ENVIRONMENT, BOX, code, level, f"about {code}", clock.now())

    with database.write() as tx:
        stock(tx)
    assert look(MINUTE) == 0
    raised("a", "b")
    raised("fine", level="information")
    assert look(timedelta(seconds=5)) == 0
    assert look(timedelta(seconds=10)) == 1
    raised("a", "c")  # `a` goes on, `c` is new
    assert look(MINUTE) == 1
    assert look(15 * MINUTE) == 2
    with database.write() as tx:
        alerts.clear(tx, ENVIRONMENT, BOX, "a")
        alerts.acknowledge(tx, ENVIRONMENT, [BOX], ["b"], "eve", NOW)
    assert look(HOUR) == 2
    raised("a", "b")  # `a` was over, `b` was acknowledged and quiet
    assert look(HOUR) == 3
    told = [[code for code in ("a", "b", "c", "fine") if f"about {code}" in one.get_content()] for one in man.taken]
    assert told == [["a", "b"], ["c"], ["a", "b"]]
    assert WORKER.address in man.taken[0].get_content()


def test_a_letter_that_is_not_taken_disturbs_nobody_is_remembered_and_tried_again(database: Database) -> None:
    clock, man = PlayedClock(NOW), Postman()
    with database.write() as tx:
        alerts.raise_alert(tx, ENVIRONMENT, "", "source", "error", "silent", NOW - HOUR)
    man.refuses = True
    for expected in (1, 1, 2):
        assert asyncio.run(letters.once(database, clock, ADDRESS, man.send)) is False
        with database.read() as tx:
            known = posted.load(tx)
        assert (known.failures, known.error) == (expected, "the post office is closed")
        clock.advance(timedelta(seconds=40))
    man.refuses = False
    clock.advance(HOUR)
    assert asyncio.run(letters.once(database, clock, ADDRESS, man.send)) is True
    with database.read() as tx:
        assert posted.load(tx) == Posted(clock.now())
    clock.advance(HOUR)
    assert asyncio.run(letters.once(database, clock, ADDRESS, man.send)) is False


def test_a_letter_says_what_the_alerts_say_errors_first_and_links_to_nothing() -> None:
    error = replace(ALERT, mailbox=BOX, code="set-up", level="error", message="denied\r\nBcc: all@x.example", times=1)
    made = letters.letter(ADDRESS, [ALERT, error], {(ENVIRONMENT, BOX): WORKER.address}, NOW)
    text = made.get_content()
    assert made["Subject"] == f"Fieldcal: 1 error, 1 warning ({ENVIRONMENT})"
    assert (made["Auto-Submitted"], made["Bcc"], made.get_content_type()) == ("auto-generated", None, "text/plain")
    assert text.index(f"ERROR {ENVIRONMENT} {WORKER.address}\n  denied Bcc: all@x.example\n") < text.index("WARNING")
    assert "since 2026-11-23 07:59 UTC, 3 times; source" in text
    assert "http" not in text


def test_of_very_many_alerts_the_rest_is_counted() -> None:
    many = [replace(ALERT, code=f"c{n}") for n in range(80)]
    text = letters.letter(ADDRESS, many, {}, NOW).get_content()
    assert text.count("WARNING") == letters.TOLD
    assert "and 30 more." in text


# --- settings --------------------------------------------------------------------------------------------------------

URLS = [
    ("smtp://relay.x.example", MailServer("relay.x.example", 587, False)),
    ("smtps://me%40x.example@relay.x.example", MailServer("relay.x.example", 465, True, "me@x.example")),
    ("smtp://me@LOCALHOST:25", MailServer("localhost", 25, False, "me", plain=True)),
]


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_the_address_of_a_server_says_how_it_is_spoken_to(url: str, expected: MailServer) -> None:
    assert MailServer.at(checked_url(url), ("Localhost",)) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("relay.x.example:25", "write smtp://"),
        ("https://relay.x.example", "write smtp://"),
        ("smtp://relay.x.example:0", "write smtp://"),
        ("smtp://relay.x.example:port", "write smtp://"),
        ("smtp://me:word@relay.x.example", "FIELDCAL_SMTP_PASSWORD"),
        ("smtp://relay.x.example/path", "nothing belongs behind the port"),
    ],
)
def test_a_server_address_that_cannot_be_is_refused_with_how_to_write_it(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        checked_url(url)
    assert "word@" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "good"),
    [("ops@x.example", True), ("a.b+c@localhost", True), ("ops", False), ("a@b, c@d", False), ("a@b\nBcc: c@d", False)],
)
def test_an_address_is_one_address_and_no_header(text: str, good: bool) -> None:
    assert is_address(text) is good


def test_half_a_setting_is_a_mistake() -> None:
    assert incomplete("", (), "") == incomplete("smtp://x", ("a@b",), "c@d") == []
    assert incomplete("smtp://x", (), "") == [
        "alerts by e-mail need FIELDCAL_ALERT_MAIL_TO and FIELDCAL_ALERT_MAIL_FROM too"
    ]


# --- beside the service ----------------------------------------------------------------------------------------------


def test_the_service_forgets_once_a_day_and_mails_what_is_new_whatever_fails(database: Database) -> None:
    clock, man = PlayedClock(NOW), Postman()
    with database.write() as tx:
        stock(tx)
        audit.record(tx, Actor("root"), NOW - timedelta(days=10), "user add", ["eve"])
        alerts.raise_alert(tx, ENVIRONMENT, "", "source", "error", "silent", NOW - HOUR)

    def lines() -> int:
        with database.read() as tx:
            return len(audit.latest(tx))

    async def run() -> None:
        works = [
            asyncio.create_task(upkeep.by_schedule(database, clock, upkeep.ages(1, 1, 1))),
            asyncio.create_task(letters.by_schedule(database, clock, ADDRESS, man.send)),
        ]
        while lines() or not man.taken:
            clock.advance(timedelta())
            await asyncio.sleep(0.01)
        with database.write() as tx:
            audit.record(tx, Actor("root"), NOW - timedelta(days=10), "user add", ["rita"])
        while lines():
            clock.advance(HOUR)
            await asyncio.sleep(0.01)
        assert clock.now() - NOW >= upkeep.EVERY
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 100))
    assert len(man.taken) == 1
