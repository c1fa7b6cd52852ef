from __future__ import annotations

from pathlib import Path

from provision.rehearsal import cgroups


def test_hierarchies_of_both_versions() -> None:
    v1 = (
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
        "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        "cgroup /var/lib/x/cpu cgroup rw,cpu 0 0\n"
    )
    names = ["cpu", "systemd", "unified"]
    assert cgroups.hierarchies(v1) == [Path("/sys/fs/cgroup") / name for name in names]
    v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
    assert cgroups.hierarchies(v2) == [Path("/sys/fs/cgroup")]
