"""The arguments and options that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study's config; `run` takes data, too.")]
StudyRef = Annotated[str, typer.Argument(metavar="STUDY", help="A study that was run: its name, folder or YAML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key: image.search.trials=20")
]
Runs = Annotated[Path, typer.Option("--runs", help="The folder of all output.")]
RUNS = Path("mlruns")  # the default of `Runs`
Budget = Annotated[str, typer.Option(metavar="TIME", help="How long a first study's search may take: 90s, 20min, 2h.")]
BUDGET = "20min"  # the default of `Budget`
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the study of that name, if it was begun.")]
More = Annotated[int, typer.Option("--more", metavar="N", min=0, help="Extend the study by N trials a modality.")]
WarmStart = Annotated[
    str | None, typer.Option("--warm-start", metavar="STUDY", help="Learn from another study on the same space.")
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Remove the study of that name first, if there is one; MLflow keeps its record."),
]
DeadlineIn = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="TIME",
        help="Stop in time, all saved: 110min from now. In a SLURM job that says when it ends, its end is one, too.",
    ),
]
Requeue = Annotated[
    bool,
    typer.Option("--requeue", help="Exit with 85 where a deadline or a batch system stopped it: to go on later."),
]
EventsAsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line an event; all else goes to stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
