"""Weights of image backbones: where they come from, and that each tensor is the file's."""

from __future__ import annotations

import hashlib
import io
import re
import socket
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision.models
from hub_server import Hub
from safetensors.torch import save_file
from torch import Tensor, nn
from trainables_fakes import assert_same_tensors

from trainables.errors import UserError
from trainables.image import weights as module
from trainables.image.backbones import build_backbone, count_features
from trainables.image.network import frozen_network
from trainables.image.weights import PACKAGED as EVERY_PACKAGED
from trainables.image.weights import packaged_file

SMALL = "mobilenet_v3_small"
PACKAGED = "tf_efficientnet_lite0"
VIT = "test_vit"  # timm's smallest


def message(name: str, weights: str, size: int = 32) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        build_backbone(name, weights, size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole_state(classes: int = 1000, name: str = SMALL) -> dict[str, Tensor]:
    """The weights of a whole classifier, its head included."""
    torch.manual_seed(5)
    state: dict[str, Tensor] = torchvision.models.get_model(name, weights=None, num_classes=classes).state_dict()
    return state


def body(name: str, weights: str, size: int = 32) -> dict[str, Tensor]:
    """What the backbone has after loading."""
    return build_backbone(name, weights, size).network.state_dict()


def publish(hub: Hub, monkeypatch: pytest.MonkeyPatch, state: Any, name: str = SMALL) -> Path:
    """Put a file where torchvision's first weights of `name` come from, its digest in its name; the cache is empty."""
    content = io.BytesIO()
    torch.save(state, content)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:8]
    file = hub.repository("torch") / f"{name}-{digest}.pth"
    file.write_bytes(content.getvalue())
    source = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].value
    monkeypatch.setattr(source, "url", f"{hub.address}/torch/{file.name}")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(hub.root.parent / "torch cache"))
    return file


def test_a_weights_file_that_doesnt_exist(tmp_path: Path) -> None:
    """The message names the three kinds of weights and the path given."""
    found = message(SMALL, str(tmp_path / "none.pth"))
    assert "none.pth" in found
    assert "`imagenet`, `none`, a file or a folder" in found


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("classes", [1000, 3])
def test_a_weights_file_is_loaded(tmp_path: Path, suffix: str, classes: int) -> None:
    """Both formats, with a head of any number of classes: each tensor of the backbone is the file's."""
    state, path = whole_state(classes), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    own = body(SMALL, str(path))
    assert_same_tensors(own, {name: tensor for name, tensor in state.items() if not name.startswith("classifier")})


def test_a_file_for_timm_is_loaded(tmp_path: Path) -> None:
    """A timm backbone takes a file as well."""
    torch.manual_seed(5)
    state = timm.create_model(PACKAGED, pretrained=False).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    own = build_backbone(PACKAGED, str(tmp_path / "weights.pth"), 32).network.state_dict()
    assert_same_tensors(own, {name: state[name] for name in own})


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    """Weights that lack the backbone's tensors aren't half-loaded."""
    state = whole_state()
    del state["features.0.0.weight"]
    torch.save(state, tmp_path / "weights.pth")
    assert "it lacks 1, features.0.0.weight first" in message(SMALL, str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_damaged_file_is_the_users_to_know(tmp_path: Path, name: str) -> None:
    """Bytes that are no weights give one line that names the file."""
    (tmp_path / name).write_bytes(b"not weights at all")
    assert name in message(SMALL, str(tmp_path / name))


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2]])
def test_a_file_without_names_is_refused(tmp_path: Path, content: Any) -> None:
    """A file that holds something else than tensors by name."""
    torch.save(content, tmp_path / "weights.pth")
    assert "tensors by name" in message(SMALL, str(tmp_path / "weights.pth"))


