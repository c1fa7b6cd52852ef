"""What a host has that is otherwise than it shall be."""

from __future__ import annotations

import base64
import os
from typing import Any, Dict, List

from ansible.module_utils.provision import swap


class Change:
    """What differs on the host from the files that a module was given (options.PLACED).

    files and directories are all that it was given, digests those of the files' content by path. Of
    them, changed have other content, owned only another owner or mode, and made is what directories
    are made or given theirs; doomed are paths that must not be there.
    """

    def __init__(self, wanted: Dict[str, Any]) -> None:
        self.files = [
            swap.Entry(each["path"], each["owner"], each["group"], int(each["mode"], 8),
                       base64.b64decode(each["content"]))
            for each in wanted["files"]
        ]  # fmt: skip
        self.digests = {each["path"]: each["digest"] for each in wanted["files"]}
        self.directories = [
            swap.Entry(each["path"], each["owner"], each["group"], int(each["mode"], 8), None)
            for each in wanted["directories"]
        ]
        self.doomed = [path for path in wanted["absent"] if os.path.lexists(path)]
        for each in wanted["directories"]:
            if each["exclusive"]:
                known = [entry.path for entry in self.files + self.directories]
                self.doomed += swap.strays(each["path"], known + self.doomed)
        self.changed = [entry for entry in self.files if entry.content_differs()]
        same = [entry for entry in self.files if entry not in self.changed]
        self.owned = [entry for entry in same if entry.ownership_differs()]
        self.made = [entry for entry in self.directories if entry.ownership_differs()]

    @property
    def paths(self) -> List[str]:
        """The paths of which the content changes, or that go."""
        return [entry.path for entry in self.changed] + self.doomed

    @property
    def touched(self) -> List[str]:
        """The paths of which only owner or mode change."""
        return [entry.path for entry in self.owned + self.made]
