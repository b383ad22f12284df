"""Templates of addresses on CalDAV: filled in whole and encoded, and refused where they lead astray."""

from __future__ import annotations

import pytest
from tests.values import NOW

from fieldcal.attaching import profile_mistakes
from fieldcal.config import Config
from fieldcal.setup.addresses import fill, mistakes, names_one
from fieldcal.setup_model import CALDAV, EXCHANGE, Endpoint, ServerProfile

BASE = "https://dav.example"


@pytest.mark.parametrize(
    ("template", "user", "address", "filled"),
    [
        (f"{BASE}/", "", "anna@x.example", f"{BASE}/"),
        (f"{BASE}/{{user}}/", "", "anna@x.example", f"{BASE}/anna%40x.example/"),
        (f"{BASE}/{{user}}/", "anna", "anna@x.example", f"{BASE}/anna/"),
        (f"{BASE}/{{address}}/", "anna", "anna@x.example", f"{BASE}/anna%40x.example/"),
        (f"{BASE}/{{local}}/{{user}}", "u", "anna@y@x.example", f"{BASE}/anna%40y/u"),
        (f"{BASE}/{{user}}/", "a/../b ä?#{local}", "a@x", f"{BASE}/a%2F..%2Fb%20%C3%A4%3F%23%7Blocal%7D/"),
        (f"{BASE}/{{user}}/", "..", "a@x", ""),
        (f"{BASE}/{{user}}/", ".", "a@x", ""),
        (f"{BASE}/{{local}}/", "", "..@x", ""),
        (f"{BASE}/{{user}}/", "", "", ""),
        (f"{BASE}/{{address}}/", "anna", "", ""),
        (f"{BASE}/", "", "", f"{BASE}/"),
    ],
)
def test_a_template_is_filled_with_encoded_names_or_not_at_all(
    template: str, user: str, address: str, filled: str
) -> None:
    assert fill(template, user, address) == filled


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (f"{BASE}/{{user}}/", ""),
        ("http://127.0.0.1:5232/{user}/", ""),
        (f"{BASE}/dav/calendars/user/{{address}}/Default/", ""),
        (f"{BASE}/{{name}}/", "no placeholder {name}; there are: {user}, {address}, {local}"),
        (f"{BASE}/{{}}/", "no placeholder {}"),
        (f"{BASE}/{{user/", "a brace stands alone"),
        (f"{BASE}/user}}/", "a brace stands alone"),
        ("https://{user}.dav.example/", "never in the name of the host"),
        ("https://dav.example:{user}/", "--url: write an address"),
        ("{user}://dav.example/", "never in the name of the host"),
        ("https://{user}@dav.example/", "--user-name and --secret"),
        ("https://anna:hunter2@dav.example/", "--user-name and --secret"),
        ("dav.example/{user}", "write an address such as"),
        ("ftp://dav.example/{user}", "write an address such as"),
        ("https:///{user}", "write an address such as"),
        ("https://[::1/{user}", "write an address such as"),
        (f"{BASE}/{{user}}/?x=1", "without ? and #"),
        (f"{BASE}/{{user}}/#x", "without ? and #"),
        (f"{BASE}/über/{{user}}/", "percent-encode"),
        (f"{BASE}/a b/{{user}}/", "percent-encode"),
        (f"{BASE}/../{{user}}/", "without . and .."),
    ],
)
def test_a_template_that_leads_astray_is_refused_in_one_phrase(template: str, says: str) -> None:
    found = mistakes(template)
    assert "hunter2" not in "".join(found)
    assert (len(found) == 1 and says in found[0]) if says else not found


def test_a_template_names_one_mailbox_by_any_placeholder() -> None:
    assert [names_one(f"{BASE}/{part}") for part in ("", "{user}", "{local}/x", "{address}")] == [
        False, True, True, True,
    ]  # fmt: skip


OWN = {"url": f"{BASE}/", "credential": "password"}
ALL = {"url": f"{BASE}/{{user}}/", "credential": "password", "client_id": "fieldcal", "secret": "env:P"}


@pytest.mark.parametrize(
    ("end", "more", "says"),
    [
        (OWN, {}, ""),
        (ALL, {}, ""),
        (ALL, {"calendar": "Bookings", "at_once": 64}, ""),
        ({**OWN, "credential": "token"}, {}, ""),
        ({**ALL, "credential": "token", "client_id": ""}, {}, ""),
        ({**ALL, "url": f"{BASE}/dav/"}, {}, "one credential for all needs {user}"),
        ({**ALL, "url": f"{BASE}/dav/", "credential": "token", "client_id": ""}, {}, "one credential for all needs"),
        ({**OWN, "url": ""}, {}, "needs --url, such as"),
        ({**OWN, "credential": "certificate"}, {}, "no credential 'certificate' for the kind `caldav`"),
        ({**OWN, "credential": "embedded"}, {}, "no credential 'embedded' for the kind"),
        ({**OWN, "tenant": "t"}, {}, "takes no --tenant"),
        ({**OWN, "authority": "https://x.example"}, {}, "takes no --authority"),
        ({**ALL, "secret": ""}, {}, "needs both --user-name and --secret"),
        ({**ALL, "client_id": ""}, {}, "needs both --user-name and --secret"),
        ({**ALL, "credential": "token"}, {}, "`token` takes no --user-name"),
        ({**ALL, "client_id": "a:b"}, {}, "--user-name: write at most"),
        ({**ALL, "client_id": "a\nb"}, {}, "--user-name: write at most"),
        ({**ALL, "secret": "hunter2"}, {}, "--secret: write env:NAME"),
        ({**OWN, "url": "http://dav.example/"}, {}, "http:// would show the password to everybody on the way to dav."),
        (OWN, {"calendar": " Bookings"}, "--calendar: write a name"),
        (OWN, {"calendar": "x" * 201}, "--calendar: write a name"),
        (OWN, {"at_once": 65}, "--at-once: write a number from 1 to 64"),
    ],
)
def test_a_caldav_profile_of_a_wrong_form_is_refused(end: dict[str, str], more: dict[str, object], says: str) -> None:
    profile = ServerProfile("dav", Endpoint(**end), NOW, CALDAV, **{"at_once": 8, **more})  # type: ignore[arg-type] # a table's values
    found = profile_mistakes(profile, Config())
    assert "hunter2" not in "".join(found)
    assert (len(found) == 1 and says in found[0]) if says else not found


def test_exchange_online_knows_no_calendar_no_limit_and_no_password() -> None:
    end = Endpoint("https://graph.example", credential="password", secret="env:P")
    found = profile_mistakes(ServerProfile("x", end, NOW, EXCHANGE, calendar="B", at_once=3), Config())
    assert [phrase for phrase in ("takes no --calendar", "takes no --at-once", "no credential 'password'")
            if phrase not in "; ".join(found)] == []  # fmt: skip


def test_plain_http_is_let_through_to_a_host_that_the_operator_names() -> None:
    profile = ServerProfile("dav", Endpoint("http://dav.example/", credential="password"), NOW, CALDAV, at_once=8)
    assert profile_mistakes(profile, Config(plain_http=["dav.example"])) == []
