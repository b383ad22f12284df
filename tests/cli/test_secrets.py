"""Secrets by reference and at rest: found, sealed, rotated, and never in a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fieldcal.errors import ConfigError
from fieldcal.secrets import Secrets, is_reference, shown

NEW, OLD = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_secret_is_read_anew_at_each_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets, path = Secrets(()), tmp_path / "token"
    for value in ("one", "two"):
        monkeypatch.setenv("A_TOKEN", value)
        path.write_text(f"{value}\n")
        assert secrets.resolve("env:A_TOKEN") == value
        assert secrets.resolve(f"file:{path}") == value


def test_a_sealed_secret_is_opened_by_any_key_and_does_not_show(tmp_path: Path) -> None:
    sealed = Secrets([OLD]).seal("hunter2")
    assert "hunter2" not in sealed
    assert shown(sealed) == "encrypted"
    assert Secrets([NEW, OLD]).resolve(sealed) == "hunter2"
    keys = tmp_path / "keys"
    keys.write_text(f"{NEW}\n{OLD}\n")
    assert Secrets([f"file:{keys}"]).resolve(sealed) == "hunter2"
    with pytest.raises(ConfigError, match="cannot be opened with the keys"):
        Secrets([NEW]).resolve(sealed)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("hunter2", "given by reference"),
        ("env:", "given by reference"),
        ("vault:hunter2", "given by reference"),
        ("env:NO_SUCH_VARIABLE", "env:NO_SUCH_VARIABLE is not set"),
        ("file:no/such/file", "file:no/such/file cannot be read"),
        ("file:.", "cannot be read"),
        ("encrypted:abc", "FIELDCAL_SECRET_KEYS"),
    ],
)
def test_what_cannot_be_resolved_is_told_by_its_reference(reference: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        Secrets(()).resolve(reference)
    assert "hunter2" not in str(refused.value)


def test_an_empty_secret_and_a_key_that_is_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(ConfigError, match="is empty"):
        Secrets(()).resolve(f"file:{tmp_path / 'empty'}")
    with pytest.raises(ConfigError, match="not a key") as refused:
        Secrets(["hunter2"]).seal("x")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("text", "is_one"), [("env:A", True), ("file:/a", True), ("encrypted:x", True), ("x", False)])
def test_a_reference_is_told_from_a_secret(text: str, is_one: bool) -> None:
    assert is_reference(text) == is_one
