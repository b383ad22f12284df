"""The look through all output of the suite finds what it is there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.told import secrets_in

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "text",
    [
        "refused: PLANTED~secret.of-the-app",
        "Authorization: Bearer abcdefghijklmnop",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_a_secret_is_found_and_not_told_again(text: str) -> None:
    [found] = secrets_in(f"before {text} after")
    assert found.endswith("...")
    assert text not in found


def test_ids_addresses_and_words_about_tokens_are_no_secrets() -> None:
    said = "the bearer token is refused (401); ana@contoso.com, 6b1f6f6e-0000-4000-8000-00000000000a, eyJhbGciOi..."
    assert secrets_in(said) == []


@pytest.mark.parametrize("where", ["print(secret)", "print(secret, file=sys.stderr)", "logging.warning(secret)"])
def test_a_test_that_lets_a_secret_out_fails_though_it_asserts_nothing_about_it(where: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import logging, sys\nsecret = 'PLANTED' + '-secret'\ndef test_it():\n    {where}\n"
        "def test_other():\n    print('nothing')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.told", "-c", "/dev/null", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "test_it tells secrets: PLANTED-secr..." in done.stdout
