"""What is kept of an authority of the site's own, and what is made anew and when."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from provision.secrets import PLAIN
from provision.tls.authority import Kept, renewed
from provision.tls.certificates import (
    CA_LIFE,
    SERVER_LIFE,
    fits,
    is_signed_by,
    key_text,
    make_ca,
    names_of,
    new_key,
    pem,
    read_key,
    read_pem,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NAMES = ("monitor.example.com", "192.0.2.1", "2001:db8::1", "localhost", "127.0.0.1", "::1")


@pytest.fixture(scope="module")
def fresh() -> Kept:
    kept, why = renewed(Kept(), NAMES, NOW)
    assert why == [
        "a certificate authority of this site is made",
        "a certificate for InfluxDB and Grafana is made: there is none yet",
    ]
    return kept


def later(days: float) -> datetime:
    return NOW + timedelta(days=days)


def test_what_is_made_fits_together(fresh: Kept) -> None:
    (authority,), (certificate,) = read_pem(fresh.ca), read_pem(fresh.certificate)
    assert set(names_of(certificate)) == set(NAMES)
    assert fits(read_key(str(fresh.key)), certificate)
    assert fits(read_key(str(fresh.ca_key)), authority)
    assert is_signed_by(certificate, [authority])
    assert fresh.key != fresh.ca_key
    # A host's clock may be behind; browsers take no certificate that is for longer.
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + SERVER_LIFE


def test_keys_are_secrets_as_the_secrets_file_takes_them(fresh: Kept) -> None:
    assert PLAIN.fullmatch(str(fresh.key)) and PLAIN.fullmatch(str(fresh.ca_key))
    assert str(fresh.key) not in repr(fresh)


@pytest.mark.parametrize("days", [0, 100, 200, 260])
def test_what_is_good_stays(fresh: Kept, days: float) -> None:
    assert renewed(fresh, NAMES, later(days)) == (fresh, [])
    assert renewed(fresh, tuple(reversed(NAMES)), later(days)) == (fresh, [])


@pytest.mark.parametrize("days", [270, 396, 500])
def test_a_certificate_is_renewed_in_the_last_third_of_its_life(fresh: Kept, days: float) -> None:
    kept, why = renewed(fresh, NAMES, later(days))
    assert [line.partition(": ")[2] for line in why] == ["the old one ends on 2027-12-25"]
    assert (kept.ca, kept.ca_key) == (fresh.ca, fresh.ca_key)
    assert kept.key != fresh.key
    assert renewed(kept, NAMES, later(days)) == (kept, [])


def test_other_names_are_another_certificate(fresh: Kept) -> None:
    kept, why = renewed(fresh, ("new.example.com", *NAMES[1:]), NOW)
    assert "+new.example.com, -monitor.example.com" in why[0] and len(why) == 1
    assert kept.ca == fresh.ca


def test_an_authority_is_followed_long_before_its_end_and_nobody_is_cut_off(fresh: Kept) -> None:
    """Whoever has the old bundle alone trusts what is served, until the next renewal at least."""
    due = later(CA_LIFE.days * 2 / 3 + 1)
    kept, why = renewed(fresh, NAMES, due)
    new, old = read_pem(kept.ca)
    assert [old] == read_pem(fresh.ca) and "the old one is trusted until 2036-11-20" in why[-1]
    (certificate,) = read_pem(kept.certificate)
    assert is_signed_by(certificate, [old]) and not is_signed_by(certificate, [new])
    assert fits(read_key(str(kept.ca_key)), new)
    assert renewed(kept, NAMES, due) == (kept, [])
    # The next certificate is the new one's, whom every host has known since then.
    next_kept, why = renewed(kept, NAMES, due + timedelta(days=300))
    assert len(why) == 1 and next_kept.ca == kept.ca
    assert is_signed_by(read_pem(next_kept.certificate)[0], [new])
    # What has ended is trusted no more.
    last, _ = renewed(next_kept, NAMES, later(CA_LIFE.days + 1))
    assert read_pem(last.ca) == [new]


def test_an_authority_that_has_ended_is_another_one(fresh: Kept) -> None:
    kept, why = renewed(fresh, NAMES, later(CA_LIFE.days + 1))
    (authority,) = read_pem(kept.ca)
    assert kept.ca_key != fresh.ca_key and is_signed_by(read_pem(kept.certificate)[0], [authority])
    assert len(why) == 2


def test_no_certificate_is_for_longer_than_its_authority() -> None:
    key = new_key()
    old = make_ca(key, NOW - CA_LIFE + timedelta(days=10))
    kept, _ = renewed(Kept(ca=pem([old]), ca_key=key_text(key)), NAMES, NOW)
    (certificate,) = read_pem(kept.certificate)
    assert certificate.not_valid_after_utc <= old.not_valid_after_utc


@pytest.mark.parametrize("garbled", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA"])
def test_files_that_are_lost_or_garbled_are_made_anew_from_the_keys(
    fresh: Kept, garbled: str
) -> None:
    """The authority is the same to everybody who trusts it: of the same name and key."""
    kept, why = renewed(replace(fresh, ca=garbled), NAMES, later(1))
    assert why == ["a certificate authority of this site is made"]
    assert (kept.certificate, kept.ca_key) == (fresh.certificate, fresh.ca_key)
    assert is_signed_by(read_pem(kept.certificate)[0], read_pem(kept.ca))
    kept, why = renewed(replace(fresh, certificate=garbled), NAMES, NOW)
    assert why == ["a certificate for InfluxDB and Grafana is made: there is none yet"]
    assert kept.ca == fresh.ca


def test_keys_that_are_lost_are_made_anew_and_the_old_authority_is_trusted_on(fresh: Kept) -> None:
    kept, why = renewed(replace(fresh, key=None), NAMES, NOW)
    assert (len(why), kept.ca) == (1, fresh.ca)
    kept, why = renewed(replace(fresh, ca_key=None), NAMES, NOW)
    new, old = read_pem(kept.ca)
    assert [old] == read_pem(fresh.ca) and kept.certificate == fresh.certificate
    assert fits(read_key(str(kept.ca_key)), new)


def test_a_key_of_another_certificate_is_no_key_of_this(fresh: Kept) -> None:
    kept, why = renewed(replace(fresh, key=key_text(new_key())), NAMES, NOW)
    assert "the key in the secrets file is another's" in why[0]
    assert fits(read_key(str(kept.key)), read_pem(kept.certificate)[0])


@pytest.mark.parametrize("text", ["x", "AAAA", "not base64 at all", "====", ""])
def test_a_key_that_is_none_is_told_and_not_replaced(fresh: Kept, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape("tls_ca_key: no key")):
        renewed(replace(fresh, ca_key=text), NAMES, NOW)
    with pytest.raises(ValueError, match=re.escape("tls_server_key: no key")):
        renewed(replace(fresh, key=text), NAMES, NOW)
