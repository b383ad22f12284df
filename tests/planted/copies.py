"""Copies of the product in which a fault can be planted, and the tests run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: what a run of tests needs
PARTS = ("src", "tests", "bench", "pyproject.toml", "README.md")
_LEFT = shutil.ignore_patterns("__pycache__", "*.pyc", "embedded", "conformance", "planted")


def copied(folder: Path) -> Path:
    """A copy of source and tests, without compiled files: an old one must not be run in place of a changed one."""
    tree = folder / "tree"
    tree.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(
                source, tree / part, ignore=_LEFT if part == "tests" else shutil.ignore_patterns("__pycache__")
            )
        elif source.exists():
            shutil.copyfile(source, tree / part)
    return tree


def environment(tree: Path) -> dict[str, str]:
    """The copy's sources before any installed ones, here and in every process that the tests start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FIELDCAL_", "COV_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)]), "PYTHONDONTWRITEBYTECODE": "1"}


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with `command` in the copy."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def run_tests(tree: Path, nodes: Sequence[str], *, stop_at_first: bool) -> subprocess.CompletedProcess[str]:
    """Run these tests in the copy: 0 all passed, 1 some failed, anything else is trouble of the run itself."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=short"]
    return run(tree, "-m", "pytest", *options, *(["-x"] if stop_at_first else []), *nodes)
