"""Checks pictures as data_check.py starts it: what it took as one JSON.

`data_check_worker.py examine FOLDER CACHE`: look at every picture below a folder, with all cores.
`data_check_worker.py near FILE`: find near duplicates among the fingerprints of a file.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from trainables.data.check.near import near_pairs
from trainables.data.pictures.examine import examine
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.fingerprint import BYTES

SHAPE = {"width": 4, "height": 3}  # all alike: the shape tells nothing


def examined(folder: Path, cache: Path) -> dict[str, Any]:
    """How many pictures there were, and how many of them were odd or broken."""
    facts = examine(sorted(folder.rglob("*.jpg")), cache)
    return {"pictures": len(facts), "faults": sum(one.fault is not None for one in facts)}


def near(file: Path) -> dict[str, Any]:
    """The pairs that were found."""
    raw = file.read_bytes()
    facts = [PictureFacts(fingerprint=raw[at : at + BYTES], **SHAPE) for at in range(0, len(raw), BYTES)]
    return {"pictures": len(facts), "pairs": near_pairs(facts)}


def main() -> None:
    """Do what is asked for, and say what it took: seconds of wall and CPU clocks, bytes of memory at most."""
    began = time.perf_counter()
    task, *arguments = sys.argv[1:]
    found = (examined if task == "examine" else near)(*map(Path, arguments))
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    took = {
        "seconds": time.perf_counter() - began,
        "cpu seconds": own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime,
        "own memory": _most_memory(),
        "a worker's memory": workers.ru_maxrss * 1024,  # at least what this process had as it began them
    }
    print(json.dumps({**took, **found}))


def _most_memory() -> int:
    """Bytes at most so far; `ru_maxrss` would tell of the process that began this one."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
