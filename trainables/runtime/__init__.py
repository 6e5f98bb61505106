"""A bundle's models put to use without torch: what `binwise export` puts into each bundle as `binwise_runtime`.

It stands alone: numpy, onnxruntime, tokenizers and Pillow. Imports within are relative, so that the same files are
`trainables.runtime` here and `binwise_runtime` there, and both prepare pictures and texts alike. From outside:

    from binwise_runtime import Predictor
    answers = Predictor.load("my_bundle").predict(images=["a.jpg"], texts=["old bottle"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .predictor import Answers, Predictor

__all__ = ["Answers", "Predictor"]


def __getattr__(name: str) -> Any:
    """Both on demand: what only decodes pictures needs no onnxruntime."""
    if name not in __all__:
        raise AttributeError(name)
    from . import predictor

    return getattr(predictor, name)
