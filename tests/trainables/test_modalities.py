"""The registry of modalities: the built-in ones, and those of packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modality_names import IMAGE, MODALITIES, TEXT

from trainables.errors import UserError
from trainables.modalities import BUILT_IN, in_order, modality_of, names, registered, search_seed

PACKAGE = Path(__file__).parents[1] / "fakes" / "numbers_modality"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Looked up anew in each test, and after it."""
    registered.cache_clear()
    yield
    registered.cache_clear()


def package(folder: Path, entry: str) -> str:
    """A folder with the metadata of an installed package that has this entry point."""
    metadata = folder / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[binwise.modalities]\n{entry}\n")
    return str(folder)


def test_the_built_in_ones_are_there() -> None:
    """Each under its own name, in the order of every table, with a config type of its own."""
    assert names()[:2] == BUILT_IN == (IMAGE, TEXT)
    assert [modality_of(name).name for name in MODALITIES] == list(MODALITIES)
    assert len({modality_of(name).config_type for name in MODALITIES}) == 2


def test_a_packages_modality_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, it comes after the built-in ones; not installed, its name is refused with those that there are."""
    with pytest.raises(UserError, match=r"one of image, text, but got 'numbers'"):
        modality_of("numbers")
    registered.cache_clear()
    monkeypatch.syspath_prepend(str(PACKAGE))
    assert names() == (*BUILT_IN, "numbers")
    assert modality_of("numbers").column == "numbers"
    assert in_order({"numbers", TEXT}) == [TEXT, "numbers"]


def test_a_package_that_cant_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its entry point, and what to do."""
    monkeypatch.syspath_prepend(package(tmp_path, "sound = nowhere.sound:MODALITY"))
    with pytest.raises(UserError, match=r"'sound' must be there, but nowhere\.sound:MODALITY can't be imported"):
        registered()


def test_a_name_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package replaces a built-in modality."""
    monkeypatch.syspath_prepend(package(tmp_path, "image = nowhere.image:MODALITY"))
    with pytest.raises(UserError, match="name of its own"):
        registered()


@given(seed=st.integers(0, 2**32 - 1))
def test_seeds_are_kept_and_told_apart(seed: int) -> None:
    """The built-in ones have the numbers of the first version; another's seed depends on nothing but its name."""
    assert [search_seed(seed, name, (IMAGE, TEXT)) for name in (IMAGE, TEXT)] == [seed * 2, seed * 2 + 1]
    assert search_seed(seed, TEXT, (TEXT,)) == seed * 2
    assert [search_seed(seed, name, (TEXT, IMAGE)) for name in (IMAGE, TEXT)] == [seed * 2 + 1, seed * 2]
    assert search_seed(seed, TEXT, ("sound", IMAGE, TEXT)) == seed * 2 + 1
    alone = search_seed(seed, "sound", ("sound",))
    assert alone == search_seed(seed, "sound", (IMAGE, TEXT, "sound"))
    assert alone != search_seed(seed, "table", ("table",))
    assert 0 <= alone < 2**32
