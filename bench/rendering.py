"""Rendering a fleet of a thousand hosts with four applications, and of ten thousand; checking it.

Checking is what the controller does of it: reading each host's manifest and files, writing the
script that the host is asked with, and holding its answer against them, once as it should be and
once with every file changed, which is shown as a diff. The answers are made up: what hosts and ssh
take is in noop.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.measuring import Figure, command, tell
from bench.sites import inventory
from provision.paths import PLAYBOOKS

RUNS = 3
# In a process of its own each time: what is measured is all that there is to do, and its memory.
RENDER = """
import resource, sys, time
from pathlib import Path
from provision.fleet.reading import read_fleet
from provision.render.tree import write_tree
def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
site = read_fleet(["-i", sys.argv[1]]).site
before, started = memory(), time.perf_counter()
write_tree(site, Path(sys.argv[2]))
print(time.perf_counter() - started, before, memory() - before)
"""
CHECK = """
import resource, sys, time
from hashlib import sha256
from pathlib import Path
import ansible.module_utils
sys.path.insert(0, sys.argv[3])
ansible.module_utils.__path__.append(f"{sys.argv[3]}/module_utils")
from comparing import differences, manifest, report, script, wanted
def fill(text, secrets): return text
RUNS = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running",
        "UnitFileState": "enabled"}
def answer(of, files):
    return report.Report(
        paths={e.path: report.Seen("f" if isinstance(e, manifest.File) else "d", e.mode, e.owner,
                                   e.group) for e in (*of.files, *of.directories)},
        sums={f.file.path: sha256(f.content or b"").hexdigest() for f in files},
        packages={p.name: ("1", "install ok installed") for p in of.packages},
        services={s.name: RUNS for s in of.services}, state=())
def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds, shown, before = [0.0, 0.0], 0, memory()
class Any(dict):
    def get(self, name, other=None): return "secret"
    def __getitem__(self, name): return "secret"
for host in sorted(path.name for path in Path(sys.argv[1]).glob(sys.argv[2])):
    started = time.perf_counter()
    of = manifest.load(Path(sys.argv[1]), host)
    files = wanted.wanted_files(of, Any(), fill)
    text = script.compare_script(of)
    seconds[0] += time.perf_counter() - started
    seen = answer(of, files)
    started = time.perf_counter()
    found = [d for d in differences.differences(of, files, seen) if d.kind == "file"]
    seconds[0] += time.perf_counter() - started
    assert not found, found
    seen.sums.update(dict.fromkeys(seen.sums, "other"))
    started = time.perf_counter()
    found = [d for d in differences.differences(of, files, seen) if d.kind == "file"]
    shown += len(differences.diff_texts(found, files, {}))
    seconds[1] += time.perf_counter() - started
    assert len(found) == len(of.files), found
print(*seconds, memory() - before)
"""


def main() -> None:
    """A thousand, then ten thousand."""
    figures = []
    for hosts, most in ((1000, 2.0), (10_000, 20.0)):
        rendered = Figure(f"render {hosts:,} hosts", hosts=hosts, most=most)
        site_memory = Figure(f"memory with the site of {hosts:,} hosts", unit="MiB")
        more = Figure(f"memory more, rendering {hosts:,} hosts", unit="MiB")
        checked = Figure(f"check {hosts:,} hosts", hosts=hosts, most=most)
        diffed = Figure(f"diff all files of {hosts:,} hosts", hosts=hosts, most=most)
        checking = Figure(f"memory more, checking {hosts:,} hosts", unit="MiB")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            site = inventory(Path(directory), hosts)
            for number in range(RUNS if hosts == 1000 else 1):
                tree = Path(directory) / f"tree{number}"
                said = command(sys.executable, "-c", RENDER, site, tree).split()
                for figure, value in zip((rendered, site_memory, more), said, strict=True):
                    figure.runs.append(float(value))
                said = command(sys.executable, "-c", CHECK, tree, "w*", PLAYBOOKS).split()
                for figure, value in zip((checked, diffed, checking), said, strict=True):
                    figure.runs.append(float(value))
        figures += [rendered, site_memory, more, checked, diffed, checking]
    tell(
        "rendering",
        figures,
        "written to memory; reading the inventory is Ansible's work and not in it",
    )
