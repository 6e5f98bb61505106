"""Which numbers a step computes with: float32, or a half precision whose weights stay float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

import torch

AUTO: Final = "auto"
FP32: Final = "fp32"
BF16: Final = "bf16"
FP16: Final = "fp16"
EXACT: Final = "exact"  # no trial's choice: float32 with all its bits, the same ones each time, for what is kept
_DTYPES: Final = {BF16: torch.bfloat16, FP16: torch.float16}


class Precision:
    """A precision on a device: what a forward pass runs under, and the scaler that keeps float16's gradients alive."""

    def __init__(self, name: str, device: torch.device) -> None:
        """`auto`: bfloat16 on a GPU that computes it, float16 on an older one, float32 on a CPU."""
        self.name = _automatic(device) if name == AUTO else name
        self._device = device
        # Without float16 the scaler hands everything through as it is.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.name == FP16)
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True  # where float32 is left: 10 bits of mantissa, as cuDNN's
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.deterministic = True  # else float32's gradients differ in the last bits at each run

    def autocast(self) -> AbstractContextManager[object]:
        """What a forward pass runs under."""
        if self.name == EXACT:
            return _exact()
        if self.name == FP32:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=_DTYPES[self.name])


@contextmanager
def _exact() -> Iterator[None]:
    """On a GPU: no numbers of 10 bits, and no method that is chosen by how fast it just was. A CPU has neither."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _automatic(device: torch.device) -> str:
    if device.type != "cuda":
        return FP32
    return BF16 if torch.cuda.is_bf16_supported(including_emulation=False) else FP16
