"""A run that has nothing to do, against what else can be run on the same hosts."""

from __future__ import annotations

import os

from bench.fleets import fleet
from bench.measuring import Figure, tell, timed

# By the number of hosts: seconds (DESIGN, the bar).
BARS = {3: 1.5, 10: None, 50: 3.0}
RUNS = 5


def main() -> None:
    """On three hosts, ten and fifty, or on as many as BENCH_HOSTS says."""
    only = os.environ.get("BENCH_HOSTS")
    for hosts, bar in {int(only): BARS.get(int(only))}.items() if only else BARS.items():
        with fleet(hosts - 1) as bench:
            up = Figure("provision up, connections stand", hosts=hosts, most=bar)
            cold = Figure("provision up, no connection stands", hosts=hosts)
            check = Figure("provision up --check", hosts=hosts)
            verify = Figure("provision verify", hosts=hosts)
            tuned = Figure("ordinary playbook, our ansible.cfg", hosts=hosts)
            plain = Figure("ordinary playbook, Ansible's defaults", hosts=hosts)
            ping = Figure("ansible -m ping", hosts=hosts)
            ssh, anew = Figure("one ssh round trip"), Figure("one ssh round trip, anew")
            for number in range(RUNS):
                bench.up()  # the connections stand, and what was there before is no advantage
                timed(up, bench.up)
                timed(check, lambda: bench.up("--check"))
                timed(ping, bench.ping)
                timed(ssh, bench.ssh)
                bench.stage.rehearsal.close_connections()
                timed(cold, bench.up)
                bench.stage.rehearsal.close_connections()
                timed(anew, bench.ssh)
                if number < (2 if hosts <= 10 else 1):
                    timed(verify, bench.verify)
                    timed(tuned, lambda: bench.ordinary(tuned=True))
                    if hosts == 3:
                        timed(plain, lambda: bench.ordinary(tuned=False))
            every = (up, cold, check, verify, tuned, plain, ping, ssh, anew)
            ratio = tuned.median / up.median
            tell(
                f"noop-{hosts}",
                [figure for figure in every if figure.runs],
                f"{hosts} hosts; the ordinary playbook takes {ratio:.1f} times as long",
            )
