"""Signing with a password: basic at first, digest where the server offers nothing else, and never twice the same."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from fieldcal.clock import SystemClock
from fieldcal.errors import ConfigError, SignInFailed
from fieldcal.http import Http
from fieldcal.password import PasswordCredential, digest, parse_challenge

# RFC 7616 3.9.1
CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def credential(*passwords):
    left = list(passwords or ["Circle of Life"])
    return PasswordCredential("Mufasa", lambda: left.pop(0) if len(left) > 1 else left[0])


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_come_out(algorithm, response):
    _, challenge = parse_challenge(CHALLENGE.format(algorithm))
    told = digest(challenge, "Mufasa", "Circle of Life", "GET", "/dir/index.html", 1, CNONCE)
    assert f'response="{response}"' in told
    assert f"algorithm={algorithm}" in told
    assert "nc=00000001" in told
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in told


def test_a_challenge_without_qop_is_answered_the_old_way():
    _, challenge = parse_challenge('Digest realm="r", nonce="n"')
    told = digest(challenge, "u", "p", "GET", "/", 1, "c")
    one, two = (hashlib.md5(text).hexdigest() for text in (b"u:r:p", b"GET:/"))
    expected = hashlib.md5(f"{one}:n:{two}".encode()).hexdigest()
    assert f'response="{expected}"' in told
    assert "cnonce" not in told


def test_basic_is_sent_unasked():
    told = credential().authorization("GET", "/")
    assert base64.b64decode(told.removeprefix("Basic ")) == b"Mufasa:Circle of Life"


@pytest.mark.parametrize(
    ("challenges", "scheme"),
    [
        (['Basic realm="x"'], None),
        ([], None),
        (["Bearer"], None),
        ([CHALLENGE.format("MD5")], "Digest"),
        ([CHALLENGE.format("MD5"), CHALLENGE.format("SHA-256")], "SHA-256"),
        ([CHALLENGE.format("SHA-512-256")], None),
        (['Digest realm="x"'], None),
        (['Digest realm="x", nonce="n", qop="auth-int"'], None),
        (['Basic realm="x"', CHALLENGE.format("MD5")], None),
    ],
)
def test_a_refused_basic_is_followed_by_digest_where_only_that_is_offered(challenges, scheme):
    signer = credential()
    first = signer.authorization("GET", "/")
    assert signer.renew(first, challenges) is (scheme is not None)
    second = signer.authorization("GET", "/")
    assert (scheme or "Basic") in second


def test_a_refused_password_is_sent_again_only_if_another_one_is_there():
    same, other = credential(), credential("old", "new")
    assert not same.renew(same.authorization("GET", "/"), ['Basic realm="x"'])
    assert other.renew(other.authorization("GET", "/"), ['Basic realm="x"'])
    assert base64.b64decode(other.authorization("GET", "/")[6:]) == b"Mufasa:new"


def test_a_stale_nonce_is_renewed_and_a_refused_one_is_not():
    signer = credential()
    signer.renew(signer.authorization("GET", "/"), [CHALLENGE.format("MD5")])
    stale = CHALLENGE.format("MD5").replace('nonce="', 'stale=true, nonce="new')
    assert signer.renew(signer.authorization("GET", "/"), [stale])
    assert 'nonce="new' in signer.authorization("GET", "/")
    assert not signer.renew(signer.authorization("GET", "/"), [CHALLENGE.format("MD5")])


def test_each_request_counts_on():
    signer = credential()
    signer.renew(signer.authorization("GET", "/"), [CHALLENGE.format("MD5")])
    assert "nc=00000001" in signer.authorization("GET", "/")
    assert "nc=00000002" in signer.authorization("PUT", "/b")


@pytest.mark.parametrize(
    ("user", "password"),
    [("u", ""), ("u", "xyz\r\nb"), ("u", "xyz\x00"), ("", "xyz"), ("u:v", "xyz"), ("u\n", "xyz")],
)
def test_what_cannot_be_a_password_is_never_sent_nor_told(user, password):
    with pytest.raises(SignInFailed) as told:
        PasswordCredential(user, lambda: password).authorization("GET", "/")
    assert "xyz" not in str(told.value)


def test_the_line_break_at_the_end_of_a_file_belongs_to_no_password():
    told = PasswordCredential("u", lambda: "p\n").authorization("GET", "/")
    assert base64.b64decode(told[6:]) == b"u:p"


def test_a_client_without_any_credential_sends_nothing():
    seen = []
    http = Http("http://127.0.0.1:9", None, SystemClock(), observe=lambda *told: seen.append(told))
    for ask in (http.request("GET", "/"), http.token(), http.renew()):
        with pytest.raises(ConfigError):
            asyncio.run(ask)
    assert seen == []
