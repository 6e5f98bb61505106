"""Ways to open a study's test twice, each refused or counted and said; and that one piece of code alone opens it."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from analysis_fakes import FakeModels, study_folder
from modality_names import TEXT

from analysis import opening, store
from analysis.files import file_sha256
from analysis.opening import alone, keep_openings, with_later_openings
from analysis.pipeline import analyze, final_test
from analysis.register import register_file
from analysis.report.findings import headline
from analysis.results import FinalTest, Selection
from search.cli.ledger_openings import held_record, kept_openings, record_of
from search.cli.search import _mind_the_test
from search.ledger.events import StudyCreated
from search.ledger.ledger import create_ledger, read_ledger
from search.session.mode import Mode
from search.session.open_study import remove_study
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.records import Predictions

PACKAGES = [Path(__file__).parents[2] / name for name in ("analysis", "search", "trainables")]


@dataclass
class Study:
    """A study of fakes with a real ledger, as the command line tests it."""

    folder: Path
    fakes: FakeModels

    @property
    def layout(self) -> Layout:
        """Its paths."""
        return Layout(self.folder.parent.parent, self.folder.name)

    @property
    def said(self) -> list[str]:
        """What its ledger has beside its creation."""
        return [event.kind.value for event in read_ledger(self.layout.ledger_file)[0][1:]]

    def analyzed(self) -> Selection:
        """Its selection, frozen."""
        return analyze(self.folder, linear_baseline=False, record=record_of(self.folder), models=self.fakes.models())

    def tested(self) -> FinalTest:
        """Its one test."""
        with held_record(self.folder) as record:
            return final_test(self.folder, self.folder / "pictures", record=record, models=self.fakes.models())

    def refused(self, words: str) -> None:
        """A test is refused with these words, and no model sees the test data."""
        before = self.fakes.predicted
        with pytest.raises(UserError, match=words):
            self.tested()
        assert self.fakes.predicted == before

    def at(self, folder: Path) -> Study:
        """The same where it was copied or moved to."""
        return dataclasses.replace(self, folder=folder)


def begun(folder: Path, name: str = "demo") -> Study:
    """A study that was searched, among others under `folder`."""
    layout = Layout(folder / "mlruns", name)
    fakes = study_folder(layout.folder)
    create_ledger(layout.ledger_file, StudyCreated(study={"name": name}, data={}, versions={}, uid=name), 0.0)
    return Study(layout.folder, fakes)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study whose selection is frozen."""
    one = begun(tmp_path)
    one.analyzed()
    return one


def test_start_and_end_are_in_the_ledger(study: Study) -> None:
    """As events, the opening before a model sees the test data, with the digests of what was tested and came out."""
    seen: list[list[str]] = []

    def predict(folder: Path, part: Split) -> Predictions:
        if part is study.fakes.test:
            seen.append(study.said)
            assert store.read_openings(study.folder).times
            assert register_file(study.folder).read_bytes().count(b"\n") == 1  # type: ignore[union-attr]
        return study.fakes.predict_split(folder, part)

    models = dataclasses.replace(study.fakes.models(), predict_split=predict)
    with held_record(study.folder) as record:
        result = final_test(study.folder, study.folder / "pictures", record=record, models=models)
    assert seen == [["test_opened"]] * 2
    assert study.said == ["test_opened", "test_ended"]
    first, last = read_ledger(study.layout.ledger_file)[1].openings
    assert {first.selection, last.selection} == {result.selection_digest}
    assert {first.test, last.test} == {result.test_digest}
    assert last.result == file_sha256(study.folder / "analysis/final_test.json")


def test_1_a_second_run(study: Study) -> None:
    """Is refused, with the place of the result."""
    study.tested()
    study.refused("already evaluated")
    with pytest.raises(UserError, match="must not change once the test was opened"):
        study.analyzed()


def test_2_other_weights(study: Study) -> None:
    """A selection whose alpha was changed after an opening is another one: by the file, or by the ledger alone."""
    study.fakes.fail_predicting = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        study.tested()
    study.fakes.fail_predicting = None
    path = study.folder / "analysis/selection.json"
    frozen = path.read_bytes()
    path.write_text(json.dumps({**json.loads(frozen), "fusion": {**json.loads(frozen)["fusion"], "alpha": 0.5}}))
    study.refused("for one selection only")
    (study.folder / "analysis/test_opened.json").unlink()
    study.refused("the ledger of demo says that it was opened on .* for another")
    with pytest.raises(UserError, match="the ledger of demo says"):
        study.analyzed()
    path.write_bytes(frozen)
    assert study.tested().openings == 2


