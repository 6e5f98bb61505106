"""`binwise serve`: a page to try a bundle, and the same for programs, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.show.say import say


def serve(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder that `binwise export` wrote.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Try a bundle on a page: drop a picture, edit its text, move the weight; the same as REST for programs."""
    import uvicorn

    from analysis.bundle_predictor import BundlePredictor
    from analysis.serving.app import make_app
    from search.cli.mlflow_ui import HOST, free_port

    predictor = BundlePredictor.load(bundle).runtime
    free = free_port(port)
    say(f"Try it: http://{HOST}:{free}/ (programs: POST /api/predict; Ctrl-C ends it)")
    uvicorn.run(make_app(predictor, bundle.resolve().name), host=HOST, port=free, log_level="warning")
