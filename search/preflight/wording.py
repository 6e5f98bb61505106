"""What is known before the first trial, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.machines.shares import MEMORY_SHARE, Share
from search.preflight.duration import time_range
from search.preflight.try_steps import Probe
from search.show.load import Load
from trainables.data.samples import Split
from trainables.names import TRAIN, VAL
from trainables.words import enumerated, human_bytes, human_range


def data_text(splits: Mapping[str, Split]) -> str:
    """`630 train, 160 val, classes Black, Blue`."""
    train, val = splits[TRAIN], splits[VAL]
    return f"{len(train):,} train, {len(val):,} val, classes {enumerated(train.classes)}"


def modality_texts(probes: Sequence[Probe], share: Share, smallest_gpu: int | None) -> list[str]:
    """What a trial takes and gets, in words; and where a share of a GPU that the study sets is too small."""
    own, largest = probes[0].result, max(probes, key=lambda probe: probe.result.peak_bytes)
    memory, total = largest.result.peak_bytes, smallest_gpu or largest.result.total_bytes
    kind = "GPU" if share.gpus else "machine"
    each = f"{share.cpus} CPU{'' if share.cpus == 1 else 's'} and {share.gpus:g} GPUs each"
    texts = [
        f"{own.step_seconds:.3g} s a step; at most {human_bytes(memory)} of the {kind}'s {human_bytes(total)} "
        f"(with {largest.label})",
        f"{share.concurrency} trial{'' if share.concurrency == 1 else 's'} at once, {each}",
    ]
    if 0 < share.gpus < 1 and memory > share.gpus * MEMORY_SHARE * total:
        texts.append(
            f"trials may run out of memory: {share.gpus:g} of a GPU is {human_bytes(int(share.gpus * total))}, and one "
            f"takes up to {human_bytes(memory)}"
        )
    return texts


def time_line(seconds: Mapping[str, float], load: Load) -> str:
    """The estimated time in words, from each modality's: they share the cluster, so that their times add up.

    `load`: of the machine, with nothing of the study running: where others use it, that is said.
    """
    each = ", ".join(f"{name} {_range_words(own)}" for name, own in seconds.items())
    busy = load.note()
    longer = f"; {busy}, so it may take longer" if busy else ""
    return f"Time: {_range_words(sum(seconds.values()))} ({each}) by the steps that were tried{longer}"


def _range_words(seconds: float) -> str:
    return human_range(*time_range(seconds))
