"""Kinds of values that settings have: checked once, here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]+)(s|m|h|d|w)")


def seconds(duration: str) -> int:
    """The seconds in a duration such as 10s, 90m, 30d or 1h30m (ValueError for another text)."""
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", duration):
        raise ValueError("a duration is a number and one of s, m, h, d, w, such as 10s or 30d")
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration))


def go_duration(duration: str) -> str:
    """A duration as Go's time.ParseDuration takes it, which knows no days: 30d is 2592000s."""
    return f"{seconds(duration)}s"


def whole_number(value: Any) -> Any:
    """A number that came as a text, as `-e name=1` has it, as a number; anything else as it is."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def listed(value: Any) -> Any:
    """A list; one word, as an INI inventory or -e has it, is a list of one."""
    return (
        [word for word in re.split(r"[\s,]+", value) if word] if isinstance(value, str) else value
    )


def off_as_word(value: Any) -> Any:
    """`off`, which YAML reads as false, as the word that it was; anything else as it is."""
    return "off" if value is False else value


def check_address(value: Any) -> str:
    """An IP address to listen on, or the empty text for all; ValueError for another."""
    text = str(value)
    if text:
        ipaddress.ip_address(text)
    return text


def check_network(value: Any) -> str:
    """A network such as 10.0.0.0/8 or fd00::/8, or one address; ValueError for another text."""
    return str(ipaddress.ip_network(str(value)))


def check_duration(value: Any) -> str:
    """A duration, or ValueError."""
    seconds(str(value))
    return str(value)


# Telegraf, InfluxDB and Grafana count a time in nanoseconds, in 64 bits: 292 years.
_LONGEST = 100 * 365 * 86400


def at_least(least: str, *, or_none: bool = False) -> Callable[[Any], str]:
    """A check of a duration that is not below least, nor longer than 100 years (ValueError).

    or_none also allows 0, where that has a meaning of its own.
    """

    def check(value: Any) -> str:
        text = check_duration(value)
        if not (or_none and seconds(text) == 0) and seconds(text) < seconds(least):
            raise ValueError(f"at least {least}" + (", or 0s for ever" if or_none else ""))
        if seconds(text) > _LONGEST:
            raise ValueError("at most 100 years (36500d)")
        return text

    return check


def check_url(value: Any) -> str:
    """An http or https URL without white space, quotes or credentials, or ValueError."""
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("a URL begins with http:// or https://")
    return _plain_url(value)


def check_repository_url(value: Any) -> str:
    """A URL as check_url has it, or the file URL of what is on each host; or ValueError."""
    parts = urlsplit(str(value))
    if parts.scheme != "file" and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise ValueError("a URL begins with http://, https:// or file://")
    return _plain_url(value)


def _plain_url(value: Any) -> str:
    text = str(value)
    parts = urlsplit(text)
    try:
        wrong = parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("the port of a URL is a number from 1 to 65535")
    if parts.username or parts.password:
        raise ValueError("a URL holds no user name or password here")
    if re.search(r"[\s\"'`{}$\\<>|;&]", text):
        raise ValueError("a URL has no white space, quotes, braces, $ or such")
    return text


def check_http_url(value: Any) -> str:
    """The URL of an InfluxDB or what answers as one, without a slash at its end, or ValueError."""
    if not str(value).startswith(("http://", "https://")):
        raise ValueError("an InfluxDB is reached at http:// or https://")
    if re.search(r"[?#]", str(value)):
        raise ValueError("leave out ? or # and what follows: what is asked is put there")
    return check_url(value).rstrip("/")


def check_page_url(value: Any) -> str:
    """The URL of a page for each application, with {app} in it, or ValueError."""
    text = str(value)
    if "{app}" not in text:
        raise ValueError("put {app} where the application's name goes, as in https://x/{app}.md")
    check_url(text.replace("{app}", "app"))
    if "#" in text:
        raise ValueError("the anchor of a metric is put behind it: leave out #")
    return text


def check_fingerprint(value: Any) -> str:
    """A key's primary fingerprint in 40 hexadecimal digits (blanks are dropped), or ValueError."""
    text = re.sub(r"[\s:]", "", str(value)).upper()
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", text):
        raise ValueError("a fingerprint has 40 hexadecimal digits (64 for a version 6 key)")
    return text


def found_text(value: Any) -> str:
    """What was found, shortened for a message; a password in a URL is not told."""
    return re.sub(r"//[^/\s]*@", "//...@", f"{value!r}")[:80]


def local_address(address: str) -> str:
    """Where a listener on an address (empty: all) is reached on its own host."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def bracketed(address: str) -> str:
    """An address as it stands before a port: of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def local_url(address: str, port: int, scheme: str = "http") -> str:
    """Where a service that listens on an address (empty: all) is reached on its own host."""
    # What listens on all of IPv6 listens on IPv4 as well.
    host = "127.0.0.1" if address == "::" else local_address(address)
    return f"{scheme}://{bracketed(host)}:{port}"
