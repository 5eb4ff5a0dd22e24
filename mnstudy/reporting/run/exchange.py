"""Exchange two folders in one step, so that no moment is without either."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

# linux/fcntl.h and linux/fs.h; sys/stdio.h of macOS
AT_FDCWD, RENAME_EXCHANGE, RENAME_SWAP = -100, 2, 2


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders of one file system; False where the system cannot do it in one step."""
    a, b = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform.startswith("linux"):
            rename = ctypes.CDLL(None).renameat2
            done = rename(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)
        elif sys.platform == "darwin":
            done = ctypes.CDLL(None).renamex_np(a, b, RENAME_SWAP)
        else:
            return False
    except (OSError, AttributeError):  # a C library without the call
        return False
    return bool(done == 0)
