"""Why apt could not read a repository, out of what apt-get update says, and what helps."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.provision.trouble import Trouble

#: What apt says (apt-pkg/acquire-item.cc, methods/*.cc), and what an operator can do about it. The
#: first that fits counts: a corrupt index is told in the end as a download that failed.
_CAUSES = (
    (r"EXPKEYSIG|KEYEXPIRED", "key",
     "its key has expired: ask %(url)s for a renewed one; installed hosts go on without it"),
    (r"REVKEYSIG", "key", "its key was revoked: ask %(url)s why before anything is installed"),
    (r"NO_PUBKEY|BADSIG|ERRSIG|NODATA|not signed|invalid signature|couldn't be verified", "key",
     "it is not signed by the pinned key: ask %(url)s whether the key has changed, or is another"
     " server in its place"),
    (r"is expired|Valid-Until", "",
     "its index is out of date: see that %(url)s (a mirror?) is kept up to date, and that this"
     " host's clock is right (timedatectl)"),
    (r"is not valid yet", "",
     "this host's clock is behind, or the server's ahead: see `timedatectl` on it"),
    (r"Hash Sum mismatch|unexpected size|Bad header|Could not open file .*lists", "",
     "what the server gives is not what it signed: a mirror or proxy between is half updated;"
     " wait, or name another mirror"),
    (r"404|does not have a Release file", "",
     "the server has nothing there: see that %(url)s is the right URL and has this system's"
     " release"),
    (r"Could not resolve|Temporary failure resolving", "",
     "this host can't find the server by name: see its DNS (getent hosts) and the URL"),
    (r"No space left", "", "make room on this host (df -h /var; df -i /var)"),
)  # fmt: skip
_ELSE = "see that this host reaches the URL and that it has this system's release"


class Unread(Trouble):
    """A repository can't be read; which, and whether its key is why."""

    def __init__(
        self, repository: Dict[str, Any], message: str, remedy: str, about_key: bool
    ) -> None:
        super().__init__(message, remedy)
        self.repository, self.about_key = repository, about_key


def of(repository: Dict[str, Any], output: str) -> Optional[Unread]:
    """What the output of apt-get update says against a repository; None if nothing."""
    mine: List[str] = []
    about = False
    for line in output.splitlines():
        if re.match(r"(E|W|Err)[:\d]", line):
            about = repository["url"].rstrip("/") in line
            mine += [line] if about else []
        elif about and line.startswith("  "):
            # Why a download failed stands in the line below the one with the URL; all the digests
            # below that help nobody.
            mine.append(line.strip())
            about = False
        else:
            about = False
    if not mine:
        return None
    problem = "The repository %s (%s) can't be read: %s." % (
        repository["name"],
        repository["url"],
        " / ".join(mine)[:600].rstrip("."),
    )
    for pattern, key, remedy in _CAUSES:
        if any(re.search(pattern, line) for line in mine):
            return Unread(repository, problem, remedy % repository, bool(key))
    return Unread(repository, problem, _ELSE, False)
