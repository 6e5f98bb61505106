"""Augmentation of a whole batch on its device, each picture with its own random parameters.

The published recipe's transforms, drawn from the same distributions: random resized crop (scale 0.8 to 1, aspect 3/4 to
4/3), horizontal flip, rotation of up to 15 degrees, colour jitter, translation of up to 10 %. Crop, flip, rotation and
translation are one affine resampling, and brightness, saturation and hue one 3 x 3 matrix on the colours, so that a
picture is read and written once each. Hue turns the chroma plane of YIQ, not HSV's cone: the same turn of the colours,
without its branches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

CROP_SHARE = 0.2  # the crop's area is at least 1 - this
CROP_ASPECT = math.log(4 / 3)
ROTATION = math.radians(15)
TRANSLATION = 0.1
JITTER = 0.2  # brightness, contrast, saturation
HUE = 0.1  # of a full turn
# Pictures at a time: on a CPU what is computed on the way stays in its caches, on a GPU it takes little memory.
CPU_CHUNK = 8
GPU_CHUNK = 256

_RGB_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_YIQ_TO_RGB = torch.linalg.inv(_RGB_TO_YIQ)


@dataclass(frozen=True)
class Draw:
    """The random parameters of a batch, each (N,)."""

    width: Tensor  # of the crop, share of the picture's
    height: Tensor
    left: Tensor  # the crop's centre, -1 to 1 over the picture
    top: Tensor
    flip: Tensor  # -1 or 1
    angle: Tensor  # radians
    shift_x: Tensor  # share of the picture's width
    shift_y: Tensor
    brightness: Tensor  # factors
    contrast: Tensor
    saturation: Tensor
    hue: Tensor  # radians in the chroma plane


def draw_parameters(count: int, strength: float, generator: torch.Generator) -> Draw:
    """Parameters for `count` pictures; strength 1 is the published recipe, 0 leaves pictures as they are."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    width, height = _draw_crops(count, strength, generator)
    jitter = min(JITTER * strength, 0.9)
    return Draw(
        width=width,
        height=height,
        left=uniform(-1, 1) * (1 - width),
        top=uniform(-1, 1) * (1 - height),
        flip=torch.where(uniform(0, 1) < (0.5 if strength > 0 else 0.0), -1.0, 1.0),
        angle=uniform(-ROTATION, ROTATION) * strength,
        shift_x=uniform(-TRANSLATION, TRANSLATION) * strength,
        shift_y=uniform(-TRANSLATION, TRANSLATION) * strength,
        brightness=uniform(1 - jitter, 1 + jitter),
        contrast=uniform(1 - jitter, 1 + jitter),
        saturation=uniform(1 - jitter, 1 + jitter),
        hue=uniform(-HUE, HUE) * strength * 2 * math.pi,
    )


def _draw_crops(count: int, strength: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Widths and heights (N,) of crops: the first of ten draws that fits into the picture, else the whole picture."""
    area = 1 - torch.rand(10, count, generator=generator) * min(CROP_SHARE * strength, 0.9)
    aspect = torch.exp((torch.rand(10, count, generator=generator) * 2 - 1) * CROP_ASPECT * min(strength, 1))
    width, height = (area * aspect).sqrt(), (area / aspect).sqrt()
    fits = (width <= 1) & (height <= 1)
    first = fits.to(torch.int8).argmax(dim=0, keepdim=True)
    none_fits = ~fits.any(dim=0)
    pick = [side.gather(0, first).squeeze(0).masked_fill(none_fits, 1.0) for side in (width, height)]
    return pick[0], pick[1]


def augment(pictures: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Pictures (N, 3, S, S) uint8 -> (N, 3, S, S) float32 in 0 to 1, on the pictures' device.

    The generator is the CPU's, so that a draw is the same on every device.
    """
    if strength <= 0:
        return pictures.to(torch.float32).div_(255)
    draw = draw_parameters(len(pictures), strength, generator)
    size = CPU_CHUNK if pictures.device.type == "cpu" else GPU_CHUNK
    changes = _changes(draw, pictures.device)
    moved = torch.empty_like(pictures, dtype=torch.float32, memory_format=torch.channels_last)
    for start in range(0, len(pictures), size):
        rows = slice(start, start + size)
        moved[rows] = _changed(pictures[rows], *(change[rows] for change in changes))
    return moved


def _changes(draw: Draw, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What is done to each picture, on the device: affine maps (N, 2, 3), colour matrices (N, 3, 3), contrasts (N,).

    One copy that nothing waits for: several that are waited for would leave a GPU idle in each step.
    """
    parts = [_affine(draw).flatten(1), _colour_matrix(draw).flatten(1), draw.contrast[:, None]]
    packed = torch.cat(parts, dim=1).to(device, non_blocking=True)
    return packed[:, :6].view(-1, 2, 3), packed[:, 6:15].view(-1, 3, 3), packed[:, 15]


def _changed(pictures: Tensor, affine: Tensor, matrix: Tensor, contrast: Tensor) -> Tensor:
    unit = pictures.to(torch.float32).div_(255)
    grid = functional.affine_grid(affine, list(unit.shape), align_corners=False)
    moved = functional.grid_sample(unit, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _recolour(moved, matrix, contrast)


def _affine(draw: Draw) -> Tensor:
    """(N, 2, 3): where in the source each target place lies; the transforms undone from the last to the first."""
    cos, sin = torch.cos(draw.angle), torch.sin(draw.angle)
    scale_x, scale_y = draw.width * draw.flip, draw.height
    shift_x, shift_y = -2 * draw.shift_x, -2 * draw.shift_y  # the picture spans 2 units
    row_x = torch.stack([scale_x * cos, scale_x * sin, scale_x * (cos * shift_x + sin * shift_y) + draw.left], dim=1)
    row_y = torch.stack([-scale_y * sin, scale_y * cos, scale_y * (cos * shift_y - sin * shift_x) + draw.top], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _recolour(pictures: Tensor, matrix: Tensor, contrast: Tensor) -> Tensor:
    """Brightness, saturation and hue as one matrix on the colours, then contrast about each picture's mean grey."""
    coloured = torch.bmm(matrix, pictures.flatten(2)).view_as(pictures).clamp_(0, 1)
    grey = torch.einsum("c,nchw->n", _grey_weights(pictures.device), coloured) / pictures[0, 0].numel()
    contrast = contrast.view(-1, 1, 1, 1)
    return coloured.mul_(contrast).add_((1 - contrast) * grey.view(-1, 1, 1, 1)).clamp_(0, 1)


@cache
def _grey_weights(device: torch.device) -> Tensor:
    """How much red, green and blue (3,) make of a grey; sent to each device once."""
    return _RGB_TO_YIQ[0].to(device)


def _colour_matrix(draw: Draw) -> Tensor:
    """(N, 3, 3) on RGB columns: turn and stretch the chroma plane, then scale everything by the brightness."""
    cos, sin = torch.cos(draw.hue) * draw.saturation, torch.sin(draw.hue) * draw.saturation
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    chroma = torch.stack(
        [torch.stack(row, dim=1) for row in ([one, zero, zero], [zero, cos, -sin], [zero, sin, cos])], dim=1
    )
    matrix: Tensor = draw.brightness.view(-1, 1, 1) * (_YIQ_TO_RGB @ chroma @ _RGB_TO_YIQ)
    return matrix
