"""The modality text: captions, file names and other words as a model's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trainables.config import HeadConfig, TrialConfig
from trainables.modality import (
    Companions,
    CounterChoice,
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
from trainables.names import HEAD
from trainables.runtime.captions import TextItem, captions_of, flattened, text_item
from trainables.runtime.texts import decoded, is_blank, name_text
from trainables.text.config import TextHeadConfig, TextTrialConfig
from trainables.words import says_nothing

if TYPE_CHECKING:
    from trainables.checkpoint import Checkpoint
    from trainables.data.samples import Split
    from trainables.learning.loop import Learner
    from trainables.portable import Portable
    from trainables.records import Predictions


class TextModality(Modality):
    """An item is a text, one sample's caption or its file's name; or a tuple of its captions, two or more."""

    name: ClassVar[str] = "text"
    column: ClassVar[str] = "text"
    config_type: ClassVar[type[TrialConfig]] = TextTrialConfig
    colours: ClassVar[tuple[str, str] | None] = ("#c8590a", "#f0a050")
    baseline_note: ClassVar[str] = "the texts’ character n\u2011grams"
    not_searched: ClassVar[Mapping[str, str]] = {
        "token_budget": "it changes how a batch is computed, not what is learned",
        "architecture": "a mapping is no value of a dimension",
    }
    free_on_resume: ClassVar[frozenset[str]] = frozenset({"token_budget"})
    imported: ClassVar[tuple[str, ...]] = ("trainables.text.head", "trainables.text.learner")
    local_paths: ClassVar[tuple[str, ...]] = ("backbone",)
    ranked: ClassVar[str | None] = "backbone"
    network: ClassVar[tuple[str, ...]] = ("backbone", "weights", "architecture", "vocabulary_size")
    demanding: ClassVar[tuple[str, ...]] = ("batch_size", "evaluation_batch_size", "max_length")
    companion_bytes: ClassVar[int] = 4_000_000  # tokenizer and config, amply
    counter_choice: ClassVar[CounterChoice | None] = CounterChoice("cleaning", reads="raw", without="words")
    head_config_type: ClassVar[type[HeadConfig] | None] = TextHeadConfig

    def from_cell(self, cell: str, root: Path) -> str:
        """The cell as it is: "NA" and "01" are texts."""
        return decoded(cell)

    def from_cells(self, cells: Sequence[str], root: Path, *, allow_links: bool = False) -> list[str | ValueError]:
        """The cells as they are."""
        return list(cells)

    def from_file(self, path: Path) -> str:
        """A picture's name without its ending; bytes in it that are no UTF-8 are replaced."""
        return decoded(name_text(path.name))

    def from_beside(self, text: str) -> str:
        """The text is the caption, instead of the picture's name."""
        return text

    def joined(self, items: Sequence[TextItem]) -> TextItem:
        """All captions of one sample; of equal ones the first."""
        return text_item(list(dict.fromkeys(flattened(items))))

    def is_empty(self, item: TextItem) -> bool:
        """Whether there is nothing to read: no character but spaces and what can't be seen, in none of the captions."""
        return is_blank(captions_of(item))

    def says_nothing(self, item: TextItem) -> bool:
        """Whether no caption has a word for what is seen, as a camera's file name has none."""
        return all(map(says_nothing, captions_of(item)))

    def fault(self, item: TextItem) -> str | None:
        """Where there is nothing to read."""
        if not self.is_empty(item):
            return None
        return f"The text must have something to read, but got {item!r}. Give its words, or leave it out."

    def to_json(self, item: TextItem) -> str | list[str]:
        """A text; a list of several captions."""
        return item if isinstance(item, str) else list(item)

    def from_json(self, value: Any) -> TextItem:
        """The value as a text, a list as captions. ValueError where the list is empty."""
        return text_item(list(map(str, value))) if isinstance(value, list) else str(value)

    def shown(self, item: TextItem) -> str:
        """The captions with dots between them."""
        return " · ".join(captions_of(item))

    def starter(self, train: Split) -> Starter | None:
        """The packaged encoder; None where most texts say nothing, as a camera's file names."""
        from trainables.text.starter import text_starter

        items = train.items(self.name)
        silent = sum(map(self.says_nothing, items))
        return None if 2 * silent > len(items) else text_starter()

    def networks(self, values: SearchedValues) -> list[Mapping[str, Any]]:
        """Each backbone with each kind of weights, for the longest texts of the space."""
        longest = max(values.space["max_length"])
        trials = [*values.points, *combined(values, ("backbone", "weights"), max_length=longest)]
        return distinct(trials, ("backbone", "weights", "max_length"))

    def check(self, config: TextTrialConfig | TextHeadConfig, train: Split) -> int:
        """Build the network: the bytes of its tensors. UserError where the weights can't be had."""
        if isinstance(config, TextHeadConfig):
            from trainables.text.head import check_head

            return check_head(config, train)
        from trainables.text.model import build_network

        network = build_network(config, train)[0]
        return sum(tensor.nbytes for tensor in network.state_dict().values())

    def plan(self, values: SearchedValues, splits: Mapping[str, Split], place: Place) -> Plan:
        """Which texts are cut: a line for each split that has longer ones than the own and the least `max_length`."""
        from trainables.text.model import count_cut_texts

        lines = []
        for length in sorted({values.own["max_length"], min(values.every("max_length"))}):
            config = TextTrialConfig.parsed({**values.own, "max_length": length})
            cut = count_cut_texts(config, splits, place.made)
            lines += [
                f"{self.name}: {count:,} of {texts:,} {split} texts are longer than {length} tokens and are cut"
                for split, (count, texts) in cut.items()
                if count
            ]
        return Plan(lines=tuple(lines))

    def heads(self, values: SearchedValues, wish: HeadWish) -> list[dict[str, Any]]:
        """On n-grams with each encoder that trials may have pretrained, or on n-grams alone; with each `cleaning`."""
        backbones: list[str | None] = [*(wish.backbones or pretrained(values))] or [None]
        shared = {key: values.own[key] for key in ("cleaning", "max_length", "token_budget")}
        others = [{"cleaning": one} for one in values.every("cleaning") if one != values.own["cleaning"]]
        found = [{**shared, **one} for one in head_trials(wish, backbones, variants=others)]
        return [TextHeadConfig.parsed(one).model_dump() for one in found]

    def build(
        self, config: TextTrialConfig | TextHeadConfig, data: DataAccess, seed: int
    ) -> tuple[Learner, Companions | None]:
        """A text network in training, its tokenizer beside its weights; or a head."""
        if isinstance(config, TextHeadConfig):
            from trainables.text.head import build_head_learner

            return build_head_learner(config, data, seed)
        from trainables.text.model import build_learner

        return build_learner(config, data, seed)

    def load(self, folder: Path, checkpoint: Checkpoint) -> Model:
        """The trained network and its tokenizer, ready to predict texts."""
        if HEAD in checkpoint.meta["config"]:
            from trainables.text.head import load_head_model

            return load_head_model(folder, checkpoint)
        from trainables.text.model import load_model

        return load_model(folder, checkpoint)

    def portable(self, folder: Path, checkpoint: Checkpoint) -> Portable:
        """The whole network and its tokenizer; of a head its frozen encoder, if it has one, and its n-grams."""
        from trainables.text.portable import portable_texts

        return portable_texts(folder, checkpoint)

    def probe_changes(self) -> Mapping[str, Any]:
        """All layers learn from the first epoch on."""
        return {"layers_per_epoch": None}

    def probe_train(self, train: Split, config: TextTrialConfig) -> Split:
        """Of several captions the longest one: a probe is of the largest batch that a trial may draw."""
        longest = tuple(max(captions_of(item), key=len) for item in train.items(self.name))
        return replace(train, inputs={**train.inputs, self.name: longest})

    def sizes(self, train: Split) -> NDArray[np.int64]:
        """(N,) each text's characters, of several captions the longest one's."""
        return np.array([max(map(len, captions_of(item))) for item in train.items(self.name)], dtype=np.int64)

    def baseline(self, checkpoint: Path, train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
        """Logistic regression on character n-grams."""
        from trainables.text.baseline import text_baseline

        return text_baseline(train, evaluate)


MODALITY = TextModality()