def test_imagenet_without_network_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's download fails: one line that says so, and what else can be done."""

    def fail(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    found = message(SMALL, "imagenet")
    for part in (SMALL, "Name or service not known", "local file", "`none`", PACKAGED, "extras `demo` and `backbones`"):
        assert part in found


def test_a_downloaded_state_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the download gives is in the network afterwards, its hash having been asked for."""
    state, asked = whole_state(), []

    def fetch(*_: object, **options: object) -> dict[str, Tensor]:
        asked.append(options)
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    own = build_backbone(SMALL, "imagenet", 32).network.state_dict()
    assert_same_tensors(own, {name: state[name] for name in own})
    assert asked[0]["check_hash"] is True


@pytest.mark.parametrize("name", sorted(EVERY_PACKAGED))
def test_the_packaged_weights_load_strictly(name: str) -> None:
    """Every tensor of the package's file lands in the place of its kind (weight, running mean ...), none is left."""
    path = packaged_file(name)
    if path is None:
        pytest.skip(f"needs the package {EVERY_PACKAGED[name][0]}, of the extra `demo` or `backbones`")
    given = torch.load(path, map_location="cpu", weights_only=True)
    whole = timm.create_model(name, pretrained=False).state_dict()
    assert [key.rsplit(".", 1)[-1] for key in whole] == [key.rsplit(".", 1)[-1] for key in given]
    own = build_backbone(name, "imagenet", 32).network.state_dict()
    by_own_name = dict(zip(whole, given.values(), strict=True))
    assert_same_tensors(own, {name: by_own_name[name] for name in own})


def test_no_package_for_other_names() -> None:
    """Only the listed backbones are looked for in packages."""
    assert packaged_file(SMALL) is None


def test_a_file_of_another_architecture_is_refused(tmp_path: Path) -> None:
    """How many tensors are missing, how many have other shapes, and the first of each by name; of how many."""
    save_file(whole_state(name="mobilenet_v3_large"), tmp_path / "large.safetensors")
    found = message(SMALL, str(tmp_path / "large.safetensors"))
    assert "of its 240 tensors it lacks" in found
    assert re.search(r"lacks \d+, features\.1\.block\S+ first, and has \d+ of other shapes, features\.2\.block", found)
    assert "first: [64, 16, 1, 1] for [72, 16, 1, 1]. " in found


def test_wrong_weights_in_a_folder_are_named_by_their_file(tmp_path: Path) -> None:
    """Not the folder alone: the file, the first tensor that differs with its two shapes, and what to do."""
    state = timm.create_model(VIT, pretrained=False).state_dict()
    first = next(key for key in state if key.startswith("blocks"))
    save_file({**state, first: torch.zeros(48)}, tmp_path / f"{VIT}.safetensors")
    found = message(VIT, str(tmp_path), 160)
    assert str(tmp_path / f"{VIT}.safetensors") in found
    assert f"has 1 of other shapes, {first} first: [48] for [64]" in found
    assert "name another one as `weights`" in found


def test_a_training_checkpoint_is_refused(tmp_path: Path) -> None:
    """A file with an epoch beside the weights: what to save instead."""
    torch.save({"epoch": 3, "model": whole_state()}, tmp_path / "checkpoint.pth")
    assert "'epoch' is a int: save the network's state_dict() alone" in message(SMALL, str(tmp_path / "checkpoint.pth"))


def test_a_pickle_that_runs_code_isnt_run(tmp_path: Path) -> None:
    """A file that would call a function when it is loaded is refused, and the function isn't called."""
    target = tmp_path / "called"

    class Calls:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path(target).touch, ()  # type: ignore[return-value]

    torch.save({"features.0.0.weight": Calls()}, tmp_path / "evil.pth")
    assert "evil.pth" in message(SMALL, str(tmp_path / "evil.pth"))
    assert not target.exists()


@pytest.mark.parametrize("name", ["mnasnet0_5", "convnext_tiny", "googlenet", "densenet121"])
def test_torchvisions_files_are_loaded(tmp_path: Path, name: str) -> None:
    """Those with versions of their own, a norm in the classifier, more classifiers for training, or older names."""
    state = whole_state(name=name)
    old = {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12]\.)", r"\1.\2", key): value for key, value in state.items()}
    assert (old.keys() != state.keys()) == (name == "densenet121")
    save_file(old, tmp_path / "weights.safetensors")
    own = body(name, str(tmp_path / "weights.safetensors"))
    assert_same_tensors(own, {key: state[key] for key in own})


