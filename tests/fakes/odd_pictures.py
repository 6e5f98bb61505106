"""Pictures as people have them and decoders don't like them: broken, of foreign formats, odd."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

SIZE = (96, 64)
END = b"\xff\xd9"


def scene(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture with some noise: no two seeds alike."""
    rng = np.random.default_rng(seed)
    smooth = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = rng.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture's bytes in a format."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def sixteen_bits(values: NDArray[np.uint16], *chunks: tuple[bytes, bytes]) -> bytes:
    """A grey PNG of 16 bits, with further chunks before its pixels."""
    height, width = values.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    return png((width, height, 16, 0), *chunks, (b"IDAT", zlib.compress(lines)))


def png(shape: tuple[int, int, int, int], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of (width, height, bits, colour type) and chunks."""
    header = struct.pack(">IIBBBBB", *shape, 0, 0, 0)
    whole = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in whole)
    return b"\x89PNG\r\n\x1a\n" + body


def grey_ramp(highest: int) -> NDArray[np.uint16]:
    """Grey values of 16 bits from 0 to `highest`."""
    return np.linspace(0, highest, 40 * 40).astype(np.uint16).reshape(40, 40)


def closed_early(data: bytes, share: float = 1 / 3) -> bytes:
    """A JPEG of which a share of the compressed data is left, with the mark of the end."""
    scan = data.rindex(b"\xff\xda")
    return data[: scan + round((len(data) - scan) * share)] + END


def broken_files() -> dict[str, tuple[bytes, str]]:
    """Files that can't be read, by name: what they hold, and what must be told."""
    whole = {kind: encoded(scene(1), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")}
    halves = {f"half.{kind.lower()}": (raw[: len(raw) // 2], "") for kind, raw in whole.items()}
    progressive = encoded(scene(2), "JPEG", progressive=True)
    stubs = {
        "stub.jpg": (whole["JPEG"][:20], ""),
        "stub.png": (whole["PNG"][:20], ""),
        "stub.gif": (b"GIF89a", ""),
        "stub.bmp": (b"BM" + bytes(60), ""),
        "stub.tif": (b"II*\0\x08\0\0\0", ""),
        "stub.webp": (b"RIFF\x10\0\0\0WEBPVP8 ", ""),
        "half-progressive.jpg": (progressive[: len(progressive) // 2], "truncated"),
        "damaged-chunk.png": (whole["PNG"].replace(b"IDAT", b"IDAX", 1), ""),
        "damaged-sum.png": (_flipped(whole["PNG"], -30), ""),
        "giant.png": (png((9_000, 9_000, 8, 2), (b"IDAT", zlib.compress(bytes(100)))), "81,000,000 pixels"),
        "empty.jpg": (b"", "the file is empty"),
        "spaces.jpg": (b"   \n", "text"),
        "zeros.jpg": (bytes(5_000), "nothing but zero bytes"),
    }
    foreign: Mapping[str, tuple[bytes, str]] = {
        "page.jpg": (b"<!DOCTYPE html>\n<html><body>404</body></html>", "a web page"),
        "note.png": ("Bilder folgen später\n".encode(), "text"),
        "document.jpg": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        "drawing2.png": (b"<?xml version='1.0'?>\n<!-- a -->\n<svg></svg>", "an SVG drawing"),
        "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        "phone.heic": (_box(b"heic", b"mif1"), "HEIC"),
        "phone.jpg": (_box(b"mif1", b"heic"), "HEIC"),
        "burst.jpg": (_box(b"msf1", b"hevc"), "HEIC"),
        "film.jpg": (_box(b"isom", b"mp42"), "a video"),
        "film.gif": (b"\x1a\x45\xdf\xa3" + bytes(range(60)), "a video"),
        "film2.gif": (b"RIFF\x10\0\0\0AVI LIST", "a video"),
        "layers.png": (b"8BPS\0\1" + bytes(30), "a Photoshop file"),
        "new.jpg": (b"\xff\x0a" + bytes(range(30)), "JPEG XL"),
        "new2.jpg": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        "wavelet.jpg": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        "icon.png": (b"\0\0\1\0\1\0\x10\x10", "an icon"),
        "archive.jpg": (b"PK\3\4\x14\0" + bytes(range(30)), "a ZIP archive"),
        "archive2.jpg": (b"\x1f\x8b\x08\0" + bytes(range(30)), "a gzip archive"),
        "archive3.jpg": (b"Rar!\x1a\7\1\0", "a RAR archive"),
        "archive4.jpg": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive"),
        "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        "about.jpg": (b"\0\5\x16\7\0\2\0\0Mac OS X", "AppleDouble"),
        "noise.jpg": (bytes(range(128, 256)), "no picture in one of the formats"),
    }
    return {**halves, **stubs, **foreign}


def _box(brand: bytes, other: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + other + bytes(40)


def _flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


def odd_files() -> dict[str, tuple[bytes, str]]:
    """Files that can be read and are odd, by name: what they hold, and the kind of the finding that must name them."""
    picture, jpeg = scene(3), encoded(scene(4), "JPEG", quality=90)
    grey, print_colours = picture.convert("L"), picture.convert("CMYK")
    restarts = encoded(picture, "JPEG", restart_marker_rows=1)
    made: Mapping[str, tuple[bytes, str]] = {
        "cut.jpg": (closed_early(jpeg), "cut-pictures"),
        "cut-little.jpg": (closed_early(jpeg, 0.95), "cut-pictures"),
        "cut-grey.jpg": (closed_early(encoded(grey, "JPEG")), "cut-pictures"),
        "cut-restarts.jpg": (closed_early(restarts), "cut-pictures"),
        "cut-restart.jpg": (restarts[: restarts.rindex(b"\xff\xd1")] + END, "cut-pictures"),
        "cut-progressive.jpg": (_first_scans(encoded(picture, "JPEG", progressive=True)), "cut-pictures"),
        "frames.gif": (_frames("GIF"), "several-frames"),
        "frames.webp": (_frames("WEBP"), "several-frames"),
        "frames.png": (_frames("PNG"), "several-frames"),
        "pages.tif": (_frames("TIFF"), "several-frames"),
        "twelve.png": (sixteen_bits(grey_ramp(4_095)), "stretched-grey"),
        "ten.png": (sixteen_bits(grey_ramp(1_000)), "stretched-grey"),
        "twelve.tif": (encoded(Image.fromarray(grey_ramp(4_000)), "TIFF"), "stretched-grey"),
        "print.jpg": (encoded(print_colours, "JPEG"), "print-colours"),
        "print.tif": (encoded(print_colours, "TIFF"), "print-colours"),
        "clear.png": (encoded(_faded(picture), "PNG"), "transparent-pictures"),
        "clear-grey.png": (encoded(_faded(picture).convert("LA"), "PNG"), "transparent-pictures"),
        "clear-16.png": (sixteen_bits(grey_ramp(65_535), (b"tRNS", b"\xff\xff")), "transparent-pictures"),
        "clear.gif": (encoded(_cleared(picture), "GIF"), "transparent-pictures"),
        "clear.webp": (encoded(_faded(picture), "WEBP"), "transparent-pictures"),
        "white.png": (encoded(Image.new("RGB", SIZE, "white"), "PNG"), "flat-pictures"),
        "black.jpg": (encoded(Image.new("RGB", SIZE), "JPEG"), "flat-pictures"),
        "white-on-clear.png": (encoded(_hidden(), "PNG"), "flat-pictures"),
        "jpeg.png": (jpeg, "wrong-endings"),
        "png.jpg": (encoded(picture, "PNG"), "wrong-endings"),
        "webp.jpeg": (encoded(picture, "WEBP"), "wrong-endings"),
        "no-ending": (encoded(scene(5), "JPEG"), "wrong-endings"),
        ".5 inch pipe": (encoded(scene(6), "JPEG"), "wrong-endings"),
        "damaged-exif.jpg": (encoded(picture, "JPEG", exif=b"Exif\0\0garbage"), "damaged-metadata"),
        "tiny.png": (encoded(scene(7, (9, 9)), "PNG"), "tiny-pictures"),
        "pixel.png": (encoded(Image.new("RGB", (1, 1), "red"), "PNG"), "tiny-pictures"),
        "long.png": (encoded(scene(8, (400, 40)), "PNG"), "long-pictures"),
        "high.jpg": (encoded(scene(9, (40, 400)), "JPEG"), "long-pictures"),
    }
    return {**made, **{f"turned-{turn}.jpg": (_turned(turn), "turned-pictures") for turn in range(2, 9)}}


def sound_files() -> dict[str, bytes]:
    """Files that look suspicious and aren't."""
    picture = scene(10)
    below = Image.new("RGB", (96, 96), (128, 128, 128))
    below.paste(picture, (0, 0))
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 3_000_000, zip=True)
    return {
        "plain.jpg": encoded(picture, "JPEG"),
        "plain.jfif": encoded(picture, "JPEG", quality=80),
        "plain.avif": encoded(picture, "AVIF"),
        "progressive.jpg": encoded(picture, "JPEG", progressive=True),
        "grey-below.jpg": encoded(below, "JPEG"),
        "grey-below-restarts.jpg": encoded(below, "JPEG", restart_marker_blocks=2),
        "grey-below-progressive.jpg": encoded(below, "JPEG", progressive=True),
        "optimized.jpg": encoded(below, "JPEG", optimize=True, quality=30),
        "much-text.png": encoded(picture, "PNG", pnginfo=text),
        "large-profile.png": encoded(scene(11), "PNG", icc_profile=bytes(range(256)) * 8_000),
        "opaque.png": encoded(scene(12).convert("RGBA"), "PNG"),
        "sixteen.png": sixteen_bits(grey_ramp(60_000)),
        "after-the-end.jpg": encoded(scene(13), "JPEG") + bytes(500),
    }


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The same file with some damage: bytes changed, lost, doubled, or set to extremes; most in its first part."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        reach = len(changed) if rng.random() < 0.5 else min(len(changed), 300)
        at, length = int(rng.integers(0, max(1, reach))), int(rng.integers(1, 12))
        damage: list[Callable[[], bytes]] = [
            lambda length=length: rng.bytes(length),  # type: ignore[misc]
            lambda length=length: b"\xff" * length,  # type: ignore[misc]
            lambda length=length: bytes(length),  # type: ignore[misc]
            lambda at=at, length=length: bytes(changed[at : at + length]) * 2,  # type: ignore[misc]
            lambda: b"",
        ]
        changed[at : at + length] = damage[int(rng.integers(0, len(damage)))]()
        if rng.random() < 0.1:
            del changed[int(rng.integers(0, max(1, len(changed)))) :]
    return bytes(changed)


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """The paths, once the files lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def make_what_is_no_file(folder: Path) -> dict[Path, str]:
    """What has a picture's name and isn't a regular file, with what must be told."""
    (folder / "folder.jpg").mkdir(parents=True)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "nowhere.jpg").symlink_to(folder / "gone.jpg")
    told = {"folder.jpg": "not a regular file", "pipe.jpg": "not a regular file", "nowhere.jpg": "No such file"}
    return {folder / name: words for name, words in told.items()}


def _first_scans(data: bytes) -> bytes:
    """A progressive JPEG that ends within its second scan."""
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[: second + 20] + END


def _frames(kind: str) -> bytes:
    return encoded(scene(20), kind, save_all=True, append_images=[scene(21)])


def _turned(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return encoded(scene(30 + turn), "JPEG", exif=exif)


def _faded(picture: Image.Image) -> Image.Image:
    faded = picture.convert("RGBA")
    faded.putalpha(Image.linear_gradient("L").resize(picture.size))
    return faded


def _cleared(picture: Image.Image) -> Image.Image:
    """A picture of a palette of which one colour, that of the first pixel, is transparent."""
    few = picture.quantize(16)
    few.info["transparency"] = few.getpixel((0, 0))
    return few


def _hidden() -> Image.Image:
    """White strokes on nothing: on white, nothing is seen."""
    hidden = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    hidden.paste((255, 255, 255, 255), (10, 10, 40, 40))
    return hidden
