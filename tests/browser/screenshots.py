"""Writes the pictures of the guides: each page light and dark, wide and narrow, into docs/img (`make screenshots`)."""

from __future__ import annotations

import asyncio
import base64
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import browsing
from tests.browser.company import Company, opened
from tests.browser.pages import PAGES

IMAGES = Path(__file__).parents[2] / "docs" / "img"
LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"narrow": True}, "phone-dark": {"narrow": True, "dark": True}}
#: The browser makes WebP of what it shot: a third of a JPEG's size with sharper letters.
_PACK = """async (shot) => {
  const image = new Image();
  image.src = `data:image/png;base64,${shot}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.7).split(",")[1];
}"""


async def _write(at: Company) -> None:
    desk = await at.browser.new_page()
    for shown in PAGES:
        for look, looks in LOOKS.items():
            if shown.who:
                page = await at.signed_in(shown.who, **looks)
            else:
                page = await (await at.context(**looks)).new_page()
            await page.goto(await at.path(shown.path), wait_until="networkidle")
            path = IMAGES / f"{shown.name}-{look}.webp"
            shot = base64.b64encode(await page.screenshot()).decode()
            path.write_bytes(base64.b64decode(await desk.evaluate(_PACK, shot)))
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
