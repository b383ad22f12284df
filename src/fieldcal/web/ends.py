"""The form of an end that is attached in the browser: its fields as they were sent, and each mistake beside its field.

Whoever uses it is an administrator, not the operator of this machine. So a secret is typed in and kept encrypted, or
names one of those that the operator has put aside for this; and it is never sent to another server than before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from starlette.datastructures import FormData

from fieldcal.attaching import user_mistakes
from fieldcal.errors import ConfigError
from fieldcal.secrets import shown
from fieldcal.setup_model import Account, Endpoint
from fieldcal.web import merging
from fieldcal.web.merging import Clash
from fieldcal.web.secrecy import put_aside, would_leak
from fieldcal.web.texts import text
from fieldcal.web.visit import Visit

#: An option of the command line, by which mistakes name what is wrong -> its field here.
_FIELDS = {
    "--url": "url", "--authority": "authority", "--tenant": "tenant", "--credential": "credential",
    "--client-id": "client_id", "--user-name": "client_id", "--secret": "secret", "--calendar": "calendar",
    "--at-once": "at_once",
}  # fmt: skip
#: What `secrets` says of one that is not to be had.
_OF_SECRET = ("the secret ", "a secret ", "an encrypted secret", "encrypted secrets")
_OPTION = re.compile(r"--[a-z-]+")
#: Seconds for which a form brings a sealed secret back.
_LASTS = 3_600
_PURPOSE = "kept secret"
#: Among the digests of a form: that of the secret as the form shows it.
_SHOWN = "secret as shown"


@dataclass(slots=True)
class Sent:
    """A form: the value of each field, mistakes by field ("" for those of none), and a sealed secret to bring back."""

    values: dict[str, str]
    mistakes: dict[str, list[str]] = field(default_factory=dict)
    kept: str = ""
    #: digests of what it is shown with, and the fields that another has changed meanwhile
    seen: str = ""
    clashes: dict[str, Clash] = field(default_factory=dict)

    @property
    def wants(self) -> bool:
        """Something has to be corrected or decided before it is kept."""
        return bool(self.mistakes or self.clashes)

    def wrong(self, name: str, words: str) -> None:
        """This is wrong with the field of this name."""
        known = self.mistakes.setdefault(name, [])
        if words not in known:
            known.append(words)

    def place(self, mistakes: Iterable[str]) -> None:
        """Put each of these phrases, in the command line's words, beside its field."""
        for mistake in mistakes:
            self.wrong(_where(mistake), _in_words(mistake))


def _where(mistake: str) -> str:
    named = [_FIELDS[option] for option in _OPTION.findall(mistake) if option in _FIELDS]
    if named:
        return named[0]
    if "cannot name" in mistake or "already" in mistake:
        return "name"
    if mistake.startswith(_OF_SECRET):
        return "secret"
    return "credential" if "credential" in mistake else ""


def _in_words(mistake: str) -> str:
    head, mark, rest = mistake.partition(": ")
    words = rest if mark and head in _FIELDS else mistake
    parts = words.split("`")
    # what stands between backquotes is a command, and stays one
    parts[::2] = [_OPTION.sub(_label, part) for part in parts[::2]]
    told = "`".join(parts)
    return told[:1].upper() + told[1:]


def _label(option: re.Match[str]) -> str:
    name = _FIELDS.get(option[0], "")
    if option[0] == "--user-name":
        name = "user_name"
    return f"“{text(f'ends.{name}')}”" if name else option[0]


def empty(end: Endpoint, **more: str) -> Sent:
    """The form before anybody has written into it; the secret is shown by its reference, never itself."""
    values = {
        "url": end.url, "authority": end.authority, "tenant": end.tenant, "credential": end.credential,
        "client_id": end.client_id, "secret": shown(end.secret),
    }  # fmt: skip
    return Sent(values | more, seen=_prints(end, more))


def _set(end: Endpoint, more: Mapping[str, str]) -> dict[str, str]:
    """What is set, by the form's fields; the secret by its reference."""
    return {
        "url": end.url, "authority": end.authority, "tenant": end.tenant, "credential": end.credential,
        "client_id": end.client_id, "secret": end.secret, **more,
    }  # fmt: skip


def _prints(end: Endpoint, more: Mapping[str, str]) -> str:
    return merging.carried(merging.prints(_set(end, more) | {_SHOWN: shown(end.secret)}))


def read(
    visit: Visit, form: FormData, names: Iterable[str], before: Endpoint | None, **more: str
) -> tuple[Sent, Endpoint]:
    """The form as it was sent and the end that it means; `before`, and `more` of its fields: what is set now.

    What another has set since the form was shown stays, and where both changed one field, that is a clash.
    """
    sent = Sent({name: str(form.get(name, "")).strip() for name in names})
    value = sent.values
    secret = _secret(visit, form, sent, before.secret if before else "")
    if before is not None:
        now = _set(before, more)
        found = merging.merged(form, {name: secret if name == "secret" else value[name] for name in now}, now)
        secret = found.values["secret"]
        value |= found.values | {"secret": shown(secret)}
        sent.clashes = found.clashes
        sent.seen = merging.carried(found.seen | merging.prints({_SHOWN: shown(before.secret)}))
    end = Endpoint(value["url"], value["authority"], value["tenant"], value["credential"], value["client_id"], secret)
    if before is not None and would_leak(before, end):
        sent.wrong("secret", text("ends.anew"))
    return sent, end


def of_account(account: Account) -> Sent:
    """The form of a mailbox's own sign-in, before anybody has written into it."""
    return Sent({"client_id": account.user, "secret": shown(account.secret)})


def read_account(visit: Visit, form: FormData, before: Account, *, named: bool) -> tuple[Sent, Account]:
    """A mailbox's own sign-in as it was sent; `named`: its secret may be one that the operator has put aside."""
    sent = Sent({name: str(form.get(name, "")).strip() for name in ("client_id", "secret")})
    sent.place(user_mistakes(sent.values["client_id"]))
    secret = _secret(visit, form, sent, before.secret)
    if not named and secret not in {"", before.secret} and not secret.startswith("encrypted:"):
        sent.wrong("secret", text("ends.type_it"))
    return sent, replace(before, user=sent.values["client_id"], secret=secret)


def _secret(visit: Visit, form: FormData, sent: Sent, before: str) -> str:
    typed, reference = str(form.get("typed_secret", "")).strip(), sent.values["secret"]
    if typed:
        try:
            sealed = visit.house.app.secrets.seal(typed)
        except ConfigError as error:
            sent.wrong("secret", str(error))
            return before
        sent.kept, sent.values["secret"] = visit.seal(_PURPOSE, sealed), shown(sealed)
        return sealed
    brought = visit.unseal(_PURPOSE, str(form.get("kept_reference", "")), _LASTS)
    # Only what was typed in comes back so: any other reference is looked at below, whoever carried it.
    if isinstance(brought, str) and brought.startswith("encrypted:") and reference == shown(brought):
        sent.kept = str(form.get("kept_reference", ""))
        return brought
    as_shown = merging.digest(reference) == merging.seen(form.get(merging.SEEN)).get(_SHOWN)
    if as_shown or reference == shown(before) or "secret" not in form:
        return before
    if reference and not put_aside(reference):
        sent.wrong("secret", text("ends.not_put_aside"))
    return reference
