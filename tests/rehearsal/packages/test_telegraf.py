from __future__ import annotations

from pathlib import Path

from provision.rehearsal.packages import deb, telegraf


def test_the_package_is_laid_out_as_upstreams(tmp_path: Path) -> None:
    module = tmp_path / "module"
    for name in (
        "scripts/telegraf.service",
        "scripts/init.sh",
        "etc/logrotate.d/telegraf",
        *(f"scripts/deb/{w}-{v}.sh" for w in ("pre", "post") for v in ("install", "remove")),
    ):
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text(f"{name}\n")
    program = tmp_path / "telegraf"
    program.write_text("")
    content = telegraf.content(module, program, "# sample\n")
    assert content.version == f"{telegraf.VERSION}-1"
    assert content.scripts["postinst"] == "scripts/deb/post-install.sh\n"
    assert content.scripts["prerm"] == "scripts/deb/pre-remove.sh\n"
    assert "/etc/telegraf/telegraf.conf" not in content.files, "the postinst makes it"
    assert set(content.conffiles) <= set(content.files)
    assert deb.fields(deb.pack(content, tmp_path))["Package"] == "telegraf"


def test_every_plugin_has_its_kind() -> None:
    kinds = {name.partition(".")[0] for name in telegraf.PLUGINS}
    own = {"secretstores", "serializers"}
    assert kinds == {"aggregators", "inputs", "outputs", "parsers", "processors", *own}
    assert len(set(telegraf.PLUGINS)) == len(telegraf.PLUGINS)
