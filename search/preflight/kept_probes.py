"""Steps that were tried before: `plan` tries them, and the search of the same study on the same machines needn't."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search.machines.shares import Node, Share
from search.preflight.try_steps import Probe, probe_configs
from search.study.config import StudyConfig
from trainables.data.files import replace_file
from trainables.data.samples import Split, split_digest
from trainables.names import META_FILE
from trainables.records import ProbeResult

KIND = "probes"  # of cache
LASTS = 7 * 86400.0  # seconds: a machine changes
PACKAGES = ("binwise", "torch", "torchvision", "transformers")


@dataclasses.dataclass(frozen=True)
class KeptProbes:
    """Where what was tried of one modality is kept: everything that it depends on has a say in the folder's name."""

    modality: str
    share: Share  # what each trial was given about
    folder: Path
    what: str

    @classmethod
    def of(
        cls,
        caches: Path,
        study: StudyConfig,
        modality: str,
        splits: Mapping[str, Split],
        nodes: Sequence[Node],
        share: Share,
    ) -> KeptProbes:
        """Of a modality's trials, tried with what `share` gives each."""
        configs = probe_configs(study, modality)
        facts = {
            "modality": modality,
            "configs": configs,
            "data": {name: split_digest(split) for name, split in splits.items()},
            "reading": [study.data.pixel_limit, study.data.decode],
            "machines": [[node.cpus, node.gpus] for node in nodes],
            "given": [share.cpus, share.gpus > 0],
        }
        what = f"a few steps of {study.name}'s {modality} trials"
        return cls(modality, share, kept_folder(caches, facts), what)

    def read(self) -> list[Probe] | None:
        """What was tried of these very trials; None where nothing was within the last days, or it can't be read."""
        try:
            held = read_kept(self.folder)
            return [Probe(one["label"], ProbeResult(**one["result"])) for one in held["probes"]] if held else None
        except (KeyError, TypeError):
            return None

    def write(self, probes: Sequence[Probe]) -> None:
        """Keep what was tried now."""
        write_kept(self.folder, self.what, {"probes": [dataclasses.asdict(probe) for probe in probes]})


def kept_folder(caches: Path, facts: Mapping[str, Any]) -> Path:
    """Where something is kept that depends on these facts, on this host and the packages' versions."""
    host = [platform.node(), platform.machine(), platform.python_version()]
    known = {**facts, "host": host, "versions": {package: version(package) for package in PACKAGES}}
    return caches / KIND / hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:24]


def read_kept(folder: Path) -> dict[str, Any] | None:
    """What is kept there; None where nothing was within the last days, or it can't be read."""
    try:
        held = json.loads((folder / META_FILE).read_text("utf-8"))
        return held if 0 <= time.time() - held["tried"] < LASTS else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_kept(folder: Path, what: str, held: Mapping[str, Any]) -> None:
    """Keep it as of now. `what`: in words, for who lists the caches."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"what": what, "tried": time.time(), **held}, indent=1)
    replace_file(folder / META_FILE, text.encode())
