"""A fusion of predictions made elsewhere as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from analysis import wording
from analysis.elsewhere.fuse import FusedElsewhere, Scored
from analysis.report.findings import fusion_verdict
from analysis.rows import MAJORITY
from trainables.names import TEST, VAL


def fusion_lines(found: FusedElsewhere) -> list[str]:
    """The weights, each row with its interval, and whether fusing is shown to gain."""
    lines = [
        f"Fused on {VAL}: {wording.fused_formula(found.fusion)}, {_weights(found)}",
        f"{VAL.capitalize()}, {wording.count(found.val.samples, 'sample')} (the weights were chosen here):",
        *_rows(found.val, found.majority),
    ]
    if found.optimism is not None:
        raw, added = found.fusion.accuracy, found.optimism.added
        corrected = f"{wording.percent(raw - added)} instead of {wording.percent(raw)}"
        lines.append(f"  without what choosing the weights adds by itself, {corrected}")
    if found.test is not None:
        lines.append(f"{TEST.capitalize()}, {wording.count(found.test.samples, 'sample')}:")
        lines += _rows(found.test, found.majority)
    lines.append(_verdict(found))
    return [line.replace("\u00a0", " ") for line in [*lines, *(f"Note: {note}" for note in found.notes)]]


def _weights(found: FusedElsewhere) -> str:
    best = found.fusion.best_alpha
    if best is None:
        return f"the same accuracy at any weight of {found.fusion.towards} in {wording.plateau(found.fusion)}"
    return f"alpha {wording.alpha(best)} (best in {wording.plateau(found.fusion)})"


def _rows(scored: Scored, majority: str) -> Iterator[str]:
    width = max(len(wording.row_name(name, majority)) for name in scored.rows)
    for name, row in scored.rows.items():
        interval = f" ({wording.shares(row.interval)})" if row.interval and name != MAJORITY else ""
        shown = wording.row_name(name, majority)
        yield f"  {shown:{width}}  {wording.percent(row.scores.accuracy)}{interval}, macro F1 " + (
            wording.percent(row.scores.macro_f1)
        )
    if scored.blocks:
        yield f"  intervals of 95 %, by {wording.count(scored.blocks, 'group')} of samples with alike names"


def _verdict(found: FusedElsewhere) -> str:
    if found.comparison is None:
        return f"Whether fusing helps can't be told: {VAL} has too few samples to hold some out, and there is no test."
    where = f"{VAL}, cross-fitted," if found.compared_on == VAL else found.compared_on
    return fusion_verdict(found.comparison, where)
