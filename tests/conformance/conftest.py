"""TLS for clients that refuse plain http: a CA made for the session, and a way to make `requests` trust it alone."""

import pytest

from fieldcal.embedded.server import make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificates, monkeypatch):
    """The certificates, trusted by whatever reads the usual environment variables."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificates.ca_file))
    return certificates
