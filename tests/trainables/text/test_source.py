"""Where a pretrained text model's files come from: folders and hubs, good ones and bad ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hub_server import Hub
from huggingface_hub import constants
from safetensors.torch import load_file
from text_folders import save_family
from trainables_fakes import assert_same_tensors

from trainables.errors import UserError
from trainables.text.network import pretrained_text_model, pretrained_tokenizer
from trainables.text.source import pretrained_folder

REPOSITORY = "owner/tiny-bert"


def message(backbone: str) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        pretrained_text_model(backbone, 2, None)
    found = str(caught.value)
    assert "\n" not in found
    for part in (backbone, "local folder", "`weights: none`", "all-MiniLM-L6-v2"):
        assert part in found
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model to take something away from."""
    save_family(tmp_path / "model", "bert")
    return tmp_path / "model"


def test_a_folder_without_a_config(folder: Path) -> None:
    """The file that tells the architecture is missing."""
    (folder / "config.json").unlink()
    assert "it has no config.json" in message(str(folder))


def test_a_folder_without_weights(folder: Path) -> None:
    """The file's name is said."""
    (folder / "model.safetensors").unlink()
    assert "it has no model.safetensors" in message(str(folder))


def test_a_folder_without_a_tokenizer(folder: Path) -> None:
    """No tokenizer is made up: what it could have been in is listed."""
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "it has no tokenizer: none of tokenizer.json, vocab.txt" in message(str(folder))


def test_a_tokenizer_without_its_vocabulary(folder: Path) -> None:
    """Its config alone gives a tokenizer that knows no word: refused, not trained with."""
    (folder / "tokenizer.json").unlink()
    assert "its tokenizer" in message(str(folder))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5"])
def test_pickled_weights_are_named(folder: Path, name: str) -> None:
    """Weights in another format: the file, why it isn't read, and what to do."""
    (folder / "model.safetensors").rename(folder / name)
    found = message(str(folder))
    assert name in found
    assert "convert them to safetensors" in found


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "its config.json isn't a JSON object"),
        ("[1]", "its config.json isn't a JSON object"),
        ("{}", "names no `model_type`"),
        ('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}', "'own' comes as code of its own"),
        ('{"model_type": "own"}', "'own', which this version of transformers doesn't know"),
        ('{"model_type": "bert", "hidden_size": "many"}', "can't be loaded"),
    ],
)
def test_a_config_that_cant_be_used(folder: Path, config: str, reason: str) -> None:
    """Damaged, without an architecture, or with one that is unknown or comes as code."""
    (folder / "config.json").write_text(config)
    assert reason in message(str(folder))


def test_code_in_a_folder_isnt_run(folder: Path) -> None:
    """A folder's own Python stays unread, where it names a known architecture too: transformers' own is built."""
    config = json.loads((folder / "config.json").read_text())
    automatic = {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"}
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": automatic}))
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Own: pass\n")
    network, _ = pretrained_text_model(str(folder), 2, None)
    assert type(network.classifier).__module__.startswith("transformers.")
    assert not (folder / "ran").exists()


def test_torn_weights(folder: Path) -> None:
    """A file that is cut off is one line."""
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:200])
    message(str(folder))


def test_a_folder_that_isnt_there(hub: Hub) -> None:
    """A path is no hub's name: nobody is asked for it."""
    assert "there is no such folder" in message("./models/mine/bert")
    assert hub.asked == []


def test_a_model_is_fetched_from_the_hub_once(hub: Hub, folder: Path) -> None:
    """Config, tokenizer and safetensors come over HTTP, nothing else; afterwards the cache serves without a request."""
    shutil.copytree(folder, hub.repository(REPOSITORY), dirs_exist_ok=True)
    for name in ("pytorch_model.bin", "README.md", "own.py", "model.fp16.safetensors"):
        (hub.repository(REPOSITORY) / name).write_bytes(b"not for us")
    network, tokenizer = pretrained_text_model(REPOSITORY, 3, None)
    own = {f"classifier.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    assert_same_tensors({name: network.state_dict()[name] for name in own}, own)
    assert tokenizer.get_vocab() == pretrained_tokenizer(str(folder)).get_vocab()
    fetched = {path.rsplit("/", 1)[-1] for path in hub.asked if "/resolve/" in path}
    assert fetched == {path.name for path in folder.iterdir()}
    hub.asked.clear()
    pretrained_text_model(REPOSITORY, 2, None)
    assert hub.asked == []


def test_weights_in_several_files_are_fetched(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """A repository whose weights are split has all its parts fetched; a cache that lost one is completed."""
    model = save_family(tmp_path / "unused", "bert")
    model.save_pretrained(hub.repository(REPOSITORY), max_shard_size="10KB")
    for path in folder.glob("tokenizer*"):
        shutil.copy(path, hub.repository(REPOSITORY))
    parts = list(hub.repository(REPOSITORY).glob("model-*.safetensors"))
    assert len(parts) > 1
    cached = pretrained_folder(REPOSITORY)
    assert {path.name for path in cached.glob("model-*")} == {path.name for path in parts}
    (cached / parts[0].name).unlink()
    pretrained_text_model(REPOSITORY, 2, None)
    assert (cached / parts[0].name).is_file()


def test_a_half_filled_cache_is_completed(hub: Hub, folder: Path) -> None:
    """A download that broke off after the first files goes on the next time."""
    shutil.copytree(folder, hub.repository(REPOSITORY), dirs_exist_ok=True)
    cached = pretrained_folder(REPOSITORY)
    (cached / "model.safetensors").unlink()
    pretrained_text_model(REPOSITORY, 2, None)
    assert (cached / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("hang", "Timeout"), (500, "500"), (404, "no repository owner/tiny-bert")]
)
def test_a_hub_that_fails_is_one_line(hub: Hub, behaviour: str | int, reason: str) -> None:
    """It hangs, breaks, or has no such repository: one request, then the reason and the choices."""
    hub.behaviour = behaviour
    assert reason in message(REPOSITORY)
    assert len(hub.asked) == 1


def test_offline_the_cache_is_enough(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE a cached model is loaded, and another one refused with the setting's name."""
    shutil.copytree(folder, hub.repository(REPOSITORY), dirs_exist_ok=True)
    pretrained_folder(REPOSITORY)
    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    pretrained_text_model(REPOSITORY, 2, None)
    assert "HF_HUB_OFFLINE is set" in message("owner/other")
    assert hub.asked == []


@pytest.mark.parametrize(
    ("change", "reason"), [("code", "comes as code of its own"), ("pickle", "pytorch_model.bin alone")]
)
def test_a_repository_that_needs_trust_is_refused(hub: Hub, folder: Path, change: str, reason: str) -> None:
    """Custom code and pickles are refused as in a folder; a pickle isn't even fetched."""
    place = hub.repository(REPOSITORY)
    shutil.copytree(folder, place, dirs_exist_ok=True)
    if change == "code":
        (place / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}')
    else:
        (place / "model.safetensors").rename(place / "pytorch_model.bin")
    assert reason in message(REPOSITORY)
    assert not any("pytorch_model.bin" in request for request in hub.asked)
