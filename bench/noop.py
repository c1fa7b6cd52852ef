"""A run that has nothing to do, against what else can be run on the same hosts."""

from __future__ import annotations

import os
from pathlib import Path

from bench.fleets import fleet
from bench.measuring import Figure, tell, timed

# By the number of hosts: seconds (DESIGN, the bar).
BARS = {3: 1.5, 10: None, 50: 3.0}
RUNS = 5


def main() -> None:
    """On three hosts, ten and fifty."""
    given = os.environ.get("PROVISION_GRAFANA_PACKAGES")
    for hosts, bar in BARS.items():
        runs = RUNS if hosts <= 10 else 3
        with fleet(hosts - 1, Path(given) if given else None) as bench:
            up = Figure("provision up", hosts=hosts, most=bar)
            check = Figure("provision up --check", hosts=hosts)
            tuned = Figure("ordinary playbook, our ansible.cfg", hosts=hosts)
            plain = Figure("ordinary playbook, Ansible's defaults", hosts=hosts)
            ping, ssh = Figure("ansible -m ping", hosts=hosts), Figure("one ssh round trip")
            for number in range(runs):
                for figure, run in (
                    (up, bench.up),
                    (check, lambda: bench.up("--check")),
                    (ping, bench.ping),
                    (ssh, bench.ssh),
                ):
                    timed(figure, run)
                    timed(figure, run)
                if number < 2:
                    timed(tuned, lambda: bench.ordinary(tuned=True))
                    if hosts <= 10:
                        timed(plain, lambda: bench.ordinary(tuned=False))
            figures = [figure for figure in (up, check, tuned, plain, ping, ssh) if figure.runs]
            ratio = tuned.median / up.median
            tell(f"noop-{hosts}", figures, f"the ordinary playbook takes {ratio:.1f} times as long")
