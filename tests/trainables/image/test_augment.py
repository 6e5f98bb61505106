"""Augmentation, against torchvision's transforms of the published recipe."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from trainables.image import augment as module
from trainables.image.augment import Draw, augment, draw_parameters

MANY = 20_000
SIDE = 1000  # px of the reference's picture
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def generator(seed: int = 0) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, size: int = 32, seed: int = 0) -> Tensor:
    """Noise, uint8."""
    return torch.randint(0, 256, (count, 3, size, size), generator=generator(seed), dtype=torch.uint8)


def smooth(size: int = 32) -> Tensor:
    """One soft picture (1, 3, S, S) in 0 to 1: resampled in two ways, it changes little."""
    y, x = torch.meshgrid(torch.linspace(0, 3, size), torch.linspace(0, 3, size), indexing="ij")
    return torch.stack([x.sin() ** 2, (x * 0.5 + y).cos() ** 2, (y * 0.7).sin() ** 2])[None]


def neutral(count: int = 1, **changes: float) -> Draw:
    """Parameters that change nothing, but for those given."""
    still = dict.fromkeys(("left", "top", "angle", "shift_x", "shift_y", "hue"), 0.0)
    values = {**dict.fromkeys([field.name for field in dataclasses.fields(Draw)], 1.0), **still, **changes}
    return Draw(**{name: torch.full((count,), value) for name, value in values.items()})


def warp(picture: Tensor, draw: Draw) -> Tensor:
    """The geometric half of `augment`."""
    grid = torch.nn.functional.affine_grid(module._affine(draw), list(picture.shape), align_corners=False)
    return torch.nn.functional.grid_sample(picture, grid, align_corners=False)


def recoloured(pictures: Tensor, draw: Draw) -> Tensor:
    """The other half: colours."""
    return module._recolour(pictures, *module._changes(draw, pictures.device)[1:])


def reference_draws() -> dict[str, np.ndarray]:
    """4,000 draws of torchvision's own transforms, in our units."""
    torch.manual_seed(0)
    sample = [torch.zeros(1, 1, 1).expand(3, SIDE, SIDE)]
    crop = v2.RandomResizedCrop(224, scale=(0.8, 1.0))
    affine = v2.RandomAffine(degrees=15, translate=(0.1, 0.1))
    colour = v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)
    rows = []
    for _ in range(4_000):
        box, move, jitter = (transform.make_params(sample) for transform in (crop, affine, colour))
        rows.append(
            {
                "width": box["width"] / SIDE,
                "height": box["height"] / SIDE,
                "left": (2 * box["left"] + box["width"]) / SIDE - 1,
                "top": (2 * box["top"] + box["height"]) / SIDE - 1,
                "angle": math.radians(move["angle"]),
                "shift_x": move["translate"][0] / SIDE,
                "shift_y": move["translate"][1] / SIDE,
                **{name: jitter[f"{name}_factor"] for name in ("brightness", "contrast", "saturation")},
                "hue": jitter["hue_factor"] * 2 * math.pi,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    """torchvision's draws."""
    return reference_draws()


@pytest.mark.parametrize(
    "name",
    [
        *("width", "height", "left", "top", "angle", "shift_x", "shift_y"),
        *("brightness", "contrast", "saturation", "hue"),
    ],
)
def test_parameters_are_drawn_as_torchvision_draws_them(name: str, published: dict[str, np.ndarray]) -> None:
    """Mean, spread, range and quartiles of each parameter equal those of torchvision's transform of the recipe."""
    ours, theirs = getattr(draw_parameters(MANY, 1.0, generator()), name).double().numpy(), published[name]
    error = theirs.std() / math.sqrt(len(theirs))
    assert abs(ours.mean() - theirs.mean()) < 5 * error
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)
    quantiles = [0.0, 0.25, 0.5, 0.75, 1.0]
    assert np.quantile(ours, quantiles) == pytest.approx(np.quantile(theirs, quantiles), abs=0.1 * np.ptp(theirs))


def test_the_crop_keeps_its_area_and_stays_inside() -> None:
    """Area 0.8 to 1, aspect 3/4 to 4/3, and no crop leaves the picture; sides are coupled as torchvision's are."""
    draw = draw_parameters(MANY, 1.0, generator())
    area, aspect = draw.width * draw.height, draw.width / draw.height
    assert 0.8 - 1e-4 <= float(area.min()) < 0.81
    assert float(area.max()) <= 1 + 1e-6
    assert float(aspect.min()) >= 3 / 4 - 1e-4
    assert float(aspect.max()) <= 4 / 3 + 1e-4
    for centre, side in ((draw.left, draw.width), (draw.top, draw.height)):
        assert float((centre.abs() + side).max()) <= 1 + 1e-6


def test_width_and_height_hang_together_as_torchvisions(published: dict[str, np.ndarray]) -> None:
    """The correlation of the crop's sides, which the single distributions don't show."""
    draw = draw_parameters(MANY, 1.0, generator())
    ours = np.corrcoef(draw.width, draw.height)[0, 1]
    assert ours == pytest.approx(np.corrcoef(published["width"], published["height"])[0, 1], abs=0.05)


def test_half_of_the_pictures_are_flipped() -> None:
    """Flips are -1 or 1, one half each."""
    flip = draw_parameters(MANY, 1.0, generator()).flip
    assert set(flip.tolist()) == {-1.0, 1.0}
    assert float(flip.mean()) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("strength", [0.5, 2.0, 3.0])
def test_strength_scales_the_ranges(strength: float) -> None:
    """Angles, shifts, jitter and crop loss grow in proportion."""
    draw = draw_parameters(MANY, strength, generator())
    assert float(draw.angle.abs().max()) == pytest.approx(math.radians(15) * strength, rel=0.01)
    assert float(draw.shift_x.abs().max()) == pytest.approx(0.1 * strength, rel=0.01)
    assert float(draw.contrast.max()) == pytest.approx(1 + 0.2 * strength, rel=0.01)
    assert float(draw.hue.abs().max()) == pytest.approx(0.2 * math.pi * strength, rel=0.01)
    assert float((draw.width * draw.height).min()) == pytest.approx(1 - 0.2 * strength, abs=0.01)


def test_strength_zero_is_the_picture_itself() -> None:
    """Nothing but the scale from 0-255 to 0-1 changes, and the generator isn't touched."""
    own, source = generator(), pictures()
    before = own.get_state()
    assert torch.equal(augment(source, 0.0, own), source.float() / 255)
    assert torch.equal(own.get_state(), before)


def test_parameters_of_strength_zero_are_neutral() -> None:
    """Strength goes to nothing without a jump: its parameters at 0 change no picture."""
    draw, still = draw_parameters(3, 0.0, generator()), neutral(3)
    for field in dataclasses.fields(Draw):
        assert torch.allclose(getattr(draw, field.name), getattr(still, field.name), atol=1e-6), field.name


def test_neutral_parameters_leave_the_picture() -> None:
    """The affine map is the identity, the colour matrix too, and resampling returns the pixels."""
    draw, source = neutral(2), pictures(2).float() / 255
    assert torch.allclose(module._affine(draw), torch.eye(2, 3).expand(2, 2, 3), atol=1e-6)
    assert torch.allclose(module._colour_matrix(draw), torch.eye(3).expand(2, 3, 3), atol=1e-5)
    assert torch.allclose(recoloured(warp(source, draw), draw), source, atol=1e-4)


def test_the_same_generator_gives_the_same_pictures() -> None:
    """Deterministic by seed, different for another seed and for the next batch; the source stays as it was."""
    source = pictures()
    kept, own = source.clone(), generator(1)
    first = augment(source, 1.0, own)
    assert torch.equal(first, augment(source, 1.0, generator(1)))
    assert not torch.equal(first, augment(source, 1.0, own))
    assert not torch.equal(first, augment(source, 1.0, generator(2)))
    assert torch.equal(source, kept)


def test_each_picture_has_its_own_parameters() -> None:
    """The same picture four times in a batch gives four different ones."""
    found = augment(pictures(1).repeat(4, 1, 1, 1), 1.0, generator())
    assert len({tuple(picture.flatten().tolist()) for picture in found}) == 4


@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_the_output_stays_in_zero_to_one(strength: float) -> None:
    """Even the strongest jitter of black and white noise gives colours, of the same shape."""
    source = (pictures(32, 16) > 127).to(torch.uint8) * 255
    found = augment(source, strength, generator())
    assert found.shape == source.shape
    assert found.dtype == torch.float32
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_a_pure_flip_mirrors_the_columns() -> None:
    """Left becomes right, pixel for pixel."""
    source = pictures(1).float() / 255
    assert torch.allclose(warp(source, neutral(flip=-1.0)), source.flip(3), atol=1e-4)


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_a_pure_translation_moves_the_pixels(flip: float) -> None:
    """A shift of 4 of 32 px to the right and 8 down moves the (flipped) picture so, and uncovers black."""
    source = pictures(1).float() / 255
    moved = warp(source, neutral(shift_x=4 / 32, shift_y=8 / 32, flip=flip))
    before = source.flip(3) if flip < 0 else source
    assert torch.allclose(moved[..., 8:, 4:], before[..., :-8, :-4], atol=1e-4)
    assert float(moved[..., :8, :].abs().max()) < 1e-4
    assert float(moved[..., :4].abs().max()) < 1e-4


def test_a_pure_crop_is_torchvisions() -> None:
    """A crop of three quarters, off the centre, equals torchvision's resized crop (its rim apart)."""
    source = smooth(64)
    found = warp(source, neutral(width=0.75, height=0.5, left=-0.125, top=0.25))
    left, top = round((1 - 0.125 - 0.75) / 2 * 64), round((1 + 0.25 - 0.5) / 2 * 64)
    expected = reference.resized_crop(source, top, left, 32, 48, [64, 64], antialias=False)
    assert torch.allclose(found[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-4)


def test_a_pure_rotation_is_torchvisions() -> None:
    """An angle turns the picture about its centre as torchvision's rotation by the same (opposite) angle does."""
    source, angle = smooth(64), 15.0
    found = warp(source, neutral(angle=math.radians(angle)))
    turned = [reference.rotate(source, sign * angle, interpolation=v2.InterpolationMode.BILINEAR) for sign in (1, -1)]
    differences = [float((found - other)[..., 12:-12, 12:-12].abs().max()) for other in turned]
    assert min(differences) < 1e-3
    assert max(differences) > 0.05


def test_the_transforms_come_in_the_recipes_order() -> None:
    """Crop, flip, rotation, translation: all at once equal one after the other."""
    source = smooth(64)
    parts = {"width": 0.8, "left": 0.1, "top": -0.1, "height": 0.9}, {"flip": -1.0}, {"angle": 0.2}, {"shift_x": 0.0625}
    once = warp(source, neutral(**{name: value for part in parts for name, value in part.items()}))
    step_by_step = source
    for part in parts:
        step_by_step = warp(step_by_step, neutral(**part))
    assert torch.allclose(once[..., 16:-16, 16:-16], step_by_step[..., 16:-16, 16:-16], atol=0.01)


@pytest.mark.parametrize("factor", [0.8, 1.2])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_a_pure_colour_change_is_torchvisions(name: str, factor: float) -> None:
    """Brightness, contrast and saturation alone give torchvision's colours (its grey has other last digits)."""
    source = pictures(1).float() / 255
    found = recoloured(source.clone(), neutral(**{name: factor}))
    expected = getattr(reference, f"adjust_{name}")(source, factor)
    assert torch.allclose(found, expected, atol=2e-3)


def test_hue_turns_colours_and_leaves_grey_and_luminance() -> None:
    """A third of a turn takes red towards blue or green; grey stays; the luminance of a dull colour is kept."""
    colours = torch.tensor([[0.6, 0.4, 0.4], [0.5, 0.5, 0.5]]).view(2, 3, 1, 1)
    found = recoloured(colours.clone(), neutral(2, hue=2 * math.pi / 3)).view(2, 3)
    assert int(found[0].argmax()) != 0
    assert found[1].tolist() == pytest.approx([0.5] * 3, abs=1e-5)
    grey = torch.tensor([0.299, 0.587, 0.114])
    assert float(found[0] @ grey) == pytest.approx(float(colours[0].flatten() @ grey), abs=1e-3)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_GPU)])
def test_every_device_and_every_part_of_a_batch_gives_the_same_pictures(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of 3 on a GPU, of 8 on a CPU, or one picture at a time: the same pictures, within a GPU's rounding."""
    source = pictures(10)
    monkeypatch.setattr(module, "GPU_CHUNK", 3)
    found = augment(source.to(device), 1.0, generator()).cpu()
    monkeypatch.setattr(module, "CPU_CHUNK", 1)
    assert torch.allclose(found, augment(source, 1.0, generator()), atol=5e-3)
