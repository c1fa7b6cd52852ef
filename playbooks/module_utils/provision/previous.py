"""The version of a package that a service worked with, kept until the new one is seen to work.

apt is compiled where it is used: each restart of a service asks whether something was kept.
"""

from __future__ import annotations

import glob
import os
import shutil
from typing import List, Optional

#: Not in /run, which is memory: a package may have 100 MB.
FOLDER = "/var/lib/provision/previous"
#: What keeps no data of its own. A database may have changed its files for the new version, and
#: the old one would not read them.
ROLES = ("telegraf", "pushgateway")
_ARCHIVES = "/var/cache/apt/archives"


def keep(role: str, name: str, version: str) -> bool:
    """Fetch the package as it is installed now. Gives whether it could be had."""
    folder = os.path.join(FOLDER, role)
    if _packages(role):
        return True  # an upgrade that never ended: what it kept did work
    os.makedirs(folder, mode=0o700, exist_ok=True)
    pattern = "%s_%s_*.deb" % (name, version.replace(":", "%3a"))
    for path in glob.glob(os.path.join(_ARCHIVES, glob.escape(pattern[:-5]) + "*.deb")):
        shutil.copyfile(path, os.path.join(folder, os.path.basename(path)))
        return True
    from ansible.module_utils.provision import apt

    apt.run(["apt-get", "download", "-q", "%s=%s" % (name, version)], cwd=folder)
    return bool(_packages(role))


def restore(role: str, lock_timeout: int) -> Optional[str]:
    """Install what was kept of a role; gives its version, None if there is nothing. AptError."""
    paths = _packages(role)
    if not paths:
        return None
    from ansible.module_utils.provision import apt

    with apt.no_service_starts(lock_timeout):
        status, output = apt.run_unlocked(
            [
                *("dpkg", "--install", "--force-downgrade", "--force-confdef", "--force-confold"),
                *paths,
            ],
            lock_timeout,
        )
    if status:
        raise apt.AptError(
            "The version before can't be installed again: %s." % apt.last(output),
            "install %s by hand" % " and ".join(paths),
        )
    drop(role)
    return os.path.basename(paths[0]).split("_")[1].replace("%3a", ":")


def drop(role: str) -> None:
    """Keep nothing of a role any more."""
    shutil.rmtree(os.path.join(FOLDER, role), ignore_errors=True)


def _packages(role: str) -> List[str]:
    return sorted(glob.glob(os.path.join(FOLDER, role, "*.deb")))
