"""Why a server could not be reached, in words, with what helps; never the error's own text, which may quote much."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp

from fieldcal.errors import one_line

#: OpenSSL's numbers for a certificate that is out of date, not yet good, or somebody else's (by name, by number).
_EXPIRED, _EARLY, _OTHER_NAME = 10, 9, (62, 64)
_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


def in_words(error: BaseException) -> str:
    """What happened on the way, and what helps, in one phrase."""
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return "its name cannot be found; see that the address is right, and this machine's DNS"
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause)
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return "it does not speak TLS as we do; see that https:// and the port are right, and what stands in between"
    if isinstance(cause, TimeoutError):
        return "it did not answer in time; it is slow, or a firewall on the way swallows what is sent"
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens at that address; see that the server runs and the port is right"
    if getattr(cause, "errno", None) in _NO_WAY:
        return "there is no way there from this machine; see its network and firewall"
    if isinstance(cause, aiohttp.ClientResponseError | ValueError):
        return "what answers there is no server of the kind that is asked for; see that the address is right"
    return "the connection broke off before the answer was whole"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "its certificate has expired; who runs the server has to renew it, or this machine's clock is wrong"
        case code if code == _EARLY:
            return "its certificate is not good yet; see this machine's clock"
        case code if code in _OTHER_NAME:
            return "its certificate is for another name; write the address by that name"
    reason = one_line(error.verify_message, 80)
    return f"its certificate is not trusted ({reason}); FIELDCAL_CA_FILE names a further certificate authority to trust"
