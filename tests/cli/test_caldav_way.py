"""CalDAV set up by command at a real Radicale, used, and taken away again: an administrator's whole way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.cli.company import YES, Company
from tests.cli.conftest import Fieldcal, Said
from tests.cli.test_bad_input import refused
from tests.dav.servers import DavServer, User

#: Words of another kind of server, which nobody is told here.
FOREIGN = re.compile(r"Exchange|Graph|Entra|Microsoft|licence|Calendars\.ReadWrite")


class Shop:
    """The company with its calendars at a Radicale; every command's words are looked through."""

    def __init__(self, company: Company, fieldcal: Fieldcal, radicale: DavServer, folder: Path) -> None:
        self.company, self._fieldcal, self.radicale, self.folder = company, fieldcal, radicale, folder
        self.people: dict[str, User] = {
            box.address: radicale.new_user(f"worker{number}") for number, box in enumerate(company.sample.mailboxes)
        }

    def run(self, *words: object, status: int = 0) -> Said:
        said = self._fieldcal(*words)
        assert said.status == status, said.err
        # what doctor says of the source of bookings is no calendar's
        lines = [line for line in (said.out + said.err).splitlines() if "environment main: " not in line]
        assert FOREIGN.findall("\n".join(lines)) == [], words
        return said

    def credentials(self) -> Path:
        """The file that an administrator has collected."""
        lines = [f'{address},{user.name},"{user.password}"' for address, user in self.people.items()]
        file = self.folder / "people.csv"
        file.write_text("\n".join(["address,user,password", *lines, ""]), encoding="utf-8")
        return file

    def standing(self, address: str) -> list[str]:
        """The subjects of the events with our mark, read past the product."""
        user = self.people[address]
        _, _, listed = self.radicale.ask(user, "PROPFIND", user.home, Depth="1")
        calendars = [path for path in re.findall(r"<href>([^<]+)</href>", listed) if path != user.home]
        told = "".join(self.radicale.ask(user, "GET", path)[2] for path in calendars)
        events = told.replace("\r\n ", "").split("BEGIN:VEVENT")[1:]
        return [event.split("SUMMARY:")[1].split("\r\n")[0] for event in events if "X-FIELDCAL-MARK" in event]

    def events(self) -> int:
        return sum(len(self.standing(address)) for address in self.people)


