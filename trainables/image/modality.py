"""The modality image: pictures as a model's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainables.config import HeadConfig, TrialConfig
from trainables.data.paths import Folders, picture_path
from trainables.errors import UserError
from trainables.image.config import ImageHeadConfig, ImageTrialConfig
from trainables.modality import (
    Companions,
    DataAccess,
    HeadWish,
    Modality,
    Model,
    Place,
    Plan,
    SearchedValues,
    Starter,
    combined,
    distinct,
    head_trials,
    pretrained,
)
from trainables.names import HEAD, NONE

if TYPE_CHECKING:
    import torch

    from trainables.checkpoint import Checkpoint
    from trainables.data.samples import Split
    from trainables.learning.loop import Learner
    from trainables.portable import Portable
    from trainables.records import Predictions


FROZEN_SIZE = 224  # px: what most networks were pretrained on, and frozen ones see best


class ImageModality(Modality):
    """An item is a picture's absolute path."""

    name: ClassVar[str] = "image"
    column: ClassVar[str] = "image"
    config_type: ClassVar[type[TrialConfig]] = ImageTrialConfig
    table_type: ClassVar[str] = "binary"
    shown_as: ClassVar[Literal["picture", "words"]] = "picture"
    colours: ClassVar[tuple[str, str] | None] = ("#0072b2", "#56b4e9")
    baseline_note: ClassVar[str] = "frozen image features"
    imported: ClassVar[tuple[str, ...]] = ("trainables.image.head", "trainables.image.learner")
    local_paths: ClassVar[tuple[str, ...]] = ("weights", "backbone")
    bare_names: ClassVar[frozenset[str]] = frozenset({"backbone"})  # whatever folder is called resnet50
    ranked: ClassVar[str | None] = "backbone"
    network: ClassVar[tuple[str, ...]] = ("backbone", "weights")
    demanding: ClassVar[tuple[str, ...]] = ("batch_size", "evaluation_batch_size", "size")
    relieving: ClassVar[tuple[str, ...]] = ("frozen_stages",)
    names_samples: ClassVar[bool] = True
    head_config_type: ClassVar[type[HeadConfig] | None] = ImageHeadConfig

    def from_cell(self, cell: str, root: Path) -> Path:
        """A path relative to `root`, or an absolute one, of a regular file within it; `\\` may stand for `/`."""
        return picture_path(cell, root, Folders(root))

    def from_cells(self, cells: Sequence[str], root: Path, *, allow_links: bool = False) -> list[Path | ValueError]:
        """The paths of a column; folders are resolved once."""
        folders = Folders(root, allow_links=allow_links)
        found: list[Path | ValueError] = []
        for cell in cells:
            try:
                found.append(picture_path(cell, root, folders))
            except ValueError as fault:
                found.append(fault)
        return found

    def from_file(self, path: Path) -> Path:
        """The picture file is the item."""
        return path

    def fault(self, item: Path) -> str | None:
        """Why the path is no picture: there is no file."""
        return None if item.is_file() else f"The picture must be a file, but {item} isn't one. Check the path."

    def to_json(self, item: Path) -> str:
        """The picture's path."""
        return str(item)

    def from_json(self, value: Any) -> Path:
        """The path of a string."""
        return Path(value)

    def digested(self, item: Path) -> int:
        """The file's bytes by number: reading all of them takes too long. UserError where it is gone."""
        try:
            return item.stat().st_size
        except OSError as error:
            raise UserError(
                f"The data set's pictures must stay where they are, but {item} can't be read: {error.strerror}. "
                "Restore it."
            ) from error

    def file_of(self, item: Path) -> Path:
        """The picture's own file."""
        return item

    def starter(self, train: Split) -> Starter:
        """The packaged network with the best features, at pictures as large as they are and the budget allows."""
        from trainables.image.starter import image_starter

        return image_starter(train.items(self.name))

    def networks(self, values: SearchedValues) -> list[Mapping[str, Any]]:
        """Each backbone with each kind of weights, after each was asked whether it takes pictures of each size."""
        from trainables.image.backbones import count_features
        from trainables.image.stages import require_stages

        shape, faults = ("backbone", "size", "frozen_stages"), []
        for trial in distinct([*values.points, *combined(values, shape)], shape):
            config = ImageTrialConfig.parsed(trial)
            try:
                count_features(config.backbone, config.size)  # no weights are downloaded for it
                require_stages(config.backbone, config.size, config.frozen_stages)
            except UserError as error:
                faults.append(str(error))
        if faults:
            raise UserError("\n".join(dict.fromkeys(faults)))
        return distinct([*values.points, *combined(values, self.network)], self.network)

    def check(self, config: ImageTrialConfig | ImageHeadConfig, train: Split) -> int:
        """Build backbone and head: the bytes of their tensors. UserError where the weights can't be had."""
        if isinstance(config, ImageHeadConfig):
            from trainables.image.head import check_head

            return check_head(config)
        from trainables.image.model import build_network

        network = build_network(config, len(train.classes))
        return sum(tensor.nbytes for tensor in network.state_dict().values())

    def plan(self, values: SearchedValues, splits: Mapping[str, Split], place: Place) -> Plan:
        """Bytes of the decoded pictures at each size and fit of the space; UserError where they can't fit the disk."""
        from trainables.image.prepare import plan_pictures

        return plan_pictures(values, splits, place)

    def prepare(self, values: SearchedValues, splits: Mapping[str, Split], place: Place) -> dict[str, Any]:
        """Decode all pictures once, at each size and fit of the space, or find that trials must stream them."""
        from trainables.image.prepare import prepare_pictures

        return prepare_pictures(values, splits, place)

    def heads(self, values: SearchedValues, wish: HeadWish) -> list[dict[str, Any]]:
        """On each backbone that trials may have with other weights than random ones, then on all of them together.

        Then on larger pictures: each is seen but once, and frozen features are the better for it.
        """
        from trainables.image.backbones import takes_pictures

        weights = dict.fromkeys(wish.backbones, values.own["weights"]) or pretrained(values)
        if NONE in weights.values():
            raise UserError(
                f"Heads need the features of pretrained networks, but {self.name}.search.heads.backbones names "
                f"{', '.join(weights)} and `weights` is `none`: set `weights`, or `heads: none`."
            )
        shared = {key: values.own[key] for key in ("size", "fit")}
        alike = [name for name, one in weights.items() if one == next(iter(weights.values()))]
        larger = min(FROZEN_SIZE, -(-3 * values.own["size"] // 64) * 32)
        enlarged = larger > values.own["size"] and all(takes_pictures(name, larger) for name in weights)
        trials = head_trials(wish, list(weights), alike, [{"size": larger}] if enlarged else [])
        return [
            ImageHeadConfig.parsed({**shared, "weights": weights[one["backbone"]], **one}).model_dump()
            for one in trials
        ]

    def build(
        self, config: ImageTrialConfig | ImageHeadConfig, data: DataAccess, seed: int
    ) -> tuple[Learner, Companions | None]:
        """An image network in training, or a head."""
        if isinstance(config, ImageHeadConfig):
            from trainables.image.head import build_head_learner

            return build_head_learner(config, data, seed)
        from trainables.image.model import build_learner

        return build_learner(config, data, seed)

    def load(self, folder: Path, checkpoint: Checkpoint) -> Model:
        """The trained backbone and head, ready to predict pictures."""
        if HEAD in checkpoint.meta["config"]:
            from trainables.image.head import load_head_model

            return load_head_model(folder, checkpoint)
        from trainables.image.model import load_model

        return load_model(folder, checkpoint)

    def portable(self, folder: Path, checkpoint: Checkpoint) -> Portable:
        """The whole network; of a head its frozen networks."""
        from trainables.image.portable import portable_pictures

        return portable_pictures(folder, checkpoint)

    def probe_train(self, train: Split, config: ImageTrialConfig) -> Split:
        """One batch: decoding takes long, and pictures are all alike."""
        return train.spread(config.batch_size)

    def resident_bytes(self, config: ImageTrialConfig, data: DataAccess, device: torch.device) -> int:
        """The splits' pictures that a GPU has room for; the batch of them that a probe has isn't told apart."""
        from trainables.data.pictures.source import fits_on

        if data.decode == "stream":
            return 0
        each = config.size**2 * 3
        return sum(len(split) * each for split in data.splits.values() if fits_on(device, len(split) * each))

    def baseline(self, checkpoint: Path, train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
        """Logistic regression on the frozen backbone's features."""
        from trainables.image.baseline import image_baseline

        return image_baseline(checkpoint, train, evaluate)


MODALITY = ImageModality()
