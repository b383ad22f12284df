"""Writes the pictures of the guides: each page light and dark, wide and narrow, into docs/img (`make screenshots`)."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import browsing
from tests.browser.company import Company, opened
from tests.browser.pages import PAGES

IMAGES = Path(__file__).parents[2] / "docs" / "img"
LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"narrow": True}, "phone-dark": {"narrow": True, "dark": True}}
#: JPEG, for fields of one colour with text are small in it too, and every host shows it.
QUALITY = 72


async def _write(at: Company) -> None:
    for shown in PAGES:
        for look, looks in LOOKS.items():
            if shown.who:
                page = await at.signed_in(shown.who, **looks)
            else:
                page = await (await at.context(**looks)).new_page()
            await page.goto(shown.path, wait_until="networkidle")
            path = IMAGES / f"{shown.name}-{look}.jpg"
            await page.screenshot(path=path, type="jpeg", quality=QUALITY)
            await page.context.close()
            print(f"{path.name}: {path.stat().st_size / 1024:.0f} kB")


async def _main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            browsing() as browser,
            opened(Path(folder), browser, set_up=True, workers=12, bookings=150) as at,
        ):
            await _write(at)


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
