"""Our own static files and those that the build fetched: compressed, cached by their content, nothing else served."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(str(files("fieldcal.web"))) / "static"
_TEXTS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_KINDS = {**{suffix: f"{kind}; charset=utf-8" for suffix, kind in _TEXTS.items()}, ".png": "image/png"}
#: What pages load of others; without them the pages say so (package.json, hatch_build.py).
VENDOR = ("vendor/htmx.js", "vendor/echarts.js", "vendor/event-calendar.js", "vendor/event-calendar.css")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file with its compressed body."""

    body: bytes
    packed: bytes
    kind: str
    digest: str


def find(name: str) -> Asset | None:
    """The file of this name in static/, None where there is none that may be served."""
    path = _FOLDER / name
    if path.suffix not in _KINDS or not path.resolve().is_relative_to(_FOLDER.resolve()) or not path.is_file():
        return None
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, _changed: int) -> Asset:
    body = path.read_bytes()
    packed = path.with_name(f"{path.name}.gz")
    squeezed = packed.read_bytes() if packed.is_file() else gzip.compress(body, 9, mtime=0)
    return Asset(body, squeezed, _KINDS[path.suffix], hashlib.sha256(body).hexdigest()[:16])


def url(name: str) -> str:
    """Where a page loads this file from; the address changes with its content."""
    found = find(name)
    return f"/static/{name}?v={found.digest}" if found else f"/static/{name}"


def missing() -> list[str]:
    """Those of `VENDOR` that the build did not bring."""
    return [name for name in VENDOR if find(name) is None]


async def serve(request: Request) -> Response:
    """`GET /static/...`."""
    found = find(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    lasting = request.query_params.get("v") == found.digest
    headers = {
        "etag": f'"{found.digest}"', "vary": "accept-encoding",
        "cache-control": "public, max-age=31536000, immutable" if lasting else "no-cache",
    }  # fmt: skip
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, headers={**headers, "content-encoding": "gzip"}, media_type=found.kind)
    return Response(found.body, headers=headers, media_type=found.kind)
