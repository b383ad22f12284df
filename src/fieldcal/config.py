"""What the operator sets for this installation: `FIELDCAL_*` variables, then `fieldcal.toml`; every mistake at once."""

from __future__ import annotations

import base64
import difflib
import os
import ssl
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from fieldcal import mail_server
from fieldcal.errors import ConfigError, one_line
from fieldcal.setup_model import Role
from fieldcal.urls import parts

PREFIX = "FIELDCAL_"
#: Read elsewhere than here: where the file is, and whether a fault shows its traceback.
_OTHER = ("FIELDCAL_CONFIG", "FIELDCAL_DEBUG")
#: How alike a variable is to one of ours that must be a slip of the finger.
_MEANT = 0.85
#: How variables are called that hold what a reference names.
_OF_SECRETS = ("SECRET", "TOKEN", "PASSWORD", "KEY", "KEYS", "CERTIFICATE", "CREDENTIAL")


def _data_folder() -> Path:
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "fieldcal"


_PORTS = 65_535
#: bytes of a Fernet key
_KEY_BYTES = 32
#: What a setting wants, by pydantic's name for the mistake.
_KINDS = {
    "string_type": "a text in quotes", "path_type": "a path in quotes", "tuple_type": "a list, or a text with commas",
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "greater_than_equal": "0 (for ever) or more", "less_than_equal": "36500 at most",
}  # fmt: skip
#: Lists are written with commas, in variables and in the file alike.
Words = Annotated[tuple[str, ...], NoDecode]


def _days(value: Any) -> Any:
    return 0 if isinstance(value, str) and value.strip().casefold() == "forever" else value


#: Whole days; "forever" is another word for 0.
Days = Annotated[int, BeforeValidator(_days), Field(ge=0, le=36_500)]


class Config(BaseSettings):
    """One installation's settings; `load` makes it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    #: the folder that holds the state, the embedded systems' files and the run file; made where it is missing
    data: Path = Field(default_factory=_data_folder)
    #: `sqlite:///PATH` or `postgresql://...`; "" is a SQLite file in the data folder
    database_url: str = Field(default="", repr=False)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    #: where `serve` listens, `ADDRESS:PORT`
    listen: Words = ("127.0.0.1:8765",)
    #: where `serve` takes notifications of sources, and nothing else; () is nowhere
    listen_hooks: Words = ()
    #: where metrics are given without a token, to this machine alone, and nothing else; () is nowhere
    listen_metrics: Words = ()
    #: Fernet keys for secrets at rest, newest first, or a reference to them (`env:NAME`, `file:PATH`)
    secret_keys: Words = Field(default=(), repr=False)
    #: the user whom the command line acts as; "" is the operator
    user: str = ""
    #: hosts other than this machine that tokens may be sent to over http
    plain_http: Words = ()
    #: where people reach the admin centre, where that is another address than `listen`: `https://fieldcal.example`
    web_url: str = ""
    #: addresses of proxies in front of it; what they say of whom they speak for is believed
    proxies: Words = ()
    #: PEM file of a further certificate authority to trust
    ca_file: Path | None = None
    #: the organization's OpenID Connect provider, `https://login.microsoftonline.com/TENANT/v2.0`; "" is none
    oidc_issuer: str = ""
    #: the application that Fieldcal is there, and its secret by reference
    oidc_client_id: str = ""
    oidc_secret: str = Field(default="", repr=False)
    #: which group, or application role, stands for which role: `ROLE=GROUP`
    oidc_roles: Words = ()
    #: what people call it
    oidc_name: str = "Microsoft Entra"
    #: the server that alerts are mailed through, `smtp://USER@HOST:PORT` or `smtps://...`; "" sends none
    smtp_url: str = ""
    #: a reference to that user's password (`env:NAME`, `file:PATH`, `encrypted:...`)
    smtp_password: str = Field(default="", repr=False)
    #: mail servers that may be spoken to without TLS, the password included
    plain_smtp: Words = ()
    #: who is told of alerts, and who says so
    alert_mail_to: Words = ()
    alert_mail_from: str = ""
    #: the least level that is mailed
    alert_mail_level: Literal["warning", "error"] = "warning"
    #: days that the history and the passes, the audit, and bookings after their end are kept; 0 is for ever
    keep_history_days: Days = 180
    keep_audit_days: Days = 730
    keep_bookings_days: Days = 90

    @field_validator(
        "listen",
        "listen_hooks",
        "listen_metrics",
        "secret_keys",
        "plain_http",
        "proxies",
        "plain_smtp",
        "alert_mail_to",
        "oidc_roles",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("listen", "listen_hooks", "listen_metrics")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit() or int(port) > _PORTS:
                raise ValueError(f"{one_line(address, 60)} is not ADDRESS:PORT")
        return value

    @field_validator("listen_metrics")
    @classmethod
    def _here(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if address.rpartition(":")[0] not in {"127.0.0.1", "[::1]", "localhost"}:
                raise ValueError(
                    f"{one_line(address, 60)} is no address of this machine alone, and whoever asks there needs no "
                    "token; write 127.0.0.1:PORT, or have others bring a token with the scope metrics"
                )
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("write sqlite:///PATH or postgresql://...")
        if value.startswith("postgresql://") and not parts(value).scheme:
            raise ValueError("its port is no number, or a sign in its password has to be written as %XX")
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _groups(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            role, _, group = pair.partition("=")
            if role.strip() not in set(Role) or not group.strip():
                raise ValueError(f"{one_line(pair, 80)} is not ROLE=GROUP; the roles are {', '.join(Role)}")
        return value

    @field_validator("oidc_secret")
    @classmethod
    def _named(cls, value: str) -> str:
        if value and not value.startswith(("env:", "file:", "encrypted:")):
            raise ValueError("write env:NAME or file:PATH, never the secret itself")
        return value

    @field_validator("web_url")
    @classmethod
    def _page_address(cls, value: str) -> str:
        found = urlsplit(value)
        if value and (found.scheme not in {"http", "https"} or not found.hostname or found.path not in {"", "/"}):
            raise ValueError("write https://HOST or https://HOST:PORT, without a path")
        return value.rstrip("/")

    @field_validator("data", "ca_file", mode="after")
    @classmethod
    def _at_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        return mail_server.checked_url(value)

    @field_validator("smtp_password")
    @classmethod
    def _by_reference(cls, value: str) -> str:
        if value and not value.startswith(("env:", "file:", "encrypted:")):
            raise ValueError("write env:NAME or file:PATH, never the password itself")
        return value

    @field_validator("alert_mail_to", "alert_mail_from")
    @classmethod
    def _mail_addresses(cls, value: Any) -> Any:
        wrong = [
            one for one in ([value] if isinstance(value, str) else value) if one and not mail_server.is_address(one)
        ]
        if wrong:
            raise ValueError(f"{one_line(wrong[0], 60)} is no e-mail address")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [str(n) for n, key in enumerate(value, 1) if not key.startswith(("env:", "file:")) and not _is_key(key)]
        if wrong:
            how = "write a key (32 bytes, base64), env:NAME or file:PATH"
            raise ValueError(f"number {', '.join(wrong)} of {len(value)} is no key: {how}")
        return value

    @field_validator("ca_file")
    @classmethod
    def _certificates(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(value))
            except (OSError, ssl.SSLError) as error:
                reason = "it holds no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
                raise ValueError(f"{one_line(value, 120)} cannot be used: {reason}") from None
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature, here and below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file, which `load` hands in."""
        return env_settings, init_settings

    @property
    def state_url(self) -> str:
        """The address of the state."""
        return self.database_url or f"sqlite:///{self.data / 'state.sqlite3'}"

    @property
    def folders(self) -> list[Path]:
        """What one service at a time works on: the data folder, and the folder of an SQLite state elsewhere."""
        _, there, path = self.state_url.partition("sqlite:///")
        return [self.data, *([Path(path.partition("?")[0]).parent] if there and path else [])]


