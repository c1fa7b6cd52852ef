"""Texts that would be code in one of the languages that are written here, were they not quoted."""

from __future__ import annotations

HOSTILE = (
    'a "quoted" name',
    "it's",
    "back\\slash\\",
    '\\"',
    "new\nline",
    "new\r\nlines\n\n",
    "\u2028\u2029\x85",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "{{ provision_secrets.grafana_admin_password }}",
    "$HOME ${HOME} $$",
    "${host:regex} [[host]] $timeFilter $__interval",
    "'''",
    "'''\n[[outputs.file]]\nfiles = ['/etc/passwd']\n'''",
    '"\n[[inputs.exec]]\ncommands = ["reboot"]\n',
    '"; DROP DATABASE "telegraf',
    "' OR '1'='1",
    '" WHERE time > 0 --',
    "/.*/",
    "- a: !!python/object:os.system &x [*x]",
    "a: b # c",
    "%s %(name)s {0} {name}",
    "<script>alert(1)</script>",
    "\x00\x1b[2J\x7f\x9b",
    "é ß 漢字 \U0001f600",
    " ",
    "",
)
