"""What is known before the first trial, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.machines.shares import MEMORY_SHARE, Share
from search.preflight.try_steps import Probe
from trainables.data.samples import Split
from trainables.names import TRAIN, VAL
from trainables.words import enumerated, human_bytes


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
