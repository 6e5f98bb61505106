"""Which trials a study ends with: of each modality the one that goes best with the others'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.pairs import Candidate, best_together
from analysis.numbers.selection import best_epoch, ranked, select_best
from trainables.records import TrialRecord, study_checkpoint

MOST = 20  # trials of a modality that are candidates beside its heads: the best of them by themselves
# How far a candidate's val accuracy may lie below its modality's best: where a sample lacks the other modality, it
# decides alone. On halves of two studies' val the best pair was .004 and .010 better than the pair of the best, and
# .003 better in both within this reach.
REACH = 0.05

ValLogits = Callable[[Path], "NDArray[np.float32] | None"]


def chosen_trials(
    study_folder: Path,
    records: Sequence[TrialRecord],
    modalities: Sequence[str],
    labels: NDArray[np.int64],
    val_logits: ValLogits,
) -> dict[str, TrialRecord]:
    """By modality, the trials whose fusion is best on val; `labels` (N,) are val's.

    Candidates are the `MOST` best trials by themselves, and all heads, whose val logits lie with their checkpoints and
    that are within `REACH` of the best.
    Where those of a modality's best trial don't (an earlier version didn't keep them), each modality has its own best.
    UserError where a modality has no trial that qualifies.
    """
    best = {modality: select_best(records, modality) for modality in modalities}
    candidates: dict[str, list[Candidate]] = {}
    for modality in modalities:
        found = [_candidate(study_folder, record, val_logits) for record in _candidates(records, modality)]
        candidates[modality] = [one for one in found if one is not None and len(one.logits) == len(labels)]
    if any(not own or own[0].name != best[name].trial_id for name, own in candidates.items()):
        return best
    by_id = {record.trial_id: record for record in records}
    return {name: by_id[one.name] for name, one in best_together(candidates, labels).items()}


def best_heads(records: Sequence[TrialRecord], modalities: Sequence[str]) -> dict[str, TrialRecord]:
    """By modality, the best head on frozen features, of those that have one."""
    heads = [record for record in records if record.is_head]
    own = {modality: ranked(heads, modality) for modality in modalities}
    return {modality: found[0] for modality, found in own.items() if found}


def _candidates(records: Sequence[TrialRecord], modality: str) -> list[TrialRecord]:
    """The best first."""
    every = ranked(records, modality)
    least = best_epoch(every[0]).val_accuracy - REACH
    own = [record for record in every if best_epoch(record).val_accuracy >= least]
    tuned = [record for record in own if not record.is_head][:MOST]
    return [record for record in own if record.is_head or record in tuned]


def _candidate(study_folder: Path, record: TrialRecord, val_logits: ValLogits) -> Candidate | None:
    kept, best = val_logits(study_checkpoint(study_folder, record)), best_epoch(record)
    if kept is None:
        return None
    return Candidate(record.trial_id, kept.astype(np.float64), (best.latency, float(best.weights_bytes)))
