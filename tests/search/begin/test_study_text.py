"""Whatever was found, the file is a study that the strict parser takes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from search.begin.sizes import Cost, plan_of
from search.begin.study_text import scalar, study_text
from search.study.yaml_file import load_study
from trainables.image.starter import image_starter
from trainables.modality import Starter
from trainables.text.starter import text_starter


def starters() -> dict[str, Starter]:
    """Those of both built-in modalities."""
    return {"image": image_starter([]), "text": text_starter()}


@given(
    names=st.sets(st.sampled_from(["image", "text"]), min_size=1),
    seconds=st.floats(0, 1e5),
    cost=st.floats(0.01, 1e4),
    folder=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
)
def test_every_variant_is_a_study(names: set[str], seconds: float, cost: float, folder: str) -> None:
    """With the trials, epochs and sizes that were planned, in folders of any name."""
    known = {name: one for name, one in starters().items() if name in names}
    plans = {name: plan_of(Cost(cost, 0), one.scales, one.epochs, seconds) for name, one in known.items()}
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "study.yaml"
        text = study_text(
            name="mine",
            command="binwise init mine",
            data=f"data:\n  train: {scalar(f'/data/{folder}/train')}\n  val: /data/val",
            facts=["Facts."],
            sections={name: (one, plans[name]) for name, one in known.items()},
            budget="20min",
        )
        path.write_text(text, "utf-8")
        study = load_study(path)
    assert set(study.modalities) == names
    for name, plan in plans.items():
        section = study.section(name)
        assert section.fixed()["max_epochs"] == plan.epochs
        assert section.trial_count() >= plan.trials
        assert plan.scale.items() <= section.fixed().items()
