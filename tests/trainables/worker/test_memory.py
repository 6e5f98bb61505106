"""Giving memory back between two trials."""

from __future__ import annotations

import gc
import mmap
import weakref

import numpy as np
import torch

from trainables.worker.memory import forget_compiled, peak_resident_bytes, release_memory, reset_peak, resident_bytes


def rss_mebibytes() -> float:
    """What this process has in memory."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4096 / 2**20


class Ring:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


def test_what_a_trial_left_is_collected() -> None:
    """Rings of references go, too."""
    gc.disable()
    try:
        gone = weakref.ref(Ring())
        assert gone() is not None
        release_memory()
        assert gone() is None
    finally:
        gc.enable()


def test_freed_memory_is_handed_back_to_the_system() -> None:
    """Many small blocks with one in use above them: glibc alone would keep them all."""
    release_memory()
    blocks = [np.ones(10_000, dtype=np.uint8) for _ in range(20_000)]
    last = np.ones(10_000, dtype=np.uint8)
    full = rss_mebibytes()
    blocks.clear()
    release_memory()
    assert full - rss_mebibytes() > 100
    assert last.sum() == 10_000


def test_the_peak_counts_from_its_reset() -> None:
    """Memory that came and went shows in the peak, and no longer once the peak is reset."""
    reset_peak()
    before = resident_bytes()
    size = 200_000_000
    with mmap.mmap(-1, size) as taken:  # the allocator may keep what it gets back; the system doesn't
        for _ in range(200):
            taken.write(b"x" * 1_000_000)
    assert peak_resident_bytes() - before > 0.9 * size
    reset_peak()
    assert peak_resident_bytes() - before < 0.5 * size


def test_a_compiled_trials_shapes_are_forgotten() -> None:
    """Without it, torch compiles for any shape once it saw a second one, and the next trial gets other kernels."""
    torch._dynamo.reset()
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compiled = torch.compile(torch.nn.functional.relu, backend=backend)
    for size in (4, 5):
        compiled(torch.ones(size))
        forget_compiled()
    sizes = [next(iter(graph.graph.nodes)).meta["example_value"].shape[0] for graph in graphs]
    assert [int(size) for size in sizes] == [4, 5]
    assert all(isinstance(size, int) for size in sizes)
