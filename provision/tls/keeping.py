"""What a site has of TLS, from its files: read, renewed and kept, or only looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError
from provision.secrets import KEY, keep_new, load_secrets, locked
from provision.tls.model import (
    CA_FILE,
    CA_KEY,
    CERTIFICATE_FILE,
    DIRECTORY,
    FILES,
    OWN_CA,
    SERVER_KEY,
    Tls,
)


@dataclass(frozen=True)
class Prepared:
    """TLS with its certificates; secrets and files that are new, and in words what they are."""

    tls: Tls
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[Path, str] = field(default_factory=dict)
    news: tuple[str, ...] = ()

    def keep(self) -> None:
        """Write the new files; the secrets must be kept by now. Raises ProvisionError."""
        for path, text in self.files.items():
            try:
                path.parent.mkdir(mode=0o755, exist_ok=True)
                temporary = path.with_name(f".{path.name}.new")
                temporary.write_text(text, encoding="ascii")
                temporary.chmod(0o644)
                temporary.replace(path)
            except OSError as error:
                raise ProvisionError(
                    f"{path}: the certificate cannot be kept: {error.strerror}"
                ) from error


def prepare(
    tls: Tls,
    secrets_file: Path,
    secrets: Mapping[str, str],
    read_bytes: Callable[[Path], bytes],
    now: datetime | None = None,
    *,
    as_is: bool = False,
) -> Prepared:
    """TLS with the certificates that are to be rendered; nothing is written.

    With as_is, those that there are, though another run would renew them. read_bytes decrypts what
    ansible-vault encrypted. Raises ProvisionError for certificates or keys that will not do.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    if tls.mode == FILES:
        from provision.tls.given import read_given

        certificate, ca = read_given(tls, read_bytes, now)
        return Prepared(replace(tls, certificate=certificate, ca=ca))
    if tls.mode != OWN_CA:
        return Prepared(tls)
    from provision.tls.authority import Kept, renewed

    directory = secrets_file.parent / DIRECTORY
    ca_file, certificate_file = directory / CA_FILE, directory / CERTIFICATE_FILE
    kept = Kept(
        _read(ca_file), _read(certificate_file), secrets.get(CA_KEY), secrets.get(SERVER_KEY)
    )
    try:
        made, news = renewed(kept, tls.names, now)
    except ValueError as error:
        raise ProvisionError(
            f"{secrets_file}: {KEY}.{error}",
            remedy="leave the line out to have a new one made, or put the secrets file back",
        ) from error
    prepared = replace(tls, certificate=made.certificate, ca=made.ca)
    if made == kept:
        return Prepared(prepared)
    if as_is and kept.ca and kept.certificate and kept.ca_key and kept.key:
        return Prepared(replace(tls, certificate=kept.certificate, ca=kept.ca), news=tuple(news))
    return Prepared(
        prepared,
        {CA_KEY: made.ca_key or "", SERVER_KEY: made.key or ""},
        {ca_file: made.ca, certificate_file: made.certificate},
        tuple(news),
    )


def keep_certificates(
    tls: Tls,
    secrets_file: Path,
    read_yaml: Callable[[Path], Any],
    encrypt: Callable[[str], str],
    note: Callable[[str], None],
) -> None:
    """Make what is due of an authority of the site's own, and keep it; note is told what is new.

    The keys are kept first: a certificate without its key would be of no use, and the next run
    makes it anew. Raises ProvisionError.
    """
    with locked(secrets_file):
        secrets = load_secrets(secrets_file, read_yaml)
        prepared = prepare(tls, secrets_file, secrets, Path.read_bytes)
        completed = {**secrets, **prepared.secrets}
        if completed != secrets:
            keep_new(secrets_file, secrets, completed, encrypt)
        prepared.keep()
    for line in prepared.news:
        note(line)


def ca_file(tls: Tls, secrets_file: Path) -> Path | None:
    """The file of authorities by which clients here know the services; None is the system's."""
    if tls.mode == OWN_CA:
        path = secrets_file.parent / DIRECTORY / CA_FILE
        if not path.is_file():
            raise ProvisionError(
                f"{path}: there is no such file, by which InfluxDB and Grafana are known",
                remedy="run `provision monitor-server` first, or put the folder back",
            )
        return path
    return tls.given.ca if tls.given else None


def with_authorities(tls: Tls, secrets_file: Path, read_bytes: Callable[[Path], bytes]) -> Tls:
    """TLS with what clients know the services by, which is public: as workers are rendered.

    Raises ProvisionError where the file of it is missing, or no certificate.
    """
    path = ca_file(tls, secrets_file) if tls.on else None
    if path is None:
        return tls
    from provision.tls.given import read_authorities

    return replace(tls, ca=read_authorities(path, "tls_ca", read_bytes))


def _read(path: Path) -> str:
    """A file of ours, empty where there is none; what cannot be read as text is made anew."""
    try:
        return path.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
