"""Which numbers a step computes with."""

from __future__ import annotations

import pytest
import torch

from trainables.learning.precision import EXACT, Precision

CPU = torch.device("cpu")


def test_a_cpu_computes_in_float32_unless_told_otherwise() -> None:
    """`auto` on a CPU is float32: no autocast, no scaler."""
    precision = Precision("auto", CPU)
    assert precision.name == "fp32"
    assert not precision.scaler.is_enabled()
    with precision.autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(("name", "dtype", "scaled"), [("bf16", torch.bfloat16, False), ("fp16", torch.float16, True)])
def test_half_precisions_cast_and_only_float16_is_scaled(name: str, dtype: torch.dtype, scaled: bool) -> None:
    """Matrix products come out in the half precision; bfloat16 has float32's range and needs no scaler."""
    precision = Precision(name, CPU)
    assert precision.scaler.is_enabled() is scaled
    with precision.autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(("capable", "expected"), [(True, "bf16"), (False, "fp16")])
def test_a_gpu_computes_in_bfloat16_or_where_it_cant_in_float16(
    capable: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPU's own answer decides; emulated bfloat16 doesn't count, it is slow."""

    def supported(including_emulation: bool = True) -> bool:
        return capable or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert Precision("auto", torch.device("cuda")).name == expected


def test_what_is_kept_is_computed_with_all_bits() -> None:
    """Without numbers of 10 bits and without a method that is chosen by its time; what was set before is set again."""
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = cuda.allow_tf32, cudnn.allow_tf32, cudnn.deterministic
    with Precision(EXACT, CPU).autocast():
        assert (cuda.allow_tf32, cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == (False, False, True, False)
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32
    assert (cuda.allow_tf32, cudnn.allow_tf32, cudnn.deterministic) == before