def test_files_without_batch_counters_are_loaded(tmp_path: Path) -> None:
    """Files from before PyTorch 1.0 have no `num_batches_tracked`."""
    state = {key: value for key, value in whole_state().items() if "num_batches" not in key}
    save_file(state, tmp_path / "old.safetensors")
    own = body(SMALL, str(tmp_path / "old.safetensors"))
    assert torch.equal(own["features.0.0.weight"], state["features.0.0.weight"])


def test_positions_are_interpolated_to_the_size(tmp_path: Path) -> None:
    """A vision transformer's file for 64 px serves pictures of 96 px: equal positions stay equal, corners corners."""
    whole = torchvision.models.get_model("vit_b_32", weights=None, image_size=64)
    state = {key: value.clone() for key, value in whole.state_dict().items()}
    state["encoder.pos_embedding"][0, 1:] = torch.arange(4.0)[:, None]
    torch.save(state, tmp_path / "vit.pth")
    own = body("vit_b_32", str(tmp_path / "vit.pth"), 96)
    positions = own["encoder.pos_embedding"]
    assert positions.shape == (1, 1 + 9, 768)
    corners = positions[0, [1, 3, 7, 9], 0].tolist()
    assert corners == pytest.approx([0, 1, 2, 3])
    assert torch.equal(own["conv_proj.weight"], state["conv_proj.weight"])


def test_timms_positions_are_interpolated_too(tmp_path: Path) -> None:
    """A timm transformer's file for 160 px serves pictures of 96 px."""
    state = timm.create_model(VIT, pretrained=False).state_dict()
    save_file(state, tmp_path / "vit.safetensors")
    own = body(VIT, str(tmp_path / "vit.safetensors"), 96)
    assert own["pos_embed"].shape[1] < state["pos_embed"].shape[1]
    assert torch.equal(own["patch_embed.proj.weight"], state["patch_embed.proj.weight"])


@pytest.mark.parametrize("place", ["test_vit.safetensors", "test_vit.pth", "test_vit/model.safetensors"])
def test_a_folder_holds_the_weights_of_several_backbones(tmp_path: Path, place: str) -> None:
    """Each backbone finds its own file, by its name; one that has none is said with the names that are looked for."""
    state = timm.create_model(VIT, pretrained=False).state_dict()
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (torch.save if place.endswith(".pth") else save_file)(state, tmp_path / place)
    save_file(whole_state(), tmp_path / f"{SMALL}.safetensors")
    own = body(VIT, str(tmp_path), 160)
    assert_same_tensors(own, {key: state[key] for key in own})
    small, others = body(SMALL, str(tmp_path)), whole_state()
    assert_same_tensors(small, {key: others[key] for key in small})
    found = message("resnet10t", str(tmp_path))
    for part in (str(tmp_path), "resnet10t.safetensors", "resnet10t.pth", "resnet10t/model.safetensors"):
        assert part in found


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("vit_base_patch32_clip_224.openai", (0.48145466, 0.4578275, 0.40821073)),
        ("vit_base_patch16_siglip_224.v2_webli", (0.5, 0.5, 0.5)),
        ("vit_small_patch14_dinov2.lvd142m", (0.485, 0.456, 0.406)),
    ],
)
def test_clip_siglip_and_dino_are_loaded_at_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mean: tuple[float, ...]
) -> None:
    """Small ones of the same architecture, from a folder: the features are timm's own on pictures normalised as theirs.

    The positions, learned at another size, are interpolated as timm does it when it loads them.
    """
    small = {"depth": 2, "embed_dim": 48, "num_heads": 3}
    create = timm.create_model

    def tiny(name: str, **arguments: Any) -> nn.Module:
        network: nn.Module = create(name, **{**arguments, **small})
        return network

    monkeypatch.setattr(timm, "create_model", tiny)
    count_features.cache_clear()
    torch.manual_seed(3)
    learned = timm.create_model(name, pretrained=False, img_size=56 if "patch14" in name else 64)
    save_file(learned.state_dict(), tmp_path / f"{name}.safetensors")
    size = 84 if "patch14" in name else 96
    network = frozen_network(name, str(tmp_path), size)
    file = {"file": str(tmp_path / f"{name}.safetensors")}
    expected: Any = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=file, img_size=size).eval()
    expected.reset_classifier(0)
    pictures = torch.rand(2, 3, size, size)
    statistics = torch.tensor(mean), torch.tensor(timm.get_pretrained_cfg(name).std)
    normal = (pictures - statistics[0][:, None, None]) / statistics[1][:, None, None]
    with torch.inference_mode():
        torch.testing.assert_close(network.features(pictures), expected(normal), rtol=1e-4, atol=1e-5)
    count_features.cache_clear()


