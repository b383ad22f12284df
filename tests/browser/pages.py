"""Every page that is looked at: for axe, for its weight, and for the pictures of the guides. One line a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A page as a person sees it."""

    #: of its pictures in docs/img
    name: str
    #: `{mailbox}` stands for the first one's id
    path: str
    #: who looks at it, by the demo's sign-ins; "" nobody
    who: str = "admin"
    #: it draws with ECharts, which alone is 169 kB
    charts: bool = False


PAGES = (
    Shown("sign-in", "/sign-in", who=""),
    Shown("overview", "/overview", charts=True),
    Shown("mailboxes", "/mailboxes"),
    Shown("mailbox", "/mailboxes/{mailbox}"),
    Shown("import", "/mailboxes/import"),
    Shown("own-mailbox", "/mailbox", who="worker"),
    Shown("my-day", "/my/day", who="worker"),
    Shown("my-calendar", "/my/calendar", who="worker"),
    Shown("board", "/board", who="dispatcher"),
    Shown("board-week", "/board?view=week", who="dispatcher"),
    Shown("bookings", "/bookings"),
    Shown("bookings-missing", "/bookings?show=missing"),
    Shown("bookings-trouble", "/bookings?show=trouble"),
    Shown("booking", "/bookings/{booking}"),
    Shown("orders", "/orders", who="dispatcher"),
    Shown("order-new", "/orders/new", who="dispatcher"),
    Shown("customers", "/customers", who="dispatcher"),
    Shown("workers", "/workers", who="dispatcher"),
    Shown("crews", "/workers/crews", who="dispatcher"),
    Shown("types", "/types", who="dispatcher"),
    Shown("sheets", "/sheets?kind=orders", who="dispatcher"),
    Shown("environments", "/environments"),
    Shown("environment", "/environments/one"),
    Shown("environment-remove", "/environments/remove?environment=demo"),
    Shown("profiles", "/profiles"),
    Shown("profile", "/profiles/one?name=Exchange-Online"),
    Shown("profile-caldav", "/profiles/new?kind=caldav"),
    Shown("passes", "/passes"),
    Shown("pass", "/passes/{pass}"),
    Shown("plans", "/plans"),
    Shown("settings", "/settings"),
    Shown("check", "/check"),
    Shown("alerts", "/alerts"),
    Shown("audit", "/audit"),
    Shown("doctor", "/doctor"),
    Shown("data", "/data"),
    Shown("erase", "/data/erase"),
    Shown("account", "/account"),
    Shown("users", "/users"),
    Shown("user", "/users/one?name=approver"),
    Shown("user-new", "/users/new"),
)
