"""An embedded Exchange in a process of its own. Prints one JSON line with its address, then serves until stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from uuid import UUID

import msgspec

from fieldcal.embedded.exchange.exchange import DEFAULT_TENANT, Exchange
from fieldcal.embedded.exchange.settings import Settings
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
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)  # noqa: T201 # a command's own words
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fieldcal.embedded.exchange", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file; made if missing")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--tenant", type=UUID, default=DEFAULT_TENANT)
    parser.add_argument("--client", default="", help="client id that may sign in")
    parser.add_argument("--secret", default="", help="its secret")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each request and batch item takes")
    parser.add_argument("--sandbox", action="store_true", help="open the control plane under /_control/")
    parser.add_argument("--tls", type=Path, metavar="FOLDER", help="serve TLS with a CA made in this folder")
    return parser.parse_args()


async def _serve(given: argparse.Namespace) -> None:
    tls = make_certificates(given.tls) if given.tls else None
    clients = {given.client: given.secret} if given.client else {}
    settings = Settings(latency=given.latency)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with Exchange(
        given.database, tenant_id=given.tenant, clients=clients, settings=settings, sandbox=given.sandbox
    ) as exchange:
        async with serving(exchange.app, port=given.port, tls=tls) as url:
            line = {"url": url, "token": exchange.token(lifetime=TOKEN_LIFE), "tenant": str(given.tenant)}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
            await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