@pytest.fixture
def shop(
    company: Company, fieldcal: Fieldcal, radicale: DavServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """Attached and read; no mailbox is set up yet."""
    made = Shop(company, fieldcal, radicale, tmp_path)
    monkeypatch.setenv("SOURCE_TOKEN", company.field_service.tokens.grant(company.source_url, lifetime=86_400))
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", Fernet.generate_key().decode())
    made.run("environment", "add", "main", "--url", company.source_url, "--secret", "env:SOURCE_TOKEN")
    made.run("profile", "add", "dav", "--kind", "caldav", "--url", f"{radicale.url}/", "--calendar", "Bookings")
    made.run("sync", "--dry-run")
    made.run("mailbox", "edit", *YES, "--profile", "dav", "--method", "server-side-sync")
    made.run("mailbox", "approve", *YES)
    return made


def test_set_up_used_and_taken_away_again(shop: Shop) -> None:
    shop.run("mailbox", "credentials", shop.credentials(), "--yes")
    tested = shop.run("mailbox", "test", *YES, "--json").json()
    assert [check["name"] for check in tested[0]["checks"]] == [
        "profile active", "same tenant", "e-mail approved", "method", "account", "sign-in", "mailbox found",
        "calendar writable", "not claimed by another environment",
    ]  # fmt: skip
    first, second, *_ = sorted(shop.people)
    assert "is claimed by the environment main" in shop.run("mailbox", "claim", first).out
    assert shop.run("mailbox", "enable", *YES).out.startswith("Nothing to do")

    done = shop.run("sync", "--json").json()[0]
    assert done["created"] == shop.events() > 3
    quiet = shop.run("sync", "--json").json()[0]
    assert (quiet["requests"]["calendars"], quiet["created"]) == (0, 0)
    booking = shop.company.coming()[0]
    answer = shop.run("why", booking.id, "--json").json()
    assert "is in the calendar" in (answer[0] if isinstance(answer, list) else answer)["answer"]
    shop.run("why", booking.id)
    shop.run("status")
    shop.run("mailbox", "list")
    shop.run("profile", "list")
    looked = shop.run("doctor").out
    assert [
        line
        for line in ("sign-in", "speaks CalDAV", "CalDAV knows no tenants", "all claimed by this")
        if line not in looked
    ] == []

    text = refused(shop._fieldcal, "profile", "set", "dav", "--calendar", "Jobs", "--yes")
    assert "events of ours stand in mailboxes of the server profile dav" in text
    text = refused(shop._fieldcal, "mailbox", "edit", first, "--user-name", "another")
    assert f"events of ours stand in {first}, and another account is another calendar" in text

    shop.run("mailbox", "clean", first, "--yes")
    assert (shop.standing(first), len(shop.standing(second)) > 0) == ([], True)
    assert "is claimed by nobody" in shop.run("mailbox", "claim", first).out
    shop.run("mailbox", "clean", *YES)
    assert shop.events() == 0


def test_one_who_cannot_sign_in_holds_up_nobody_and_goes_on_with_the_right_secret(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run("mailbox", "credentials", shop.credentials(), "--yes")
    shop.run("mailbox", "test", *YES)
    bad, *others = sorted(shop.people)
    monkeypatch.setenv("HERS", "PLANTED-wrong")
    shop.run("mailbox", "edit", bad, "--secret", "env:HERS")
    done = shop.run("sync", "--json", status=1).out
    assert "refuses the credential" in done
    assert [len(shop.standing(address)) > 0 for address in (bad, *others)] == [False, *(True for _ in others)]
    failed = shop.run("mailbox", "test", bad, status=1).out
    assert "app password" in failed
    monkeypatch.setenv("HERS", shop.people[bad].password)
    shop.run("mailbox", "test", bad)
    shop.run("sync")
    assert len(shop.standing(bad)) > 0


def test_a_second_mailbox_that_comes_out_at_the_same_calendar_is_not_switched_on(shop: Shop) -> None:
    first, second, *_ = sorted(shop.people)
    shop.people[second] = shop.people[first]
    shop.run("mailbox", "credentials", shop.credentials(), "--yes")
    shop.run("mailbox", "test", first)
    failed = shop.run("mailbox", "test", second, status=1).out
    assert f"is that of {first} already: each mailbox needs its own" in failed
    shop.run("sync", status=0)
    assert len(shop.standing(first)) > 0


def test_who_has_no_secret_is_told_what_to_type(shop: Shop) -> None:
    address = min(shop.people)
    failed = shop.run("mailbox", "test", address, status=1).out
    assert f"`fieldcal mailbox edit {address} --user-name NAME --secret env:NAME`" in failed
    assert f"{address}, no secret yet" in shop.run("mailbox", "list").out


def test_one_account_that_signs_in_for_all_is_tried_when_the_profile_is_made(
    fieldcal: Fieldcal, radicale: DavServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = radicale.new_user("service")
    words = ("profile", "add", "all", "--kind", "caldav", "--url", f"{radicale.url}/{{user}}/", "--user-name",
             service.name, "--secret", "env:SERVICE")  # fmt: skip
    assert "the secret env:SERVICE is not set" in refused(fieldcal, *words)
    monkeypatch.setenv("SERVICE", "PLANTED-wrong")
    assert "sign-in: " in (text := refused(fieldcal, *words))
    assert "refuses the credential" in text
    assert fieldcal("profile", "list", "--json").json() == []
    monkeypatch.setenv("SERVICE", service.password)
    assert f"signs in as {service.name} for all" in fieldcal(*words).out
