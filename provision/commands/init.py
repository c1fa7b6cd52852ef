"""`provision init`: a commented inventory to begin with."""

from __future__ import annotations

from pathlib import Path

from provision.errors import EXIT_OK, ProvisionError
from provision.output import out, shown
from provision.paths import INVENTORY_FILE, TEMPLATES


def init(*, directory: Path) -> int:
    """Write inventory.yml into a directory. Raises ProvisionError where there is one already."""
    path = directory / INVENTORY_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write((TEMPLATES / "site" / INVENTORY_FILE).read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise ProvisionError(
            f"{path}: there is one already", remedy="edit it, or name another directory"
        ) from error
    except OSError as error:
        raise ProvisionError(f"{path}: {error.strerror}") from error
    out.print(f"wrote {shown(path)}: put your hosts in, then: provision plan")
    return EXIT_OK