def test_torchvisions_download_is_real(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is fetched over HTTP, its digest compared, and loaded; a second time nothing is asked for."""
    state = whole_state()
    file = publish(hub, monkeypatch, state)
    own = body(SMALL, "imagenet")
    assert_same_tensors(own, {key: state[key] for key in own})
    assert hub.asked == [f"GET /torch/{file.name}"]
    body(SMALL, "imagenet")
    assert len(hub.asked) == 1


@pytest.mark.parametrize(("behaviour", "reason"), [(404, "HTTP Error 404"), (500, "HTTP Error 500"), ("hang", "timed")])
def test_a_download_that_fails_is_one_line(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, behaviour: str | int, reason: str
) -> None:
    """A server that refuses, breaks, or never answers: one line with the reason and the choices; no file is left."""
    publish(hub, monkeypatch, whole_state())
    hub.behaviour = behaviour
    monkeypatch.setattr(module, "SILENCE", 0.3)
    found = message(SMALL, "imagenet")
    for part in (SMALL, reason, "local file", "`none`"):
        assert part in found
    assert [path for path in (hub.root.parent / "torch cache").rglob("*") if path.is_file()] == []
    assert socket.getdefaulttimeout() is None


def test_a_download_of_other_bytes_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What doesn't have the published digest isn't loaded."""
    file = publish(hub, monkeypatch, whole_state())
    file.write_bytes(file.read_bytes() + b"x")
    assert "invalid hash value" in message(SMALL, "imagenet")


def test_a_download_that_runs_code_isnt_run(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A published pickle that is more than tensors is refused."""
    publish(hub, monkeypatch, {"features.0.0.weight": Path("/")})
    assert "can't be had here" in message(SMALL, "imagenet")


def test_timms_download_is_real(hub: Hub) -> None:
    """A timm network's file comes from the hub, adapted to the size; from the cache the second time."""
    state = timm.create_model(VIT, pretrained=False).state_dict()
    repository = timm.get_pretrained_cfg(VIT).hf_hub_id
    save_file(state, hub.repository(repository) / "model.safetensors")
    own = body(VIT, "imagenet", 96)
    assert torch.equal(own["patch_embed.proj.weight"], state["patch_embed.proj.weight"])
    assert own["pos_embed"].shape[1] < state["pos_embed"].shape[1]
    hub.asked.clear()
    assert_same_tensors(body(VIT, "imagenet", 96), own)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("hang", "Timeout"), (500, "500"), (404, "no repository"), ("serve", "no repository")]
)
def test_timms_hub_that_fails_is_one_line(hub: Hub, behaviour: str | int, reason: str) -> None:
    """A hub that hangs, breaks or has no such repository: one request, one line with the choices."""
    hub.behaviour = behaviour
    found = message("resnet10t", "imagenet")
    for part in ("resnet10t", reason, "local file", "`none`"):
        assert part in found
    assert len(hub.asked) == 1


def test_a_network_without_published_weights(hub: Hub) -> None:
    """Some of timm's networks were never published with weights."""
    assert "can't be had here" in message("test_vit4", "imagenet")


def test_other_published_weights_are_taken_where_there_is_no_first_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """RegNetY-128GF has no IMAGENET1K_V1: its default weights are asked for."""
    asked = []

    def fetch(url: str, **_: object) -> dict[str, Tensor]:
        asked.append(url)
        raise URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    with pytest.raises(UserError, match="no route"):
        module._download("regnet_y_128gf", lambda: module._torchvision_state("regnet_y_128gf"))
    assert asked == [torchvision.models.get_model_weights("regnet_y_128gf").DEFAULT.url]
