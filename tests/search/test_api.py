"""Studies from Python: light to import, and they say what the commands say. The integration tests use a real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import binwise_here

import search
from search import Study, fuse
from search.api import Lines, Plan, ReportPage
from trainables.errors import UserError

HEAVY = ("torch", "ray", "mlflow", "pandas", "matplotlib", "optuna", "sklearn", "numpy", "pydantic")


def test_importing_the_api_is_light() -> None:
    """Whoever imports `Study` waits for nothing: what is heavy is imported by the method that needs it."""
    code = f"import sys; from search import Study, fuse; print([one for one in {HEAVY} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_there_is_nothing_else_in_the_package() -> None:
    """A misspelt name is Python's own error."""
    with pytest.raises(AttributeError, match="has no attribute 'Studi'"):
        _ = search.Studi  # type: ignore[attr-defined]


def test_a_yaml_file_becomes_a_study(tmp_path: Path) -> None:
    """With overrides as `--set` has them; every fault at once where it has some; nothing is written."""
    path = tmp_path / "study.yaml"
    path.write_text(f"name: small\nruns: {tmp_path / 'out'}\ndata: {{train: a, val: b}}\n")
    study = Study.from_yaml(path, "seed=3")
    assert study.config.seed == 3
    assert study.folder == tmp_path / "out" / "studies" / "small"
    assert repr(study) == f"Study('small', '{study.folder}')"
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="2 faults"):
        Study.from_yaml(path, "image.search.trials=-3", "seed=x")
    with pytest.raises(UserError, match="must be a study that was run"):
        Study.open("small", tmp_path / "out")


def test_lines_are_shown_as_they_stand() -> None:
    """Whatever is in a name, a notebook shows it and runs nothing."""
    shown = Lines(("<script>", "b"))
    assert str(shown) == "<script>\nb"
    assert shown._repr_html_() == "<pre>&lt;script&gt;\nb</pre>"
    assert Plan(("a",), {"seconds": 3}).seconds == 3.0


def test_a_report_is_shown_in_a_frame_of_its_own(tmp_path: Path) -> None:
    """Its markup is an attribute's text, from which no quote escapes, and its scripts have no origin."""
    page = ReportPage(tmp_path / "report.html")
    page.path.write_text('<p title="x">é</p>', "utf-8")
    shown = page._repr_html_()
    assert 'srcdoc="&lt;p title=&quot;x&quot;&gt;é&lt;/p&gt;"' in shown
    assert "allow-same-origin" not in shown
    assert page.html == '<p title="x">é</p>'


def test_arrays_are_fused_as_files_are(tmp_path: Path) -> None:
    """The same result from Python and from the command line."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 100)
    one, two = (rng.normal(size=(100, 3)) + 1.2 * np.eye(3)[labels] for _ in range(2))
    found = fuse({"photo": one, "sound": two}, labels, test_logits={"photo": one, "sound": two}, test_labels=labels)
    np.save(tmp_path / "one.npy", one)
    np.save(tmp_path / "two.npy", two)
    np.save(tmp_path / "labels.npy", labels)
    files = ("--logits", "photo=one.npy", "--logits", "sound=two.npy", "--labels", "labels.npy")
    tests = ("--test-logits", "photo=one.npy", "--test-logits", "sound=two.npy", "--test-labels", "labels.npy")
    assert binwise_here(tmp_path, "fuse", *files, *tests).stdout.strip() == str(found)
    assert found.result.compared_on == "test"
    with pytest.raises(UserError, match="labels must come with its logits"):
        fuse({"photo": one, "sound": two}, labels, test_labels=labels)
    with pytest.raises(UserError, match=r"photo must hold logits.*\(100,\)"):
        fuse({"photo": one[:, 0], "sound": two}, labels)
    with pytest.raises(UserError, match="Labels must be of classes"):
        fuse({"photo": one, "sound": two}, one)