def load() -> Config:
    """The configuration of this process; raises one `ConfigError` that names every mistake in it."""
    given, mistakes = _file()
    mistakes += _misspelt()
    try:
        config = Config(**given)
    except ValidationError as error:
        found = error.errors()
        mistakes += [_mistake(one) for one in found]
        if any(one["type"] == "extra_forbidden" for one in found):
            mistakes.append(f"there are these settings: {', '.join(Config.model_fields)}")
    else:
        mistakes += mail_server.incomplete(config.smtp_url, config.alert_mail_to, config.alert_mail_from)
    if mistakes:
        raise ConfigError("the configuration is wrong: " + "; ".join(mistakes))
    return config


def _file() -> tuple[dict[str, Any], list[str]]:
    named, path = os.environ.get("FIELDCAL_CONFIG"), _path()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except OSError as error:
        if not named and isinstance(error, FileNotFoundError):
            return {}, []
        return {}, [f"{path} cannot be read ({error.strerror or type(error).__name__})"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"{path} is not TOML: {one_line(error, 120)}"]


def _path() -> Path:
    return Path(os.environ.get("FIELDCAL_CONFIG") or "fieldcal.toml")


def _known() -> list[str]:
    return [f"{PREFIX}{name}".upper() for name in Config.model_fields] + list(_OTHER)


def _misspelt() -> list[str]:
    """Variables that look like ours and are none. Others with our prefix may hold secrets that references name."""
    known, found = _known(), []
    for name in _strange(known):
        near = difflib.get_close_matches(name, known, 1, cutoff=_MEANT)
        found += [f"{name}: there is no such variable; is {near[0]} meant?"] if near else []
    return found


def ignored() -> list[str]:
    """A line for each other variable with our prefix that nothing reads; not what may hold a secret by its name."""
    known, found = _known(), []
    for name in _strange(known):
        near = difflib.get_close_matches(name, known, 1, cutoff=0)[0]
        meant = difflib.get_close_matches(name, [near], 1, cutoff=_MEANT)
        if not meant and not name.endswith(_OF_SECRETS):
            found.append(f"{name} is no variable of Fieldcal and is ignored; the nearest one is {near}")
    return found


def _strange(known: Sequence[str]) -> list[str]:
    return [name for name in sorted(os.environ) if name.startswith(PREFIX) and name not in known]


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == _KEY_BYTES
    except ValueError:
        return False


def _where(name: str) -> str:
    """The variable or the file that a setting's value comes from."""
    variable = f"{PREFIX}{name}".upper()
    return variable if os.environ.get(variable) else f"{name} in {_path()}"


def _mistake(error: Any) -> str:
    """One mistake in one phrase, with the value unless it may be a secret."""
    name = str(error["loc"][0]) if error["loc"] else "?"
    if error["type"] == "extra_forbidden":
        return f"{name} in {_path()}: there is no such setting"
    if error["type"] == "value_error":
        return f"{_where(name)}: {one_line(error['ctx']['error'], 240)}"
    if error["type"] == "literal_error":
        text = f"is none of {error['ctx']['expected'].replace(chr(39), '').replace(' or ', ', ')}"
    else:
        text = f"is not what is wanted: write {_KINDS.get(error['type'], 'another kind of value')}"
    shown = one_line(repr(error["input"]), 80) if Config.model_fields[name].repr else "it"
    return f"{_where(name)}: {shown} {text}"
