"""Which pages Telegraf takes, as verify tells it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ansible.module_utils.provision import fetching

from tests.answering import Reply, Request, answering
from tests.expositions import REFUSED, TAKEN

PAGES = TAKEN | REFUSED


def test_what_is_told_of_a_page_is_what_telegraf_makes_of_it(
    telegraf_binary: Path, tmp_path: Path
) -> None:
    def page(request: Request) -> Reply:
        return Reply(PAGES[request.path.strip("/")])

    with answering(page) as url:
        (tmp_path / "telegraf.conf").write_text(
            "".join(
                f'[[inputs.http]]\nurls = ["{url}/{name}"]\ntimeout = "30s"\n'
                'data_format = "prometheus"\nprometheus_metric_version = 1\n'
                for name in PAGES
            )
        )
        argv = [telegraf_binary, "--config", tmp_path / "telegraf.conf", "--test"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        told = {name for name in PAGES if fetching.wrong(f"{url}/{name}", 5)}
    refused = re.findall(r"E! .*url=\S+/(\w+)\]: parsing metrics failed", done.stdout + done.stderr)
    assert set(refused) == told == set(REFUSED), done.stderr
