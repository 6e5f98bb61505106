"""`binwise export`: a study's models as a folder that predicts by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from search.cli.find_study import folder_of
from search.cli.options import RUNS, Runs, StudyRef
from search.show.say import say
from trainables.words import human_bytes


def export(
    study: StudyRef,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="The bundle's folder; it mustn't exist.")],
    licence: Annotated[str, typer.Option(help="The models' licence, for the card: Apache-2.0, or words.")] = "",
    runs: Runs = RUNS,
) -> None:
    """Write what a study ends with as a bundle: it predicts without the study, torch, Ray or MLflow."""
    folder = folder_of(study, runs)
    # The graphs are compared with what a CPU computes, with all its bits; to be said before torch looks for a GPU.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from analysis.bundle import export_bundle
    from search.show.console import console

    with console().status("Exporting") as status:
        done = export_bundle(folder, destination, licence=licence, tell=status.update)
    say(
        f"Bundle: {done.folder} ({human_bytes(done.bytes)}); on {done.parity.samples} samples its logits are "
        f"PyTorch's to {done.parity.difference:.1g}\nTry it: binwise predict {done.folder} PICTURE"
    )
