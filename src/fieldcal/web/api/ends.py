"""How another system is attached: what is shown of it, what may be sent, and each mistake at its field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from fieldcal.errors import ConfigError
from fieldcal.model import Check
from fieldcal.secrets import shown as reference
from fieldcal.setup_model import Endpoint
from fieldcal.web.api.caller import Caller
from fieldcal.web.api.problem import Invalid
from fieldcal.web.api.shapes import Asked, Shown, Words
from fieldcal.web.secrecy import put_aside, would_leak

#: Options of the command line, by which mistakes name what is wrong.
_OPTION = re.compile(r"--([a-z-]+)")
_FIELDS = {"url", "authority", "tenant", "credential", "client_id", "secret", "calendar", "at_once"}
_PUT_ASIDE = (
    "name env:FIELDCAL_SECRET_..., or file:/run/secrets/..., or send the secret as `new_secret`; any other place only "
    "the operator may name, on the command line"
)
_ANEW = "another server or authority: give its secret anew, so that the one before is never sent there"

#: A secret itself; it may have several lines.
Clear = Annotated[str, Field(min_length=1, max_length=20_000)]


class EndShown(Shown):
    """Another system, and how it is signed in to. The secret is told by its reference, never itself."""

    url: str = Field(description='Where it is, "" where it is embedded.', examples=["https://example.crm.dynamics.com"])
    authority: str = Field(description="Where sign-in is done.")
    tenant: str = Field(description="The tenant to sign in to.")
    credential: str = Field(description="How it is signed in to.", examples=["secret"])
    client_id: str = Field(description="The application, or user, that signs in.")
    secret: str = Field(description="The reference to the secret.", examples=["file:/run/secrets/dataverse"])


class EndAsked(Asked):
    """Another system, and how to sign in to it; what is left out stays as it is."""

    url: Words | None = Field(default=None, description="Where it is.", examples=["https://example.crm.dynamics.com"])
    authority: Words | None = Field(default=None, description="Where sign-in is done.")
    tenant: Words | None = Field(default=None, description="The tenant to sign in to.")
    credential: Words | None = Field(default=None, description="How to sign in.", examples=["secret"])
    client_id: Words | None = Field(default=None, description="The application that signs in; on CalDAV the user.")
    secret: Words | None = Field(
        default=None, examples=["file:/run/secrets/dataverse"],
        description="A reference that the operator has put aside for this: `env:FIELDCAL_SECRET_…` or "
        "`file:/run/secrets/…`; never the secret.",
    )  # fmt: skip
    new_secret: Clear | None = Field(
        default=None, description="The secret itself, in place of a reference; it is kept encrypted and never shown."
    )


class CheckShown(Shown):
    """One thing that was looked at."""

    name: str = Field(description="What was looked at.", examples=["sign-in"])
    ok: bool = Field(description="It is as it has to be.")
    detail: str = Field(description="What was found.")
    remedy: str = Field(description="What helps where it is not.")


class Tried(Shown):
    """What came of signing in to another system."""

    ok: bool = Field(description="All is as it has to be.")
    checks: list[CheckShown] = Field(description="What was looked at.")


def tried(checks: Iterable[Check]) -> Tried:
    """These checks, to be answered."""
    shown = [CheckShown.model_validate(one) for one in checks]
    return Tried(ok=all(one.ok for one in shown), checks=shown)


def end_shown(end: Endpoint) -> EndShown:
    """An end as it may be shown."""
    return EndShown(
        url=end.url, authority=end.authority, tenant=end.tenant, credential=end.credential, client_id=end.client_id,
        secret=reference(end.secret),
    )  # fmt: skip


def end_asked(caller: Caller, wish: EndAsked, before: Endpoint | None) -> Endpoint:
    """The end that is meant; `before`: the one that is changed. `Invalid` for a secret that may not be named so."""
    known = before or Endpoint("")
    given = {name: getattr(wish, name) for name in ("url", "authority", "tenant", "credential", "client_id")}
    secret = sealed(caller, wish.secret, wish.new_secret, known.secret)
    after = Endpoint(
        secret=known.secret if secret is None else secret,
        **{name: getattr(known, name) if value is None else value for name, value in given.items()},
    )
    if before is not None and would_leak(before, after):
        raise Invalid([("/secret", _ANEW)])
    return after


def sealed(caller: Caller, named: str | None, clear: str | None, known: str = "") -> str | None:
    """The reference to keep: the one that is named, or the secret itself sealed; None: neither was given."""
    if named is not None and clear is not None:
        raise Invalid([("/new_secret", "either a reference as `secret`, or the secret itself as `new_secret`")])
    if clear is not None:
        try:
            return caller.house.app.secrets.seal(clear)
        except ConfigError as error:
            raise Invalid([("/new_secret", str(error))]) from None
    if named and named != reference(known) and not put_aside(named):
        raise Invalid([("/secret", _PUT_ASIDE)])
    return known if named and named == reference(known) else named


def refuse(mistakes: Iterable[str]) -> None:
    """Return where there are none of these mistakes, told in the command line's words; else `Invalid` at each field."""
    found = [(_where(one), _in_words(one)) for one in dict.fromkeys(mistakes)]
    if found:
        raise Invalid(found)


def _field(option: str) -> str:
    name = option.replace("-", "_")
    return "client_id" if name == "user_name" else name


def _where(mistake: str) -> str:
    named = [_field(option) for option in _OPTION.findall(mistake) if _field(option) in _FIELDS]
    if named:
        return f"/{named[0]}"
    if "cannot name" in mistake:
        return "/name"
    return "/credential" if "credential" in mistake else ""


def _in_words(mistake: str) -> str:
    head, mark, rest = mistake.partition(": ")
    words = rest if mark and head.startswith("--") else mistake
    return _OPTION.sub(lambda option: f"`{_field(option[1])}`" if _field(option[1]) in _FIELDS else option[0], words)
