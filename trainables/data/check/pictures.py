"""What is the matter with single pictures, told from their facts, and numbers about all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from trainables.data.check.findings import Finding, Level, Place
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.look import (
    CMYK,
    CUT,
    ENDING,
    FLAT,
    FRAMES,
    METADATA,
    STRETCHED,
    TRANSPARENT,
    TURNED,
)
from trainables.words import counted

TINY: Final = 32  # px of the shorter side
LONG: Final = 5.0  # longer side / shorter side

# By kind of note: the finding's kind, its level, what follows the number of pictures, what to do.
_ODD: Final[Mapping[str, tuple[str, Level, str, str]]] = {
    CUT: ("cut-pictures", "warning", "end early and are grey below", "Fetch them again, or leave them out."),
    FLAT: ("flat-pictures", "warning", "have one colour and show nothing", "Look at them, or leave them out."),
    METADATA: ("damaged-metadata", "note", "have damaged EXIF and may lie on their side", ""),
    ENDING: ("wrong-endings", "note", "are of another format than their name says; they are read", ""),
    STRETCHED: ("stretched-grey", "note", "use a part of their 16 bits of grey, and are made brighter by it", ""),
    FRAMES: ("several-frames", "note", "have several frames or pages, of which the first is taken", ""),
    CMYK: ("print-colours", "note", "have colours made for print (CMYK), which are converted", ""),
    TRANSPARENT: ("transparent-pictures", "note", "are transparent in parts, and put on white", ""),
    TURNED: ("turned-pictures", "note", "are turned or mirrored by EXIF", ""),
}


def picture_findings(facts: Sequence[PictureFacts], places: Sequence[Place]) -> list[Finding]:
    """Unreadable and odd pictures, each with its file and reason; `places` in the order of `facts`."""
    unreadable = [(place, one.fault) for one, place in zip(facts, places, strict=True) if one.fault is not None]
    found = [_odd_finding(kind, facts, places) for kind in _ODD]
    found += [_tiny_finding(facts, places), _long_finding(facts, places)]
    remedy = "Replace or remove them: `binwise data clean` writes a list of what to leave out."
    found.insert(0, _finding("unreadable-pictures", "error", "can't be read", remedy, unreadable, len(facts)))
    return [finding for finding in found if finding.places]


def picture_numbers(facts: Sequence[PictureFacts]) -> dict[str, Any]:
    """Pictures, bytes, formats, modes, and the spread of width, height and shape over those that can be read."""
    read = [one for one in facts if one.fault is None]
    return {
        "pictures": len(facts),
        "unreadable": len(facts) - len(read),
        "bytes": sum(one.size_bytes for one in facts),
        "formats": dict(Counter(one.format for one in read).most_common()),
        "modes": dict(Counter(one.mode for one in read).most_common()),
        "width": _spread([one.width for one in read]),
        "height": _spread([one.height for one in read]),
        "width / height": _spread([one.width / one.height for one in read]),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    shares = {"least": 0, "5 %": 5, "median": 50, "95 %": 95, "most": 100}
    return {name: float(np.percentile(values, share)) for name, share in shares.items()}


def _odd_finding(kind: str, facts: Sequence[PictureFacts], places: Sequence[Place]) -> Finding:
    found = [
        (place, note.partition(": ")[2])
        for one, place in zip(facts, places, strict=True)
        for note in one.notes
        if note.partition(": ")[0] == kind
    ]
    name, level, words, remedy = _ODD[kind]
    return _finding(name, level, words, remedy, found, len(facts))


def _tiny_finding(facts: Sequence[PictureFacts], places: Sequence[Place]) -> Finding:
    found = [
        (place, f"{one.width} x {one.height} px")
        for one, place in zip(facts, places, strict=True)
        if one.fault is None and min(one.width, one.height) < TINY
    ]
    words = f"are less than {TINY} px wide or high"
    return _finding(
        "tiny-pictures", "warning", words, "Find larger ones: little can be seen on them.", found, len(facts)
    )


def _long_finding(facts: Sequence[PictureFacts], places: Sequence[Place]) -> Finding:
    found = [
        (place, f"{one.width} x {one.height} px")
        for one, place in zip(facts, places, strict=True)
        if one.fault is None and max(one.width, one.height) >= LONG * min(one.width, one.height)
    ]
    words = f"are {LONG:g} times as long as wide, or more"
    return _finding(
        "long-pictures", "note", words, "Most of the square that a network sees of them is padding.", found, len(facts)
    )


def _finding(
    kind: str, level: Level, words: str, remedy: str, found: Sequence[tuple[Place, str]], count: int
) -> Finding:
    told = tuple(replace(place, reason=reason) for place, reason in found)
    title = f"{len(told):,} of {counted(count, 'picture')} {words}."
    return Finding(kind, level, title, remedy, told, numbers={"pictures": len(told)})
