"""Studies from Python, in a notebook above all: thin over what the commands call, so that both say the same.

Every import of weight waits inside its method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.names import (
    ANALYSIS_FOLDER,
    FINAL_TEST_FILE,
    LEDGER_FILE,
    REPORT_HTML,
    SELECTION_FILE,
    TEST_OPENED_FILE,
)

if TYPE_CHECKING:
    import pandas as pd

    from analysis.elsewhere.fuse import FusedElsewhere
    from analysis.elsewhere.parts import Source
    from analysis.predictor import Predictor
    from analysis.results import FinalTest, Selection
    from search.cli.reproduce import Reproduction
    from search.study.config import StudyConfig

FRAME_HEIGHT = 800  # pixels of a report within a notebook


@dataclass(frozen=True, repr=False)
class Lines:
    """What a command prints; a notebook shows it as it stands."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True, repr=False)
class Plan(Lines):
    """What a study will do and take, as `binwise plan` says it."""

    facts: Mapping[str, Any]  # what `binwise plan --json` prints: bytes, seconds

    @property
    def seconds(self) -> float:
        """What the search takes where nothing else runs."""
        return float(self.facts["seconds"])


@dataclass(frozen=True, repr=False)
class Fusion(Lines):
    """Predictions made elsewhere, fused: as `binwise fuse` says it."""

    result: FusedElsewhere


@dataclass(frozen=True)
class ReportPage:
    """A study's report, `report.html`; a notebook shows it within a frame."""

    path: Path

    @property
    def html(self) -> str:
        """The whole page."""
        return self.path.read_text("utf-8")

    def _repr_html_(self) -> str:
        # In a frame without an origin the page's style and scripts stay its own.
        return (
            f'<iframe title="Report" sandbox="allow-scripts allow-popups" srcdoc="{escape(self.html)}" '
            f'style="width:100%;height:{FRAME_HEIGHT}px;border:0"></iframe>'
        )


class Study:
    """A study: what is searched and where its record lies.

    Made by `Study.from_yaml` (begun or not) or `Study.open` (on record). Methods raise UserError for what the command
    of the same name would refuse.
    """

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder  # where its record and results lie, or will lie

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {str(self.folder)!r})"

    @classmethod
    def from_yaml(cls, path: str | Path, *overrides: str) -> Study:
        """The study of a YAML file, changed as `--set` does: `Study.from_yaml("study.yaml", "image.search.trials=3")`.

        Raises UserError with every fault of it.
        """
        from search.study.folder import Layout
        from search.study.yaml_file import load_study

        config = load_study(Path(path), overrides)
        return cls(config, Layout.of(config).folder)

    @classmethod
    def open(cls, study: str | Path, runs: str | Path = "mlruns") -> Study:
        """A study on record, by its folder, its name among `runs`, or its YAML file.

        Raises UserError with the names that there are where it is none.
        """
        from search.cli.find_study import recorded

        return cls(*recorded(str(study), Path(runs)))

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.folder.name

    def plan(self) -> Plan:
        """Check everything and try a few steps; nothing of the study is begun or written."""
        from search.cli.plan import planned

        lines, facts = planned(self.config)
        return Plan(tuple(lines), facts)

    def search(self, *, resume: bool = True, replace: bool = False, more: int = 0) -> Study:
        """Run the trials, or go on with them; `more` trials a modality than were planned, `replace`: begin anew.

        Raises RuntimeError where something stopped it before its end: the next call goes on from there.
        """
        from search.cli.search import search_to_its_end

        search_to_its_end(self.config, resume=resume and self._begun(), replace=replace, more=more)
        return self

    def run(self, *, resume: bool = True, replace: bool = False, more: int = 0) -> ReportPage:
        """All of it: search, analyze, test once where there is a test split, report. Raises as `search`."""
        self.search(resume=resume, replace=replace, more=more)
        self.analyze()
        if self.config.data.test is not None:
            self.test()
        return self.report()

    def analyze(self) -> Selection:
        """Choose on val, fit the fusion, and freeze the selection."""
        from search.cli.results import analyze_study

        return analyze_study(self.config, self.folder)

    def test(self, source: str | Path | None = None, *, accept_changed_test: bool = False) -> FinalTest:
        """The one evaluation on test; `source`: the test data where they lie elsewhere by now."""
        from search.cli.results import test_study

        where = None if source is None else Path(source)
        return test_study(self.config, self.folder, where, accept_changes=accept_changed_test)

    def trials(self) -> pd.DataFrame:
        """Every trial that ended, the best of each modality first: the columns of `leaderboard.csv`."""
        import pandas as pd

        from analysis.report.leaderboard_csv import ranked
        from analysis.store import read_trials
        from trainables.leaderboard import columns_of, leaderboard_rows

        records = ranked(read_trials(self.folder))
        return pd.DataFrame(leaderboard_rows(records), columns=columns_of(records))

    def epochs(self) -> pd.DataFrame:
        """Every epoch of every trial: `trial_id`, `modality`, and what `trials.jsonl` has of it."""
        import pandas as pd

        from analysis.store import read_trials

        return pd.DataFrame(
            {"trial_id": record.trial_id, "modality": record.modality, **epoch.as_metrics()}
            for record in read_trials(self.folder)
            for epoch in record.epochs
        )

    @property
    def selection(self) -> Selection:
        """What was chosen on val. Raises UserError where the study isn't analyzed."""
        from analysis.store import read_selection

        return read_selection(self.folder)

    @property
    def final_test(self) -> FinalTest | None:
        """The result of the one test; None where there is none yet."""
        from analysis.store import read_final_test

        return read_final_test(self.folder)

    def report(self, *, anew: bool = False) -> ReportPage:
        """The report; written where there is none, it is older than what it is about, or `anew`."""
        from search.cli.results import report_study

        path = self.folder / ANALYSIS_FOLDER / REPORT_HTML
        if anew or not path.is_file() or self._is_old(path):
            report_study(self.config, self.folder)
        return ReportPage(path)

    def predictor(self) -> Predictor:
        """The selected models, loaded once for many samples."""
        from analysis.predictor import Predictor

        return Predictor.load(self.folder)

    def reproduce(self, *, refit: int = 0, trials: Sequence[str] = (), into: str | Path | None = None) -> Reproduction:
        """Train the selected trials again: are they the same? `refit`: with so many other seeds, too."""
        from search.cli.reproduce import reproduce_study

        place = None if into is None else Path(into)
        return reproduce_study(self.config, self.folder, place, refit=refit, trials=trials)

    def _begun(self) -> bool:
        return (self.folder / LEDGER_FILE).is_file()

    def _is_old(self, report: Path) -> bool:
        about = [self.folder / ANALYSIS_FOLDER / name for name in (SELECTION_FILE, TEST_OPENED_FILE, FINAL_TEST_FILE)]
        return any(path.stat().st_mtime_ns > report.stat().st_mtime_ns for path in about if path.is_file())


def fuse(
    logits: Mapping[str, Source],
    labels: Source | None = None,
    *,
    test_logits: Mapping[str, Source] | None = None,
    test_labels: Source | None = None,
    classes: Sequence[str] | None = None,
) -> Fusion:
    """Fuse predictions that were made elsewhere: by modality, files as `binwise fuse` takes them, or arrays (N, C).

    The weights are chosen on val; what they gain is measured on test where it is given. Raises UserError where they
    don't fit together.
    """
    from analysis.elsewhere.lines import fusion_lines
    from search.cli.fuse import fused

    found = fused(logits, labels, test_logits or {}, test_labels, classes)
    return Fusion(tuple(fusion_lines(found)), found)
