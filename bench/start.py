"""How soon the command line answers: help, and the shell's completion."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.measuring import Figure, command, tell, timed

PROVISION = Path(sys.executable).with_name("provision")
RUNS = 15


def main() -> None:
    """Start them in turns."""
    python = Figure("python -c pass (the floor)")
    help_, completion = Figure("provision --help", most=0.15), Figure("completion", most=0.15)
    asked = {"_PROVISION_COMPLETE": "bash_complete", "COMP_WORDS": "provision m", "COMP_CWORD": "1"}
    for _ in range(RUNS):
        timed(python, lambda: command(sys.executable, "-c", "pass"))
        timed(help_, lambda: command(PROVISION, "--help"))
        timed(completion, lambda: command(PROVISION, environment=asked))
    tell("start", [python, help_, completion])
