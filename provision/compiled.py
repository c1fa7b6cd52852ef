"""Templates as Jinja compiled them in an earlier run."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from pathlib import Path

import jinja2
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from provision.paths import cache


class Compiled(FileSystemBytecodeCache):
    """Those of one kind, in a folder of the cache.

    Jinja evaluates what is constant as it compiles: by another Jinja, or made by something else,
    they are compiled anew. Where nothing can be kept they are, too.
    """

    def __init__(self, folder: str, made_by: str) -> None:
        """made_by tells apart what compiles them: filters, and whatever they depend on."""
        self._made_by = f"{jinja2.__version__} {made_by}"
        super().__init__(str(cache() / folder))

    def get_source_checksum(self, source: str) -> str:
        """Of what was compiled, and by what."""
        return hashlib.sha256(f"{self._made_by}\0{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """As Jinja has it; what is broken is written anew."""
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError, pickle.PickleError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """As Jinja has it, whole or not at all."""
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)
