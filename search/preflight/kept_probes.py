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
            "host": [platform.node(), platform.machine(), platform.python_version()],
            "given": [share.cpus, share.gpus > 0],
            "versions": {package: version(package) for package in PACKAGES},
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
        what = f"a few steps of {study.name}'s {modality} trials"
        return cls(modality, share, caches / KIND / digest[:24], what)

    def read(self) -> list[Probe] | None:
        """What was tried of these very trials; None where nothing was within the last days, or it can't be read."""
        try:
            held = json.loads((self.folder / META_FILE).read_text("utf-8"))
            if not 0 <= time.time() - held["tried"] < LASTS:
                return None
            return [Probe(one["label"], ProbeResult(**one["result"])) for one in held["probes"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, probes: Sequence[Probe]) -> None:
        """Keep what was tried now."""
        held = {"what": self.what, "tried": time.time(), "probes": [dataclasses.asdict(probe) for probe in probes]}
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / META_FILE, json.dumps(held, indent=1).encode())
