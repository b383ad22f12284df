"""Serves an app on loopback, in the running loop or in a thread of its own; over TLS with a CA made on the spot."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

LOOPBACK = "127.0.0.1"
#: Seconds that the head of a request may take where strangers call, and connections there at once.
HEAD, AT_ONCE = 10.0, 500
GRACE = 2.0  # seconds that a request in flight gets when the server stops


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the CA that a client must trust, and the server's own certificate and key."""

    ca_file: Path
    cert_file: Path
    key_file: Path


class LoopbackProtocol(H11Protocol):
    """HTTP/1.1 that writes no access log and lets the app reach its transport, to hang up on purpose."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the parent's
        """Put the transport where each request's scope has it: `scope["state"]["transport"]`."""
        super().connection_made(transport)
        self.access_log = False
        self.app_state = {**self.app_state, "transport": transport}


class PatientProtocol(LoopbackProtocol):
    """The same, for a server that strangers reach: who sends half of a request's head is not waited for for ever."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the parent's
        """From now on the head has to come in."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Begin to wait with a head's first byte, and end with its last."""
        super().data_received(data)
        if repr(self.conn.their_state) == "IDLE":
            self._await_head()
        else:
            self._head_came()

    def _await_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD, self.transport.abort)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class LocalServer:
    """One app on one port. `start` and `stop` belong to the loop that runs it; both take milliseconds."""

    def __init__(
        self, app: Any, *, host: str = LOOPBACK, port: int = 0, tls: Certificates | None = None, strangers: bool = False
    ) -> None:
        """`port` 0: any free one. Nothing is opened before `start`. `strangers`: not only our own clients call."""
        self._app, self._strangers = app, strangers
        self._address = (host, port)
        self._tls = tls
        self._server: Server | None = None
        self.url = ""

    async def start(self) -> str:
        """Listen, and say where: the base URL without a slash at its end. OSError where the port is taken."""
        config = Config(
            self._app,
            http=PatientProtocol if self._strangers else LoopbackProtocol,
            limit_concurrency=AT_ONCE if self._strangers else None,
            ws="none",
            lifespan="off",
            log_config=None,
            date_header=False,
            timeout_keep_alive=75,
            # It would believe X-Forwarded-For of everybody on this machine; whom to believe is for the app to say.
            proxy_headers=False,
        )
        config.load()
        config.ssl = _server_context(self._tls) if self._tls else None
        listener = _listen(*self._address)
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        self._server = server
        host, port = listener.getsockname()[:2]
        host = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        return self.url

    async def stop(self) -> None:
        """Let the requests in flight finish for a moment, then close everything. Twice does no harm."""
        server, self._server = self._server, None
        if server is None:
            return
        for listener in server.servers:
            listener.close()
        state = server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            _, late = await asyncio.wait(list(state.tasks), timeout=GRACE)
            for task in late:
                task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        for listener in server.servers:
            await listener.wait_closed()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(app: Any, *, port: int = 0, tls: Certificates | None = None) -> AsyncIterator[str]:
    """Serve the app in this loop while the block runs; gives the base URL."""
    server = LocalServer(app, port=port, tls=tls)
    url = await server.start()
    try:
        yield url
    finally:
        await server.stop()


@contextlib.contextmanager
def serving_in_thread(app: Any, *, port: int = 0, tls: Certificates | None = None) -> Iterator[str]:
    """Serve the app in a thread with a loop of its own while the block runs; gives the base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="embedded-server", daemon=True)
    thread.start()
    server = LocalServer(app, port=port, tls=tls)
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def make_certificates(folder: Path, names: Sequence[str] = (LOOPBACK, "localhost")) -> Certificates:
    """Write a new CA and a server certificate for the names into the folder; good for a year, for loopback only."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fieldcal embedded CA")])
    ca_usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _certificate(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_usage, critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = (
        _certificate(subject, ca_name, key)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    made.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    made.cert_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    made.key_file.touch(mode=0o600)
    made.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _server_context(tls: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
