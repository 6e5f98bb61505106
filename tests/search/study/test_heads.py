"""Which head trials a study asks for, in its file and in records of before there were any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.study.counter import as_begun
from search.study.heads import HeadsSection, head_wish, with_listed_networks, without_new_keys
from search.study.sections import head_trials
from search.study.yaml_file import load_study, study_of
from trainables.modality import HeadWish

MINIMAL = "name: small\ndata: {train: train, val: val}\n"
LITE = "image: {backbone: tf_efficientnet_lite0, search: {heads: %s}}\n"


def loaded(folder: Path, more: str) -> Any:
    """The study of a file."""
    path = folder / "study.yaml"
    path.write_text(MINIMAL + more)
    return load_study(path)


def test_auto_is_every_family_none_is_none(tmp_path: Path) -> None:
    """The most promising one first; random weights have no heads on pictures, and n-grams alone on texts."""
    families = [one["head"] for one in head_trials(loaded(tmp_path, LITE % "auto").image)]
    assert families == ["kernel_ridge", "logistic", "neighbours"]
    assert head_trials(loaded(tmp_path, LITE % "none").image) == []
    assert head_trials(loaded(tmp_path, "image: {weights: none}\n").image) == []
    assert {one["backbone"] for one in head_trials(loaded(tmp_path, "text: {weights: none}\n").text)} == {None}


def test_a_mapping_says_which(tmp_path: Path) -> None:
    """Families, networks, and how many at most."""
    given = "{families: [logistic], backbones: [resnet18, resnet50], most: 2}"
    section = loaded(tmp_path, LITE % given).image
    assert [(one["head"], one["backbone"]) for one in head_trials(section)] == [
        ("logistic", "resnet18"),
        ("logistic", "resnet50"),
    ]
    assert head_wish(HeadsSection(most=1)) == HeadWish(most=1)
    assert head_wish("none") is None


def test_a_list_of_networks_is_searched_and_each_has_a_head(tmp_path: Path) -> None:
    """The first one is the section's own; all together have one more head."""
    section = loaded(tmp_path, "image: {backbone: [resnet18, resnet50]}\n").image
    assert section.backbone == "resnet18"
    assert section.search.space["backbone"].values == ["resnet18", "resnet50"]
    first = [(one["backbone"], one["others"]) for one in head_trials(section)][:3]
    assert first == [("resnet18", ()), ("resnet50", ()), ("resnet18", ("resnet50",))]


def test_a_list_of_one_is_that_one_and_a_space_of_its_own_stays() -> None:
    """What else isn't a list of names is left to the parser."""
    assert with_listed_networks({"image": {"backbone": ["a"]}}) == {"image": {"backbone": "a"}}
    own = {"type": "choice", "choices": ["a", "c"]}
    raw = {"image": {"backbone": ["a", "b"], "search": {"space": {"backbone": own}}}}
    assert with_listed_networks(raw)["image"]["search"]["space"]["backbone"] == own
    for odd in ([], ["a", "a"], 3):
        assert with_listed_networks({"image": {"backbone": odd}}) == {"image": {"backbone": odd}}
    for search in (True, {"space": True}, {"space": ["a"]}):
        listed = {"image": {"backbone": ["a", "b"], "search": search}}
        assert with_listed_networks(listed) == {"image": {"backbone": "a", "search": search}}


def test_a_record_of_before_heads_goes_on_without(tmp_path: Path) -> None:
    """Also where its file is read again, which leaves them open."""
    study = loaded(tmp_path, "")
    recorded = study.model_dump(mode="json")
    for name in ("image", "text"):
        for key in ("heads", "patience_trials"):
            del recorded[name]["search"][key]
    before = study_of(recorded)
    assert (before.image.search.heads, before.image.search.patience_trials) == ("none", None)
    assert as_begun(study, before.model_dump(mode="json")).text.search.heads == "none"
    asked = loaded(tmp_path, LITE % "auto")
    assert as_begun(asked, before.model_dump(mode="json")).image.search.heads == "auto"
    assert without_new_keys({"name": "x"}, ["image"]) == {"name": "x"}


def test_folders_of_networks_are_absolute_wherever_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a list, a point, and for heads: trials run elsewhere. A bare word stays a name, also a folder's."""
    monkeypatch.chdir(tmp_path)
    for name in ("nets/own", "resnet18"):
        (tmp_path / name).mkdir(parents=True)
    search = "{heads: {backbones: [./nets/own, resnet18]}, points: [{backbone: nets/own}]}"
    section = loaded(tmp_path, f"image: {{backbone: [resnet18, ./nets/own], search: {search}}}\n").image
    own = str(tmp_path / "nets/own")
    assert section.search.space["backbone"].values == ["resnet18", own]
    assert section.search.points[0]["backbone"] == own
    assert section.search.heads.backbones == (own, "resnet18")
