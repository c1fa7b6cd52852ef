"""What a site says of TLS, and the certificates that rendering takes: values alone."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

OFF, OWN_CA, FILES = "off", "own-ca", "files"
# The keys of an authority of our own and of its server, in the secrets file: PKCS #8 in base64.
CA_KEY, SERVER_KEY = "tls_ca_key", "tls_server_key"
# Beside the secrets file; what is in it is public.
DIRECTORY = "tls"
CA_FILE, CERTIFICATE_FILE = "ca.crt", "server.crt"


@dataclass(frozen=True)
class Given:
    """The files of a site that brings its own certificate; ca None is the system's store."""

    certificate: Path
    key: Path
    ca: Path | None


@dataclass(frozen=True)
class Authorities:
    """Who signs the certificate of an InfluxDB that others run: a file here, and its PEM text."""

    file: Path
    text: str


@dataclass(frozen=True)
class Tls:
    """How a site's services are reached.

    influxdb and grafana are the names (or addresses) in their URLs, by which everybody verifies
    them; names are all that a certificate of our own is for. certificate and ca are PEM texts,
    which provision.tls.keeping fills in before anything is rendered; ca None is the system's store.
    """

    mode: str = OFF
    influxdb: str = ""
    grafana: str = ""
    names: tuple[str, ...] = ()
    given: Given | None = None
    certificate: str = field(default="", repr=False)
    ca: str | None = field(default=None, repr=False)

    @property
    def on(self) -> bool:
        """Whether anything is encrypted."""
        return self.mode != OFF

    def trust(self, name: str) -> dict[str, str | None] | None:
        """How a service is known, as the manifest says it: by name, and by who signed."""
        return {"name": name, "ca": self.ca} if self.on else None


def scheme(mode: str) -> str:
    """How the URL of a service begins."""
    return "http" if mode == OFF else "https"


def host_of(url: str) -> str:
    """The name or address in a URL, of IPv6 without brackets."""
    return urlsplit(url).hostname or ""


def normal_name(name: str) -> str:
    """A name or address in the form that certificates are compared in."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")
