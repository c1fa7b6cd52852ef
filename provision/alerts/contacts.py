"""Who is told of alerts: contact points and routes, from the inventory's `grafana_contacts`.

Source: Grafana documentation, Alerting: file provisioning of contact points and policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from provision.catalog.vocabulary import AppName, Severity
from provision.validation import matching
from provision.values import check_url, listed

# A name is part of a uid (40 characters), of a variable and of a secret's name.
ContactName = Annotated[
    str,
    matching(
        r"[a-z][a-z0-9_]{0,29}",
        "a contact's name has lower-case letters, digits and _, 30 at most, a letter first",
    ),
]
EmailAddress = Annotated[
    str,
    matching(
        r"[^\s@,;:<>()\[\]\"\\$]+@[^\s@,;:<>()\[\]\"\\$]+",
        "an address alone is needed, such as operators@example.com",
    ),
]
_Word = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", "a word of letters, digits and . _ @ + - is needed"
    ),
]
_Channel = Annotated[
    str,
    matching(r"[#@]?[\w.-]{1,80}", "a channel's name is needed, such as '#alerts'"),
]
SECRETS = "grafana_contact_"


_Url = Annotated[str, BeforeValidator(check_url)]
_Texts = BeforeValidator(listed)


class _Contact(BaseModel):
    """What all contacts have: which alerts they are told of, by severity and application."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    severities: Annotated[tuple[Severity, ...], _Texts] = ()
    apps: Annotated[tuple[AppName, ...], _Texts] = ()
    resolved: bool = True

    @property
    def secret_setting(self) -> str | None:
        """Grafana's setting that holds the secret, None where the contact needs none."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Grafana's settings of the contact point that are no secret."""
        return {}


class Email(_Contact):
    """E-mail, over the SMTP server of the settings grafana_smtp_*."""

    type: Literal["email"]
    addresses: Annotated[tuple[EmailAddress, ...], _Texts, Field(min_length=1)]

    @property
    def secret_setting(self) -> str | None:
        """The SMTP server's password is a secret of its own."""
        return None

    def settings(self) -> dict[str, Any]:
        """The addresses as Grafana separates them."""
        return {"addresses": ";".join(self.addresses), "singleEmail": True}


class Slack(_Contact):
    """A channel of Slack: the secret is a webhook's URL, or, with a channel, a bot's token."""

    type: Literal["slack"]
    channel: _Channel | None = None

    @property
    def secret_setting(self) -> str:
        """A webhook has its channel; a token needs to be told one."""
        return "token" if self.channel else "url"

    def settings(self) -> dict[str, Any]:
        """The channel, where the site says it."""
        return {"recipient": self.channel} if self.channel else {}


class Webhook(_Contact):
    """A web server that takes alerts as JSON.

    The secret is the password of username, or what follows scheme in the header Authorization, or,
    without a url, the URL itself.
    """

    type: Literal["webhook"]
    url: _Url | None = None
    username: _Word | None = None
    scheme: _Word | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> Webhook:
        if self.username and self.scheme:
            raise ValueError("a webhook has one of username and scheme")
        if not self.url and (self.username or self.scheme):
            raise ValueError("a webhook with username or scheme needs url: the secret is its")
        return self

    @property
    def secret_setting(self) -> str | None:
        """The password, the credentials, or the URL."""
        if not self.url:
            return "url"
        return "password" if self.username else "authorization_credentials" if self.scheme else None

    def settings(self) -> dict[str, Any]:
        """The URL, and as whom it is asked."""
        found = {
            "url": self.url,
            "username": self.username,
            "authorization_scheme": self.scheme,
        }
        return {"httpMethod": "POST", **{name: value for name, value in found.items() if value}}


class PagerDuty(_Contact):
    """PagerDuty: the secret is the integration key (Events API v2)."""

    type: Literal["pagerduty"]

    @property
    def secret_setting(self) -> str:
        """The integration key."""
        return "integrationKey"

    def settings(self) -> dict[str, Any]:
        """Our severities are some of PagerDuty's; alerts of other rules may have none."""
        return {"severity": "{{ with .CommonLabels.severity }}{{ . }}{{ else }}error{{ end }}"}


Contact = Annotated[Email | Slack | Webhook | PagerDuty, Field(discriminator="type")]
Contacts = dict[ContactName, Contact]
#: The kinds of contacts by their type.
KINDS: Mapping[str, type[_Contact]] = {
    "email": Email,
    "slack": Slack,
    "webhook": Webhook,
    "pagerduty": PagerDuty,
}


@dataclass(frozen=True)
class ContactPoint:
    """A contact as Grafana has it: the contact point, and the route that leads to it."""

    uid: str
    type: str
    settings: Mapping[str, Any]
    secret: str | None
    secret_setting: str | None
    silent_when_over: bool
    matchers: tuple[tuple[str, str, str], ...]

    @property
    def variable(self) -> str:
        """The environment variable that holds the secret."""
        return (self.secret or "").upper()


def contact_points(contacts: Mapping[str, Contact]) -> tuple[ContactPoint, ...]:
    """The contact points and routes of a site, in its order."""
    return tuple(_contact_point(name, contact) for name, contact in contacts.items())


def contact_secrets(contacts: Mapping[str, Contact]) -> tuple[str, ...]:
    """The secrets that the site has to give, by name."""
    return tuple(point.secret for point in contact_points(contacts) if point.secret)


def _contact_point(name: str, contact: Contact) -> ContactPoint:
    setting = contact.secret_setting
    return ContactPoint(
        uid=f"provision-{name}",
        type=contact.type,
        settings=contact.settings(),
        secret=f"{SECRETS}{name}" if setting else None,
        secret_setting=setting,
        silent_when_over=not contact.resolved,
        matchers=(*_matcher("severity", contact.severities), *_matcher("app", contact.apps)),
    )


def _matcher(label: str, values: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    """A route's condition on a label; Alertmanager anchors the expression at both ends."""
    return ((label, "=~", "|".join(values)),) if values else ()
