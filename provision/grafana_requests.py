"""Requests to Grafana's HTTP API: grafana-client makes them, and every fault becomes a message."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from provision.errors import ProvisionError

IF_REFUSED = "see whether its password is still the one in the secrets file"


class GrafanaRefused(ProvisionError):
    """An answer that is no success: its HTTP status, what Grafana said, and its word for it.

    word is such as `name-exists` or `version-mismatch`, where Grafana has one.
    """

    def __init__(self, message: str, status: int, said: str, word: str, remedy: str | None) -> None:
        super().__init__(message, remedy=remedy)
        self.status, self.said, self.word = status, said, word


class Requests:
    """Asks one Grafana, with a user's password or a token."""

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        token: str | None = None,
        verify: bool | str = True,
        timeout: float = 10,
        if_refused: str = IF_REFUSED,
        named_by: str = "grafana_url",
    ) -> None:
        """Prepare requests; timeout is for one of them, in seconds.

        verify is whether certificates are looked at, or the file of those to trust; if_refused is
        what to do where Grafana doesn't know the password or token; named_by says the address.
        """
        self.url = url.rstrip("/")
        self._credential = token or (username or "", password or "")
        self._verify, self._timeout, self._if_refused = verify, timeout, if_refused
        self._if_unreachable = (
            f"see that it runs, that its address is right ({named_by}), and that this machine gets"
            f" there (curl {self.url}/api/health)"
        )

    @cached_property
    def _api(self) -> Any:  # the client has no types of its own
        from grafana_client.api import GrafanaApi

        parts = urlsplit(self.url)
        host = parts.hostname or ""
        # Not GrafanaApi.from_url(): it loses the slash behind a path, and the brackets of IPv6.
        api = GrafanaApi(
            self._credential,
            host=f"[{host}]" if ":" in host else host,
            port=parts.port,
            url_path_prefix=f"{parts.path.strip('/')}/".lstrip("/"),
            protocol=parts.scheme,
            verify=self._verify,  # a bool or a file, as requests has it
            timeout=self._timeout,
        )
        if not self._verify:  # who says --insecure knows
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        # A redirect leads to a login page or another host: neither is to be sent what we send.
        api.client.s.max_redirects = 0
        return api

    def _ask(self, path: str, call: Callable[[Any], Any], has_errors: str | None = None) -> Any:
        """What a call gives; of a status 400, too, where the answer has that key."""
        from grafana_client.client import GrafanaException

        try:
            return call(self._api)
        except GrafanaException as error:
            body = error.response
            if not error.status_code:
                raise ProvisionError(
                    f"Grafana at {self.url} cannot be asked: no answer within {self._timeout:g} s",
                    remedy=self._if_unreachable,
                ) from error
            told = isinstance(body, dict) and isinstance(body.get(has_errors), dict)
            if error.status_code == 400 and told:
                return body
            raise self._refused(path, error.status_code, body) from error
        except ValueError as error:  # no JSON
            raise self._no_grafana(path) from error
        except OSError as error:  # what requests raises, whatever it is
            raise self._unreachable(error) from error

    def _refused(self, path: str, status: int, body: object) -> GrafanaRefused:
        word = ""
        said = body
        if isinstance(body, dict):
            word, said = str(body.get("status") or ""), body.get("message") or body
        text = " ".join(str(said).split())[:200]
        remedy = self._if_refused if status == 401 else None
        if text.startswith("<"):
            text = "a web page, which is no answer of Grafana's API"
            remedy = remedy or "see whether the address has the path under which Grafana is served"
        return GrafanaRefused(
            f"Grafana at {self.url}{path}: {status} {text}", status, text, word, remedy
        )

    def _unreachable(self, error: OSError) -> ProvisionError:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "TooManyRedirects" in kinds:
            target = getattr(getattr(error, "response", None), "headers", {}).get("Location", "")
            return ProvisionError(
                f"Grafana at {self.url} cannot be asked: it sends us on to {target or 'elsewhere'}",
                remedy="give the address that it has itself, with its https:// and its path;"
                " where a login page stands before it, one that programs can reach",
            )
        if "SSLError" in kinds or "certificate" in str(error).lower():
            return ProvisionError(
                f"Grafana at {self.url} cannot be asked: its certificate is not one that is"
                f" trusted here, or it speaks no TLS: {_short(error)}",
                remedy="--ca-file FILE names the authority that signed it",
            )
        if "ProxyError" in kinds:
            return ProvisionError(
                f"Grafana at {self.url} cannot be asked: the proxy: {_first(error)}",
                remedy="see HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment",
            )
        return ProvisionError(
            f"Grafana at {self.url} cannot be asked: {_first(error)}", remedy=self._if_unreachable
        )

    def _under(self, key: str, answer: Any, path: str) -> Any:
        if not isinstance(answer, dict) or not isinstance(answer.get(key), dict):
            raise self._no_grafana(path)
        return answer[key]

    def _no_grafana(self, path: str) -> ProvisionError:
        return ProvisionError(
            f"Grafana at {self.url}{path}: what answers there is not Grafana's API",
            remedy="see whether this is the address that the browser has, less what follows the"
            " path under which Grafana is served",
        )


def _first(error: BaseException) -> str:
    """What went wrong first: requests and urllib3 have each wrapped it in words of their own.

    Not by __context__: it may be of an earlier request.
    """
    wrapped = [error.__cause__, getattr(error, "reason", None), *error.args]
    inner = next((each for each in wrapped if isinstance(each, BaseException)), None)
    if inner is not None:
        return _first(inner)
    system = getattr(error, "strerror", None)
    return f"{system[0].lower()}{system[1:]}" if isinstance(system, str) else _short(error)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
