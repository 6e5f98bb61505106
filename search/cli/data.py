"""`binwise data`: make data sets, check them. A module a command."""

from __future__ import annotations

import typer

from search.cli.data_check import data_check
from search.cli.data_clean import data_clean
from search.cli.data_demo import data_demo
from search.cli.data_fetch import data_fetch
from search.cli.data_import import data_import
from search.cli.data_resplit import data_resplit

data_app = typer.Typer(
    help="Make data sets: the embedded one, three splits from a folder or a CSV, a published one; and check any.",
    no_args_is_help=True,
)
data_app.command("demo")(data_demo)
data_app.command("import")(data_import)
data_app.command("fetch")(data_fetch)
data_app.command("check")(data_check)
data_app.command("clean")(data_clean)
data_app.command("resplit")(data_resplit)
