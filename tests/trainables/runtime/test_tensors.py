"""Files of safetensors read without the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from trainables.runtime.errors import UserError
from trainables.runtime.tensors import read_tensors


def test_tensors_are_as_they_were_written(tmp_path: Path) -> None:
    """All types that a head has, empty and single ones too."""
    written = {
        "one": np.array(2.5),
        "none": np.zeros((0, 3), dtype=np.float32),
        "many": np.arange(6, dtype=np.int64).reshape(2, 3),
        "half": np.ones(2, dtype=np.float16),
    }
    save_file(written, tmp_path / "a.safetensors", metadata={"about": "test"})
    found = read_tensors(tmp_path / "a.safetensors")
    assert found.keys() == written.keys()
    assert all(np.array_equal(found[name], one) and found[name].dtype == one.dtype for name, one in written.items())


@pytest.mark.parametrize("length", [0, 4, 20, 70])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    """By name, wherever it was cut."""
    save_file({"many": np.arange(6, dtype=np.int64)}, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:length])
    with pytest.raises(UserError, match=r"a\.safetensors must be a file of safetensors"):
        read_tensors(tmp_path / "a.safetensors")
