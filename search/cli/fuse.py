"""`binwise fuse`: the fusion of predictions that were made elsewhere, with all the statistics of a study's analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import AsJson
from search.show.say import say
from trainables.errors import UserError

if TYPE_CHECKING:
    from analysis.elsewhere.fuse import FusedElsewhere
    from analysis.elsewhere.parts import Source

Given = Annotated[
    list[str], typer.Option("--logits", metavar="NAME=FILE", help="A modality's predictions on val; two or more times.")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", metavar="FILE", help="Val's labels; may be left out where a file has them.")
]
TestGiven = Annotated[
    list[str] | None, typer.Option("--test-logits", metavar="NAME=FILE", help="A modality's predictions on test.")
]
TestLabels = Annotated[Path | None, typer.Option("--test-labels", metavar="FILE", help="Test's labels.")]
Classes = Annotated[
    str | None, typer.Option("--classes", metavar="A,B,...", help="The columns' classes, where no file names them.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE.json", help="Write the result as JSON, too.")]


def fuse(
    logits: Given,
    labels: Labels = None,
    test_logits: TestGiven = None,
    test_labels: TestLabels = None,
    classes: Classes = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Fuse predictions that were made elsewhere: weights chosen on val, what they gain, how sure that is.

    A file of predictions is an npz with `logits` (or `probabilities`) of shape (N, C), and perhaps `ids`, `classes` and
    `labels`; an npy of (N, C); or a CSV with a column a class, and perhaps `id` and `label`. A sample that lacks a
    modality has a row of NaN, or of empty cells. Labels are a CSV with `label` (and perhaps `id`), or an npy of (N,):
    names of classes, or their indices. Samples are matched by id where every file has ids, else row by row.
    """
    from analysis.elsewhere.lines import fusion_lines
    from analysis.files import replace_file

    found = fused(
        named_files("--logits", logits),
        labels,
        named_files("--test-logits", test_logits or []),
        test_labels,
        classes.split(",") if classes else None,
    )
    if out is not None:
        replace_file(out, (found.as_json() + "\n").encode("utf-8", "backslashreplace"))
    if as_json:
        say(found.as_json())
        return
    for line in fusion_lines(found):
        say(line)


def fused(
    logits: Mapping[str, Source],
    labels: Source | None,
    test_logits: Mapping[str, Source],
    test_labels: Source | None,
    classes: Sequence[str] | None,
) -> FusedElsewhere:
    """The weights that val chooses, and what they gain. UserError where the files or arrays don't fit together."""
    from analysis.elsewhere.fuse import fuse_elsewhere
    from analysis.elsewhere.parts import read_part

    if test_labels is not None and not test_logits:
        raise UserError("A test's labels must come with its logits (--test-logits NAME=FILE), but there are none.")
    val = read_part(logits, labels, classes)
    test = read_part(test_logits, test_labels, val.split.classes) if test_logits else None
    return fuse_elsewhere(val, test)


def named_files(option: str, pairs: list[str]) -> dict[str, Path]:
    """`image=a.npz` -> by name, the file. Raises UserError where one isn't of this form, or a name occurs twice."""
    found: dict[str, Path] = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not (name and equals and file):
            raise UserError(f"{option} must be NAME=FILE, such as {option} image=a.npz, but got {pair!r}.")
        if name in found:
            raise UserError(f"{option} must name each modality once, but got {name!r} twice.")
        found[name] = Path(file)
    return found