def test_3_another_checkpoint(study: Study) -> None:
    """Other weights, or another tokenizer beside them, aren't what was selected."""
    model = store.read_selection(study.folder).models[TEXT]
    path = study.folder / model.checkpoint / "weights.safetensors"
    whole = path.read_bytes()
    path.write_bytes(b"other")
    study.refused("must be the file that was selected")
    path.write_bytes(whole)
    tokenizer = path.with_name("tokenizer.json")
    tokenizer.write_text("{}")
    assert "tokenizer.json" in study.analyzed().models[TEXT].checkpoint_sha256
    tokenizer.write_text("{ }")
    study.refused(r"tokenizer\.json must be the file that was selected")
    assert study.said == []


@pytest.mark.parametrize("lost", [["final_test.json"], ["final_test.json", "test_opened.json"]])
def test_4_a_result_that_was_deleted(study: Study, lost: list[str]) -> None:
    """The ledger knows of it: there won't be another one, nor another selection."""
    study.tested()
    for name in lost:
        (study.folder / "analysis" / name).unlink()
    study.refused("the ledger of demo says that it was, on .* is gone: restore it from a backup")
    with pytest.raises(UserError, match="must not change once the test was opened"):
        study.analyzed()


def test_4_without_its_ledger_the_register_knows(study: Study) -> None:
    """Result and ledger were deleted."""
    study.tested()
    for path in (*study.folder.glob("ledger*"), *study.folder.glob("analysis/*test*.json")):
        if "samples" not in path.name:
            path.unlink()
    study.refused("the same one was tested on .* by study demo")


def test_5_6_two_at_once_and_one_killed(study: Study) -> None:
    """While one process has the test open another one is refused; once it is killed the same selection may finish."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - ends by SIGKILL
        study.fakes.predict_split = _hanging(writer)  # type: ignore[method-assign]
        try:
            study.tested()
        finally:
            os._exit(1)
    try:
        assert os.read(reader, 1) == b"o"
        study.refused("One process at a time may run a study")
        with pytest.raises(UserError, match="One process at a time may test a study"), alone(study.folder):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    assert study.said == ["test_opened"]
    result = study.tested()
    assert result.openings == 2
    assert "opened twice for this selection" in (headline(store.read_selection(study.folder), result).warning or "")
    assert study.said == ["test_opened", "test_opened", "test_ended"]


def _hanging(writer: int) -> Callable[[Path, Split], Predictions]:
    """Models that say that they were asked, and never answer."""

    def predict(_folder: Path, _part: Split) -> Predictions:
        os.write(writer, b"o")
        time.sleep(60)
        raise AssertionError

    return predict


@pytest.mark.parametrize("step", ["record.add", "register", "write_final_test", "_put_end"])
def test_6_a_crash_at_each_step(study: Study, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever it comes, the opening counts, and there is one result in the end."""
    record = record_of(study.folder)
    owner = {"record.add": record, "write_final_test": store}.get(step, opening)
    name = step.removeprefix("record.")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _crash)
        with pytest.raises(_Crashed):
            final_test(study.folder, study.folder / "pictures", record=record, models=study.fakes.models())
    if step == "_put_end":
        study.refused("already evaluated")
        assert study.said == ["test_opened", "test_ended"]
        return
    assert study.tested().openings == 2
    assert study.said[-1] == "test_ended"


class _Crashed(BaseException):
    """What nobody catches."""


def _crash(*_given: object) -> None:
    raise _Crashed


def test_7_a_copy(study: Study) -> None:
    """A copy of a tested study is tested; one from before the test has the same selection, which has its result."""
    early = study.at(Path(shutil.copytree(study.folder, study.folder.with_name("early"))))
    study.tested()
    early.refused("the same one was tested on .* by study demo")
    late = study.at(Path(shutil.copytree(study.folder, study.folder.with_name("late"))))
    late.refused("already evaluated")
    (late.folder / "analysis/final_test.json").unlink()
    late.refused("is gone: restore it")


def test_7_a_copy_that_chooses_anew_is_counted(study: Study) -> None:
    """Its other selection opens the same test: the report's top says so, also the first one's when it is written."""
    copy = study.at(Path(shutil.copytree(study.folder, study.folder.with_name("copy"))))
    first = study.tested()
    frozen = copy.folder / "analysis/selection.json"
    frozen.write_text(frozen.read_text().replace('"majority_class": 0', '"majority_class": 1'))
    second = copy.tested()
    assert second.other_openings == {"demo": 1}
    said = "opened twice in this folder's studies, for other selections, too (demo once)"
    assert said in (headline(store.read_selection(copy.folder), second).warning or "")
    assert first.other_openings == {}
    assert with_later_openings(study.folder, first).other_openings == {"copy": 1}


def test_8_renamed(study: Study) -> None:
    """Under another name it is the same study."""
    study.tested()
    other = study.at(study.folder.rename(study.folder.with_name("other")))
    other.refused("already evaluated")
    (other.folder / "analysis/final_test.json").unlink()
    other.refused("the ledger of other says")


