"""The system that all hosts of rehearsals start from: a small Debian, made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from provision.rehearsal import apt, locks, mounts, processes
from provision.rehearsal.progress import Progress

RECIPE = 1  # raise it when what is done here changes
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "gnupg",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
)
OPERATOR = "operator"  # may become root
RESTRICTED = "restricted"  # may become root with the password
RESTRICTED_PASSWORD = "rehearsal"  # noqa: S105 (of throwaway hosts)
KEYRING = Path("/usr/share/keyrings/provision-debian.gpg")

# Units that only cost time on a throwaway host.
_MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "container-getty@.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "logrotate.timer",
    "systemd-networkd-wait-online.service",
    "systemd-update-utmp.service",
)

_FILES = {
    # Throwaway hosts need not survive a power cut, and dpkg is three times as fast without fsync.
    "etc/dpkg/dpkg.cfg.d/provision": "force-unsafe-io\n",
    "etc/ssh/sshd_config.d/provision.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
        "PermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\n"
        "UseDNS no\n"
        "MaxStartups 100:30:200\n"
    ),
    f"etc/sudoers.d/{OPERATOR}": f"{OPERATOR} ALL=(ALL) NOPASSWD: ALL\n",
    f"etc/sudoers.d/{RESTRICTED}": f"{RESTRICTED} ALL=(ALL) ALL\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/fstab": "",
}

# Debian has a group operator, hence --gid users.
_SCRIPT = f"""
set -e
for name in {OPERATOR} {RESTRICTED}; do
    useradd --create-home --shell /bin/bash --gid users "$name"
done
echo '{RESTRICTED}:{RESTRICTED_PASSWORD}' | chpasswd
chmod 0440 /etc/sudoers.d/*
for name in /root /home/{OPERATOR} /home/{RESTRICTED}; do
    install -d -m 0700 -o "$(stat -c %U $name)" "$name/.ssh"
done
rm -f /etc/ssh/ssh_host_*_key*
systemctl --quiet enable systemd-networkd.service ssh.service
systemctl --quiet set-default multi-user.target
systemctl --quiet mask {" ".join(_MASKED)}
update-ca-certificates
apt-get -q update
apt-get clean
"""


def key(mirror: apt.Mirror) -> str:
    """What a base image depends on, as 12 hexadecimal digits."""
    parts = [apt.SUITE, str(RECIPE), *PACKAGES, *_MASKED, *map(repr, sorted(_FILES.items()))]
    parts += [_SCRIPT, repr(mirror)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def base_image(cache: Path, progress: Progress) -> Path:
    """The directory of the base image, made with debootstrap if it isn't there: 1 to 2 minutes.

    cache is the directory that holds it, as base-<key>. A build that was killed leaves nothing
    that is taken for an image. Raises ProvisionError without root, debootstrap or a mirror.
    """
    processes.require_root(purpose="making throwaway hosts")
    mirror = apt.mirror()
    image = cache / f"base-{key(mirror)}"
    if image.is_dir():
        return image
    processes.require(["debootstrap"], purpose="making throwaway hosts")
    cache.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(cache / "base.lock", progress) as lock:
        if image.is_dir():
            return image
        for leftover in cache.glob("base-*.part*"):
            mounts.delete(leftover)
        part = Path(tempfile.mkdtemp(prefix=f"{image.name}.part", dir=cache))
        try:
            with progress.step("Debian base image") as step:
                _lay_out(part)
                environment = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
                if mirror.proxy:
                    environment["http_proxy"] = mirror.proxy
                log = cache / "logs" / f"{image.name}.log"
                log.unlink(missing_ok=True)
                processes.build(
                    [
                        "debootstrap",
                        "--variant=minbase",
                        f"--include={','.join(PACKAGES)}",
                        f"--keyring={mirror.keyring}",
                        apt.SUITE,
                        part,
                        mirror.uri,
                    ],
                    log=log,
                    step=step,
                    environment=environment,
                    hold=[lock],
                )
                _configure(part, mirror)
                processes.build(
                    ["chroot", part, "sh", "-c", _SCRIPT],
                    log=log,
                    step=step,
                    environment=environment | {"HOME": "/root"},
                    hold=[lock],
                )
            mounts.unmount(part)
            part.rename(image)
        except BaseException:
            mounts.delete(part)
            raise
    return image


def _lay_out(root: Path) -> None:
    """The files that matter while dpkg runs, or that no package may replace."""
    root.chmod(0o755)
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _configure(root: Path, mirror: apt.Mirror) -> None:
    """Bring this machine's way to its mirror into the image."""
    keyring = root / KEYRING.relative_to("/")
    shutil.copyfile(mirror.keyring, keyring.with_suffix(mirror.keyring.suffix))
    inside = KEYRING.with_suffix(mirror.keyring.suffix)
    lines = "".join(f"{source.line(inside)}\n" for source in mirror.sources)
    (root / "etc/apt/sources.list").write_text(lines, encoding="utf-8")
    (root / "etc/apt/apt.conf.d/95provision").write_text(
        mirror.settings + 'Acquire::Languages "none";\nAPT::Periodic::Enable "0";\n',
        encoding="utf-8",
    )
    certificates = root / "usr/local/share/ca-certificates"
    certificates.mkdir(parents=True, exist_ok=True)
    for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        shutil.copy(certificate, certificates)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text(apt.resolver(), encoding="utf-8")
    for name in ("etc/machine-id", "etc/hostname"):
        (root / name).write_text("", encoding="utf-8")
    if os.path.lexists(root / "var/lib/dbus/machine-id"):
        (root / "var/lib/dbus/machine-id").unlink()
