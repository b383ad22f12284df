"""A field service in a process of its own. Prints one JSON line with its address, then serves until stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec

from fieldcal.embedded.fieldservice.database import WrongLayout
from fieldcal.embedded.fieldservice.sample import load_sample
from fieldcal.embedded.fieldservice.service import FieldService
from fieldcal.embedded.server import make_certificates, serving

#: seconds that the printed token lives; whoever needs a new one can sign in
TOKEN_LIFE = 30 * 86_400


def main() -> int:
    given = _arguments()
    if bool(given.client) != bool(given.secret):
        print("--client and --secret go together.", file=sys.stderr)  # noqa: T201 # a command's own words
        return 2
    try:
        asyncio.run(_serve(given))
    except (OSError, ValueError, WrongLayout) as error:
        print(f"cannot serve: {error}", file=sys.stderr)  # noqa: T201 # a command's own words
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fieldcal.embedded.fieldservice", description=__doc__)
    parser.add_argument("--database", required=True, help="a SQLite file, made if missing, or a URL of SQLAlchemy")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--organization", help="the organization's id; a new one if missing")
    parser.add_argument("--tenant", help="the tenant's id")
    parser.add_argument("--client", default="", help="client id that may sign in")
    parser.add_argument("--secret", default="", help="its secret")
    parser.add_argument("--sample", action="store_true", help="fill a new database with the sample organization")
    parser.add_argument("--sandbox", action="store_true", help="open the control plane under /_control/")
    parser.add_argument("--tls", type=Path, metavar="FOLDER", help="serve TLS with a CA made in this folder")
    return parser.parse_args()


async def _serve(given: argparse.Namespace) -> None:
    tls = make_certificates(given.tls) if given.tls else None
    clients = {given.client: given.secret} if given.client else {}
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with FieldService(
        given.database,
        organization_id=given.organization,
        tenant_id=given.tenant,
        clients=clients,
        sandbox=given.sandbox,
    ) as service:
        if given.sample:
            load_sample(service.store)
        async with serving(service.app, port=given.port, tls=tls) as url:
            token = service.tokens.grant(url, lifetime=TOKEN_LIFE)
            line = {"url": url, "token": token, "tenant": service.tenant_id, "organization": service.organization_id}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
            await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
