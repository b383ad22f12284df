"""Which secrets people who are not this machine's operator may name, and where a kept one may be sent.

Pages and REST share it: whoever could name any variable or file, and the server that it is sent to, could read all.
"""

from __future__ import annotations

import posixpath

from fieldcal.setup.addresses import origin
from fieldcal.setup_model import Endpoint

_NAMED, _FOLDER, _KEYS = "env:FIELDCAL_SECRET_", "/run/secrets/", "env:FIELDCAL_SECRET_KEYS"


def put_aside(reference: str) -> bool:
    """The operator has put this secret where people of the admin centre may name it."""
    if reference.startswith("file:"):
        path = reference.removeprefix("file:")
        return path.startswith(_FOLDER) and posixpath.normpath(path) == path
    return reference.startswith(_NAMED) and reference != _KEYS


def would_leak(before: Endpoint, after: Endpoint) -> bool:
    """The secret that is kept would be sent to another server or authority than before."""
    places = [(origin(end.url), origin(end.authority)) for end in (before, after)]
    return bool(after.secret) and after.secret == before.secret and places[0] != places[1]
