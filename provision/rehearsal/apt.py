"""This machine's apt configuration: which Debian mirror it uses, and how."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from provision.errors import ProvisionError
from provision.rehearsal import processes

SUITE = "bookworm"
DEFAULT_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "PROVISION_DEBIAN_MIRROR"

# What decides whether a mirror can be reached and is believed; the rest is this machine's taste.
_SETTINGS = (
    "Acquire::http",
    "Acquire::https",
    "Acquire::ForceIPv4",
    "Acquire::ForceIPv6",
    "Acquire::Retries",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Max-FutureTime",
    "Acquire::AllowInsecureRepositories",
)


@dataclass(frozen=True)
class Source:
    """One binary source: a URI, a suite and its components (sources.list(5))."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    @property
    def keyring(self) -> Path | None:
        """The file that Signed-By names, if it names one."""
        value = dict(self.options).get("signed-by", "")
        return Path(value) if value.startswith("/") else None

    def line(self, keyring: Path) -> str:
        """The source in one-line format, its key in the given file."""
        options = {k: v for k, v in self.options if k not in ("signed-by", "arch", "architectures")}
        options["signed-by"] = str(keyring)
        words = " ".join(f"{name}={value}" for name, value in options.items())
        return f"deb [{words}] {self.uri} {self.suite} {' '.join(self.components)}".rstrip()


@dataclass(frozen=True)
class Mirror:
    """Where Debian's packages come from: the archive's URI, all its sources, key and settings."""

    uri: str
    sources: tuple[Source, ...]
    keyring: Path
    settings: str = field(default="")

    @property
    def proxy(self) -> str | None:
        """The HTTP proxy that apt uses, for programs that are not apt."""
        for line in self.settings.splitlines():
            name, _, value = line.partition(" ")
            if name.lower() == "acquire::http::proxy":
                return value.strip('";') or None
        return None


def parse_one_line(text: str) -> Iterator[Source]:
    """The binary sources of a file in one-line format."""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        kind, _, rest = line.partition(" ")
        if kind != "deb":
            continue
        rest = rest.strip()
        options: list[tuple[str, str]] = []
        if rest.startswith("["):
            inside, _, rest = rest[1:].partition("]")
            for word in inside.split():
                name, _, value = word.partition("=")
                options.append((name.lower(), value))
        words = rest.split()
        if len(words) >= 2:
            yield Source(words[0], words[1], tuple(words[2:]), tuple(options))


def parse_deb822(text: str) -> Iterator[Source]:
    """The enabled binary sources of a file in deb822 format, one for each URI and suite."""
    for stanza in _stanzas(text):
        if stanza.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        if "deb" not in stanza.get("types", "").split():
            continue
        options = tuple(
            (name, " ".join(stanza[name].split()))
            for name in ("signed-by", "trusted", "check-valid-until", "check-date")
            if name in stanza
        )
        for uri in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                yield Source(uri, suite, tuple(stanza.get("components", "").split()), options)


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    stanza: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield stanza
            stanza, name = {}, ""
        elif line[0] in " \t":
            if name:
                stanza[name] += "\n" + line.strip()
        else:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            stanza[name] = value.strip()


def read_sources(etc: Path = Path("/etc/apt")) -> tuple[Source, ...]:
    """All binary sources of this machine."""
    found: list[Source] = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            found.extend(parse_deb822(text))
        elif path.suffix == ".list":
            found.extend(parse_one_line(text))
    return tuple(found)


def choose(sources: Iterable[Source], suite: str = SUITE, override: str | None = None) -> Mirror:
    """The mirror for a suite, from a machine's sources (which may be of another Debian suite).

    override is a URI that is used instead. Raises ProvisionError if no source is Debian's.
    """
    debian = [s for s in sources if s.uri.rstrip("/").endswith(("/debian", "/debian-security"))]
    own = [s for s in sources if s.suite.partition("-")[0].partition("/")[0] == suite]
    if override:
        main = Source(override, suite, ("main",))
        return Mirror(override, (main,), DEFAULT_KEYRING)
    archive = next((s for s in own if s.suite == suite and "main" in s.components), None)
    if archive:
        kept = tuple(s for s in own if s.components and s in (debian or own))
        return Mirror(archive.uri, kept or (archive,), archive.keyring or DEFAULT_KEYRING)
    archive = next((s for s in debian if s.uri.rstrip("/").endswith("/debian")), None)
    if archive is None:
        raise ProvisionError(
            "no Debian mirror among this machine's apt sources (/etc/apt/sources.list*)",
            remedy=f"name one: {MIRROR_VARIABLE}=http://mirror.example.com/debian",
        )
    main = Source(archive.uri, suite, ("main",), archive.options)
    updates = Source(archive.uri, f"{suite}-updates", ("main",), archive.options)
    return Mirror(archive.uri, (main, updates), archive.keyring or DEFAULT_KEYRING)


def mirror() -> Mirror:
    """This machine's Debian mirror. Raises ProvisionError if it has none, or lacks Debian's key."""
    chosen = choose(read_sources(), override=os.environ.get(MIRROR_VARIABLE))
    if not chosen.keyring.is_file():
        raise ProvisionError(
            f"{chosen.keyring}: Debian's archive keys are missing",
            remedy="apt-get install debian-archive-keyring",
        )
    return Mirror(chosen.uri, chosen.sources, chosen.keyring, _settings())


def _settings() -> str:
    """apt's settings for reaching mirrors, as a file of apt.conf.d."""
    result = processes.run("apt-config", "dump", "--no-empty", "--format", "%f %v%n", *_SETTINGS)
    lines = set()
    for line in result.stdout.splitlines():
        name, _, value = line.partition(" ")
        if value.strip():
            lines.add(f'{name} "{value}";')
    proxy = os.environ.get("http_proxy")
    if proxy and not any(line.lower().startswith("acquire::http::proxy ") for line in lines):
        lines.add(f'Acquire::http::Proxy "{proxy}";')
    return "".join(f"{line}\n" for line in sorted(lines))


def resolver(
    etc: Path = Path("/etc/resolv.conf"),
    behind_stub: Path = Path("/run/systemd/resolve/resolv.conf"),
) -> str:
    """resolv.conf for hosts, from which a resolver on this machine's loopback can't be reached."""
    text = etc.read_text(encoding="utf-8") if etc.exists() else ""
    servers = [line.split()[1] for line in text.splitlines() if _is_nameserver(line)]
    local = all(server.startswith("127.") or server == "::1" for server in servers)
    if local and behind_stub.exists():
        return behind_stub.read_text(encoding="utf-8")
    return text


def _is_nameserver(line: str) -> bool:
    return len(words := line.split()) >= 2 and words[0] == "nameserver"
