"""What the action plugins share on the controller: the manifest, the comparison and its script.

Ansible loads a plugin by its file, so it can't import its neighbours; each plugin puts this
folder's parent on sys.path first. What also runs on the hosts is in module_utils, where Ansible
looks for it under the name ansible.module_utils: the line below lets the controller find it there.
"""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

_MODULE_UTILS = str(Path(__file__).resolve().parent.parent / "module_utils")
if _MODULE_UTILS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_MODULE_UTILS)
