"""The doctor on its page: what the command finds, live, each with what helps, and nothing secret."""

from __future__ import annotations

import pytest
from tests.web.centre_end import OPERATOR, Centre

from fieldcal.doctor import remedies
from fieldcal.doctor.lines import Level, Line
from fieldcal.errors import ConfigError, Denied, FieldcalError, Full, SignInFailed, Throttled, Unreachable, WrongClock
from fieldcal.setup import profiles
from fieldcal.setup_model import EXCHANGE, Endpoint, Role
from fieldcal.state.tables import mailboxes
from fieldcal.web.pages.doctor import parts


def stock(at: Centre) -> None:
    """Two environments, one of which nobody can reach, and a mailbox that is not approved."""
    at.environment()
    at.environment("second")
    at.mailboxes(2)
    with at.app.database.write() as tx:
        end = Endpoint("http://127.0.0.1:9", credential="token", secret="env:FIELDCAL_SECRET_LOST")
        profiles.add(tx, OPERATOR, at.clock.now(), "Exchange", end, EXCHANGE)
        tx.execute(mailboxes.update().values(profile="Exchange"))


async def looked(browser: object, at: Centre, form: dict[str, str]) -> str:
    """The page after a look that was followed to its end."""
    begun = await browser.post("/doctor", form)  # type: ignore[attr-defined]
    assert (begun.status, begun.to) == (303, "/doctor"), begun.text
    number = at.house.works.newest("doctor").id  # type: ignore[union-attr]
    told = (await browser.get(f"/doctor/{number}/events")).text  # type: ignore[attr-defined]
    assert told.count("event: end\n") == 1
    return str((await browser.get("/doctor")).text)  # type: ignore[attr-defined]


def test_an_exchange_administrator_sees_what_failed_why_and_what_helps(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("xena", Role.EXCHANGE_ADMIN)
        assert "Not looked yet" in (await browser.get("/doctor")).text
        page = await looked(browser, at, {})
        for words in ("This installation", "Environment main", "Environment second", "Server profile Exchange",
                      "env:NOWHERE is not set in this process", "set it for this process, or name another reference",
                      "Looked at by xena", "things failed"):  # fmt: skip
            assert words in page, words
        assert "Secret" in page.partition("Environment main")[2]
        reader = await at.signed_in("reader", Role.READER)
        assert (await reader.get("/doctor")).status == 403
        assert (await reader.post("/doctor", {})).status == 403

    place.play(story)


def test_one_environment_and_the_mailboxes_named_are_looked_at_alone(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at)
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        page = await looked(browser, at, {"environment": "main", "mailboxes": "w00001@x.example,"})
        assert "Environment second" not in page
        assert "W00001@x.example" in page
        assert "<code>fieldcal mailbox edit w00001@x.example" in page
        assert "w00000@x.example" not in page
        page = await looked(browser, at, {"environment": "main", "mailboxes": "nobody@x.example"})
        assert "It stopped before the end: there is no mailbox nobody@x.example" in page
        page = await looked(browser, at, {"mailboxes": "w00001@x.example"})
        assert "name the environment of these mailboxes" in page
        assert (await browser.post("/doctor", {"mailboxes": " ".join(f"a{n}@x" for n in range(51))})).status == 409

    place.play(story)


def test_lines_stand_together_by_what_they_speak_of_the_worst_first() -> None:
    lines = [Line(Level.OK, "state", "sound"), Line(Level.OK, "environment a: clock", "fine"),
             Line(Level.FAIL, "environment a: sign-in", "no"), Line(Level.WARN, "server profile p", "off"),
             Line(Level.OK, "environment a and server profile p: same tenant", "t")]  # fmt: skip
    found = parts(lines)
    assert [(part.name, part.level, [what for what, _ in part.lines]) for part in found] == [
        ("environment a", "fail", ["sign-in", "clock"]), ("server profile p", "warn", ["server profile p"]),
        ("", "ok", ["state"]), ("environment a and server profile p", "ok", ["same tenant"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WrongClock("x"), "NTP"), (SignInFailed("x"), "secret or certificate"), (Denied("x"), "Organization"),
        (Throttled("x", retry_after=1.0), "nothing to mend"), (Unreachable("x"), "network"), (Full("x"), "room"),
        (ConfigError("x"), "correct what is named"), (FieldcalError("x"), "address and credential"),
    ],
)  # fmt: skip
def test_each_error_has_a_remedy_of_its_own_and_none_sends_back_to_the_message(error: FieldcalError, says: str) -> None:
    told = remedies.of(error, "fieldcal profile set P")
    assert says in told
    assert "see the message" not in told
