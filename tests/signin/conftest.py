from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.signin.entra import HEADER, PASSWORD, SECRET, Entra, Files, entra, write_files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_files(tmp_path)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """The authority over TLS, and a process whose environment holds the planted secrets."""
    clean(monkeypatch)
    with entra(tmp_path) as served:
        yield served


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """The identity endpoint of a machine in Azure, over plain HTTP as there."""
    clean(monkeypatch)
    with entra(tmp_path, tls=False) as served:
        yield served


def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("IDENTITY_", "MSI_", "IMDS_", "AZURE_", "MSAL_")
    for name in [name for name in os.environ if name.startswith(names)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLANTED_SECRET", SECRET)
    monkeypatch.setenv("PLANTED_PASSWORD", PASSWORD)
    monkeypatch.setenv("PLANTED_HEADER", HEADER)