@pytest.mark.parametrize("register", [True, False])
def test_9_replaced(tmp_path: Path, study: Study, *, register: bool) -> None:
    """A new study of that name is counted, also where an earlier version had put nothing on the register."""
    study.tested()
    path = register_file(study.folder)
    assert path is not None
    if not register:
        path.unlink()
    assert kept_openings(study.folder) == 1
    remove_study(study.layout)
    again = begun(tmp_path)
    (again.folder / "text/text_001/best/tokenizer.json").write_text("another")
    again.analyzed()
    assert again.tested().other_openings == {"demo": 1}
    assert path.read_bytes().count(b"\n") == 4


def test_9_10_the_command_minds_the_test(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    """`--replace` says what stays on record, `--more` is refused before Ray starts; an untested study is left alone."""
    config = StudyConfig.model_construct(name=study.folder.name, runs=study.layout.runs)
    for mode in (Mode(replace=True), Mode(more=1)):
        _mind_the_test(config, mode)
    assert capsys.readouterr().err == ""
    study.tested()
    _mind_the_test(config, Mode(resume=True))
    assert capsys.readouterr().err == ""
    _mind_the_test(config, Mode(replace=True))
    assert "demo opened its test once. That stays on record" in capsys.readouterr().err
    shutil.rmtree(study.folder / "analysis")
    with pytest.raises(UserError, match="the ledger of demo says that it was"):
        _mind_the_test(config, Mode(more=1))


def test_9_a_damaged_study_may_be_replaced(study: Study) -> None:
    """What its ledger doesn't tell any more its files do."""
    study.tested()
    for path in study.folder.glob("ledger*"):
        path.write_text("odd")
    assert kept_openings(study.folder) == 1
    shutil.rmtree(study.folder)
    assert kept_openings(study.folder) == 0


def test_10_more_trials_then_a_test(study: Study) -> None:
    """More trials than the test was about are refused before they run, by the ledger alone, too; so is a choice."""
    study.tested()
    shutil.rmtree(study.folder / "analysis")
    with pytest.raises(UserError, match="must not change once the test was opened"):
        opening.refuse_if_opened(study.folder, record_of(study.folder))
    with pytest.raises(UserError, match="must not change once the test was opened"):
        study.analyzed()


def test_the_test_data_are_frozen_before_they_are_opened(study: Study) -> None:
    """Where the study is bound to them: the selection has their digest, and others are refused, whatever else is gone.

    The ledger is, and so are the test's manifest and the register.
    """
    study.fakes.fail_predicting = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        study.tested()
    study.fakes.fail_predicting, bound = None, store.read_openings(study.folder).digest
    for path in (*study.folder.glob("ledger*"), study.folder / "analysis/test_opened.json"):
        path.unlink()
    assert study.analyzed().test_digest == bound
    (study.folder / "test_manifest.csv").unlink()
    study.fakes.test = study.fakes.test.rows([*range(40)])  # type: ignore[arg-type]
    study.refused("must be those that the study is bound to")


def test_a_copy_without_ledger_is_tested_once(study: Study) -> None:
    """By its own files."""
    for path in study.folder.glob("ledger*"):
        path.unlink()
    study.tested()
    study.refused("already evaluated")
    assert keep_openings(study.folder, record_of(study.folder)) == 1


def _functions(names: set[str]) -> Iterator[tuple[str, str]]:
    """The functions of the product in which one of the names is used, each by its module and name."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            module, text = path.relative_to(package.parent).as_posix(), path.read_text("utf-8")
            for node in ast.walk(ast.parse(text)) if any(name in text for name in names) else ():
                if isinstance(node, ast.FunctionDef):
                    used = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
                    used |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                    if used & names:
                        yield module, node.name


def test_one_function_alone_opens_the_test() -> None:
    """Whoever reads a split from its source, or puts an opening on record, is known here: who comes new must be added.

    Two of these read test and no model sees it: `read_test` binds a study to it, the data check looks at its files.
    """
    assert set(_functions({"open_final_test"})) == {("analysis/opening.py", "begin")}
    assert set(_functions({"_tested"})) == {("analysis/pipeline.py", "final_test")}
    assert set(_functions({"write_final_test"})) == {("analysis/opening.py", "end")}
    assert set(_functions({"read_split"})) == {
        ("analysis/pipeline.py", "final_test"),
        ("analysis/pipeline.py", "real_models"),
        ("search/begin/begin.py", "_read"),
        ("search/preflight/data.py", "read_data"),
        ("search/preflight/data.py", "read_test"),
        ("trainables/data_check/sources.py", "read_splits"),
    }
    assert set(_functions({"_evaluate"})) == {("analysis/pipeline.py", "final_test")}
