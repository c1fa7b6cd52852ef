"""The playbooks without the wrapper: ansible-playbook on the rendered tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.secrets import write_secrets
from tests.e2e.conftest import StageSetter
from tests.e2e.operating import PROVISION, ROOT, Outcome, Site, described, execute

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(stage: StageSetter) -> Iterator[Site]:
    with stage("e2e-plain") as site:
        yield site


@pytest.fixture(scope="module")
def tree(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("rendered") / "tree"
    done = site.provision("render", "--output", tree)
    assert done.status == 0, done.text
    assert {path.name for path in tree.iterdir()} == set(site.names)
    assert "ansible-playbook" in done.err and f"provision_tree={tree}" in done.err
    return tree


def playbook(site: Site, tree: Path, *words: str, name: str = "site.yml") -> Outcome:
    """Run as someone would who only knows Ansible, from a directory that is not ours."""
    return execute(
        *(*PROVISION[:2], "ansible", "playbook", *site.inventory),
        *(ROOT / "playbooks" / name, "-e", f"provision_tree={tree}"),
        *("-e", f"@{site.secrets_file}", "-e", f"provision_secrets_file={site.secrets_file}"),
        *words,
        cwd=tree,
    )


def recap(done: Outcome) -> dict[str, dict[str, int]]:
    """Ansible's recap: the counts of each host."""
    lines = done.out.partition("PLAY RECAP")[2].splitlines()[1:]
    return {
        line.split()[0]: {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", line)}
        for line in lines
        if " : " in line
    }


def test_the_monitor_and_one_worker_from_bare_hosts(site: Site, tree: Path) -> None:
    write_secrets(
        site.secrets_file,
        {"influxdb_admin_password": "an-admin-password-of-the-site"},
        lambda text: text,
    )
    limit = f"{site.monitor}:{site.workers[0]}"
    done = playbook(site, tree, "--limit", limit)
    assert done.status == 0, done.text
    counts = recap(done)
    assert counts.keys() == {site.monitor, site.workers[0]}
    assert all(c["failed"] == c["unreachable"] == 0 and c["changed"] for c in counts.values())
    made = site.secrets
    assert len(made) == 4, "one to read, and one for each worker of the site"
    assert not [name for name, secret in made.items() if secret in done.text]


def test_a_bare_worker_by_the_playbook_for_workers(site: Site, tree: Path) -> None:
    done = playbook(site, tree, name="worker.yml")
    assert done.status == 0, done.text
    assert site.pid(site.workers[1], "telegraf") != "0"
    assert described(site.metrics()) == []


def test_nothing_changes_then_with_or_without_the_wrapper(site: Site, tree: Path) -> None:
    done = playbook(site, tree)
    assert done.status == 0, done.text
    # One task for all of them, which runs as the first.
    assert recap(done).keys() == {site.monitor}
    assert recap(done)[site.monitor]["changed"] == 0
    assert done.out.count("TASK [") == 1
    wrapped = site.provision("up")
    assert "3 hosts, 0 changed, 0 failed" in wrapped.out, wrapped.text


def test_check_and_diff_tell_of_an_edit(site: Site, tree: Path) -> None:
    worker = site.workers[0]
    site.on(worker, "echo '# by hand' >> /etc/telegraf/telegraf.conf")
    done = playbook(site, tree, "--check", "--diff")
    assert done.status == 0, done.text
    assert "-# by hand" in done.out
    assert recap(done)[worker]["changed"] == 1
    assert "# by hand" in site.on(worker, "cat /etc/telegraf/telegraf.conf")
    assert playbook(site, tree).status == 0
    assert "# by hand" not in site.on(worker, "cat /etc/telegraf/telegraf.conf")


def test_without_a_tree_it_is_told_what_is_missing(site: Site) -> None:
    done = execute(
        *(*PROVISION[:2], "ansible", "playbook", *site.inventory),
        ROOT / "playbooks" / "site.yml",
    )
    assert done.status != 0
    assert "provision_tree" in done.out


def test_a_tree_that_lacks_a_host_is_told_by_name(site: Site, tree: Path, tmp_path: Path) -> None:
    part = tmp_path / "tree"
    done = site.provision("render", "--limit", site.monitor, "--output", part)
    assert done.status == 0 and [path.name for path in part.iterdir()] == [site.monitor]
    ran = playbook(site, part, "--check")
    assert ran.status != 0
    counts = recap(ran)
    assert counts[site.monitor]["failed"] == 0
    assert all(counts[worker]["failed"] == 1 for worker in site.workers)
    assert site.workers[0] in ran.out and "render" in ran.out


def test_what_is_rendered_is_what_stands_there(site: Site, tree: Path) -> None:
    for host in site.names:
        manifest = json.loads((tree / host / ".manifest.json").read_text())
        for file in manifest["files"]:
            if not file["secret"]:
                text = (tree / host / file["path"].lstrip("/")).read_text()
                assert site.on(host, f"cat {file['path']}") == text
            owner = site.on(host, f"stat -c %U:%G:%a {file['path']}").strip()
            assert owner == f"{file['owner']}:{file['group']}:{int(file['mode'], 8):o}"
