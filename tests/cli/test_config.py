"""The configuration: variables over the file, every mistake at once, secrets in none of the messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fieldcal import config
from fieldcal.errors import ConfigError


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("FIELDCAL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_anything_set_the_state_lies_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert config.load().state_url == "sqlite:////data/fieldcal/state.sqlite3"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/someone")
    assert config.load().data == Path("/someone/.local/share/fieldcal")


def test_a_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fieldcal.toml").write_text('log_level = "debug"\nlog_format = "json"\nlisten = "[::1]:80, 0.0.0.0:81"')
    monkeypatch.setenv("FIELDCAL_LOG_LEVEL", "error")
    loaded = config.load()
    assert (loaded.log_level, loaded.log_format, loaded.listen) == ("error", "json", ("[::1]:80", "0.0.0.0:81"))


def test_the_file_may_lie_elsewhere_and_lists_may_be_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "etc.toml"
    path.write_text('secret_keys = ["env:NEW", "file:old"]\nuser = "eve"\ndata = "~/x"')
    monkeypatch.setenv("FIELDCAL_CONFIG", str(path))
    monkeypatch.setenv("HOME", "/someone")
    loaded = config.load()
    assert (loaded.secret_keys, loaded.user, loaded.data) == (("env:NEW", "file:old"), "eve", Path("/someone/x"))


def test_three_mistakes_are_all_told_at_once_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fieldcal.toml").write_text('log_level = "loud"\nintervall = 5')
    monkeypatch.setenv("FIELDCAL_LISTEN", "nowhere")
    with pytest.raises(ConfigError) as refused:
        config.load()
    text = str(refused.value)
    assert "\n" not in text
    assert "intervall in fieldcal.toml: there is no such setting" in text
    assert "log_level in fieldcal.toml: 'loud' is none of debug, info, warning, error" in text
    assert "FIELDCAL_LISTEN: nowhere is not ADDRESS:PORT" in text


def test_every_kind_of_mistake_in_the_file_is_told_at_once_with_its_value(tmp_path: Path) -> None:
    key = "bm90IGEga2V5IG9mIHRoaXJ0eS10d28gYnl0ZXMhISE="
    (tmp_path / "fieldcal.toml").write_text(
        f'log_level = 5\nlisten = "x"\ndata = 7\nuser = 3\nsecret_keys = "{key}, hunter2, file:keys"\n'
        'database_url = "mysql://a:hunter2@x"\nca_file = "fieldcal.toml"\nplain_http = 4\nnonsense = 1\n'
    )
    with pytest.raises(ConfigError) as refused:
        config.load()
    told = str(refused.value).removeprefix("the configuration is wrong: ").split("; ")
    assert told == [
        "data in fieldcal.toml: 7 is not what is wanted: write a path in quotes",
        "database_url in fieldcal.toml: write sqlite:///PATH or postgresql://...",
        "log_level in fieldcal.toml: 5 is none of debug, info, warning, error",
        "listen in fieldcal.toml: x is not ADDRESS:PORT",
        "secret_keys in fieldcal.toml: number 2 of 3 is no key: write a key (32 bytes, base64), env:NAME or file:PATH",
        "user in fieldcal.toml: 3 is not what is wanted: write a text in quotes",
        "plain_http in fieldcal.toml: 4 is not what is wanted: write a list, or a text with commas",
        "ca_file in fieldcal.toml: fieldcal.toml cannot be used: it holds no certificates in PEM",
        "nonsense in fieldcal.toml: there is no such setting",
        told[-1],
    ]
    assert told[-1].startswith("there are these settings: data, ")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FIELDCAL_DATABASE_URL", "mysql://fieldcal:hunter2@db/x", "write sqlite:///PATH or postgresql://"),
        ("FIELDCAL_DATABASE_URL", "postgresql://fieldcal:hunter2@db:abc/x", "its port is no number"),
        ("FIELDCAL_DATABSE_URL", "sqlite:///hunter2", "is FIELDCAL_DATABASE_URL meant?"),
        ("FIELDCAL_LISTEN", "127.0.0.1:99999", "is not ADDRESS:PORT"),
        ("FIELDCAL_LISTEN", ":80", "is not ADDRESS:PORT"),
        ("FIELDCAL_LOG_FORMAT", "xml", "'xml' is none of text, json"),
        ("FIELDCAL_SECRET_KEYS", "hunter2", "number 1 of 1 is no key"),
        ("FIELDCAL_CA_FILE", "missing.pem", "missing.pem cannot be used: No such file"),
        ("FIELDCAL_CONFIG", "hunter2-missing.toml", "cannot be read"),
    ],
)
def test_a_mistake_is_told_with_its_name_and_without_what_may_be_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        config.load()
    assert says in str(refused.value)
    assert name == "FIELDCAL_CONFIG" or "hunter2" not in str(refused.value)


def test_a_variable_that_a_secrets_reference_names_is_nobodys_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDCAL_GRAPH_TOKEN", "hunter2")
    assert config.load().user == ""


def test_a_variable_that_nothing_reads_is_told_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDCAL_TYPO", "1")
    monkeypatch.setenv("FIELDCAL_GRAPH_TOKEN", "hunter2")
    (told,) = config.ignored()
    assert told.startswith("FIELDCAL_TYPO is no variable of Fieldcal and is ignored; the nearest one is FIELDCAL_")
    assert config.load().user == ""


def test_a_file_that_is_not_toml_is_told_in_one_line(tmp_path: Path) -> None:
    for content in (b"[[[", b"\xff\xfe", b"a = 1\na = 2"):
        (tmp_path / "fieldcal.toml").write_bytes(content)
        with pytest.raises(ConfigError, match="is not TOML") as refused:
            config.load()
        assert "\n" not in str(refused.value)


def test_what_may_hold_secrets_is_not_in_the_configurations_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=")
    monkeypatch.setenv("FIELDCAL_DATABASE_URL", "postgresql://fieldcal:hunter2@db/x")
    assert "aHVudGVy" not in repr(config.load())
    assert "hunter2" not in repr(config.load())


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "fieldcal.toml").mkdir()
    with pytest.raises(ConfigError, match=r"fieldcal\.toml cannot be read"):
        config.load()
