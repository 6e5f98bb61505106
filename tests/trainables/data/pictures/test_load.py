"""The loader of pictures."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_fakes import picture_fault, read_picture
from PIL import Image, PngImagePlugin

from trainables.data.pictures.load import PAD_COLOUR, load_picture, load_pictures
from trainables.errors import UserError
from trainables.runtime import pictures
from trainables.runtime.texts import is_picture_name

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(width: int, height: int) -> Image.Image:
    """Left half red, right half blue."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    """The path, once the picture lies there."""
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def pixel(picture: NDArray[np.uint8], x: int, y: int) -> list[int]:
    """Its red, green and blue."""
    values: list[int] = picture[y, x].tolist()
    return values


class TestShape:
    """Padding and cropping."""

    def test_pad_keeps_the_whole_picture(self, tmp_path: Path) -> None:
        """The longer side fills the square, and the pad colour lies above and below."""
        loaded = load_picture(saved(tmp_path / "a.png", halves(200, 100)), 64, "pad")
        assert loaded.shape == (64, 64, 3)
        assert loaded.dtype == np.uint8
        assert pixel(loaded, 32, 2) == pixel(loaded, 32, 61) == list(PAD_COLOUR)
        assert pixel(loaded, 2, 32) == list(RED)
        assert pixel(loaded, 61, 32) == list(BLUE)

    def test_crop_keeps_the_centre(self, tmp_path: Path) -> None:
        """The shorter side fills the square: the ends of the longer one are gone."""
        picture = Image.new("RGB", (300, 100), RED)
        picture.paste(BLUE, (100, 0, 200, 100))
        loaded = load_picture(saved(tmp_path / "a.png", picture), 50, "crop")
        assert loaded.shape == (50, 50, 3)
        assert (loaded[:, 2:-2, 2] > 250).all()  # at the very edge the neighbours shine in, as in any resampling

    @pytest.mark.parametrize("fit", ["pad", "crop"])
    def test_extreme_shapes_and_single_pixels_work(self, tmp_path: Path, fit: str) -> None:
        """A line of pixels and one pixel alone become squares without a detour over a giant."""
        for number, size in enumerate([(20_000, 1), (1, 3_000), (1, 1)]):
            path = saved(tmp_path / f"{number}.png", Image.new("RGB", size, RED))
            loaded = load_picture(path, 48, fit)  # type: ignore[arg-type]
            assert loaded.shape == (48, 48, 3)
            assert loaded[..., 0].max() == 255

    def test_a_large_jpeg_is_decoded_small_but_not_too_small(self, tmp_path: Path) -> None:
        """The shortcut for large JPEGs gives nearly what decoding it whole gives."""
        x, y = np.meshgrid(np.arange(1600), np.arange(1200))
        waves = np.stack([127 + 120 * np.sin(x / 90), 127 + 120 * np.cos(y / 70), (x + y) % 256 * 0 + 99], axis=-1)
        picture = Image.fromarray(waves.astype(np.uint8))
        quick = load_picture(saved(tmp_path / "a.jpg", picture, quality=95), 100, "pad").astype(int)
        whole = load_picture(saved(tmp_path / "a.png", picture), 100, "pad").astype(int)
        assert np.abs(quick - whole).mean() < 2


class TestModes:
    """What pictures come as."""

    @pytest.mark.parametrize(
        ("orientation", "corner"),
        list(enumerate([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 1)], start=1)),
    )
    @pytest.mark.parametrize("ending", ["jpg", "tif", "png"])
    def test_exif_turns_the_picture(
        self, tmp_path: Path, orientation: int, corner: tuple[int, int], ending: str
    ) -> None:
        """A mark in the stored picture's first corner comes out where the orientation says, and sides are swapped."""
        picture = Image.new("RGB", (64, 32), "white")
        picture.paste(RED, (0, 0, 16, 16))
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path / f"a.{ending}", picture, exif=exif, **({"quality": 95} if ending == "jpg" else {}))
        upright = read_picture(path)
        assert upright.size == ((64, 32) if orientation < 5 else (32, 64))
        red, green, _ = upright.getpixel((corner[0] * (upright.width - 17) + 8, corner[1] * (upright.height - 17) + 8))  # type: ignore[misc]
        assert red > 200
        assert green < 80

    def test_sixteen_bits_are_scaled_not_clipped(self, tmp_path: Path) -> None:
        """A ramp over all 65,536 values of grey spans 0 to 255."""
        ramp = np.linspace(0, 65_535, 64).astype(np.uint16)[None].repeat(64, axis=0)
        for ending in ("png", "tif"):
            loaded = load_picture(saved(tmp_path / f"a.{ending}", Image.fromarray(ramp)), 64, "pad")
            np.testing.assert_allclose(loaded[0, :, 0], np.linspace(0, 255, 64), atol=2)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (np.array([[0.0, 1.0]], dtype=np.float32), (0, 255)),
            (np.array([[0.0, 200.0]], dtype=np.float32), (0, 200)),
            (np.array([[-5.0, 5.0]], dtype=np.float32), (0, 255)),
            (np.array([[np.nan, 100.0]], dtype=np.float32), (0, 100)),
            (np.array([[0, 200]], dtype=np.int32), (0, 200)),
            (np.array([[0, 65_535]], dtype=np.int32), (0, 255)),
            (np.array([[-100, 100_000]], dtype=np.int32), (0, 255)),
            (np.array([[100_000, 100_000]], dtype=np.int32), (0, 0)),
        ],
    )
    def test_float_and_wide_integers_are_scaled_by_their_range(
        self, tmp_path: Path, values: NDArray[np.generic], expected: tuple[int, int]
    ) -> None:
        """0-1 and 16-bit values are scaled, 8-bit ones kept, others stretched; what isn't a number is 0."""
        picture = read_picture(saved(tmp_path / "a.tif", Image.fromarray(values)))
        assert tuple(np.asarray(picture)[0, :, 0].tolist()) == expected

    def test_transparency_lies_on_white(self, tmp_path: Path) -> None:
        """The colour hidden behind full transparency doesn't show, in RGBA, grey with alpha, and a palette."""
        rgba = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
        grey = Image.new("LA", (8, 8), (10, 0))
        palette = Image.new("P", (8, 8), 0)
        palette.putpalette([255, 0, 0])
        paths = [
            saved(tmp_path / "a.png", rgba),
            saved(tmp_path / "b.png", grey),
            saved(tmp_path / "c.png", palette, transparency=0),
        ]
        assert (load_pictures(paths, 32, "pad") == 255).all()

    @pytest.mark.parametrize(
        ("mode", "ending"),
        [("CMYK", "jpg"), ("CMYK", "tif"), ("L", "jpg"), ("1", "png"), ("P", "gif"), ("RGB", "webp"), ("RGB", "bmp")],
    )
    def test_every_mode_becomes_rgb(self, tmp_path: Path, mode: str, ending: str) -> None:
        """White is white in each mode and format."""
        path = saved(tmp_path / f"a.{ending}", Image.new("RGB", (16, 16), "white").convert(mode))
        assert load_picture(path, 32, "pad").min() > 250

    def test_the_first_frame_counts(self, tmp_path: Path) -> None:
        """Of an animation, the first frame is the picture."""
        path = tmp_path / "a.gif"
        Image.new("RGB", (16, 16), RED).save(path, save_all=True, append_images=[Image.new("RGB", (16, 16), BLUE)])
        assert pixel(load_picture(path, 32, "pad"), 16, 16) == list(RED)

    def test_damaged_exif_doesn_t_cost_the_picture(self, tmp_path: Path) -> None:
        """A picture whose EXIF can't be read is taken as it lies."""
        path = saved(tmp_path / "a.jpg", halves(32, 32), exif=b"Exif\0\0garbage")
        assert read_picture(path).size == (32, 32)


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes whose header claims a giant."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


class TestFaults:
    """What can't be used is told."""

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "the file is empty"),
            (b"<html>not found</html>", "no picture in one of the formats JPEG"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture in one of the formats"),
            (b"\xff\xd8\xff\xe0", ""),
            (b"GIF89a", ""),
            (b"BM" + b"\0" * 60, ""),
        ],
    )
    def test_an_unreadable_file_is_named_with_the_reason(self, tmp_path: Path, content: bytes, told: str) -> None:
        """Empty files, web pages, forbidden formats and stubs give a UserError with path and reason."""
        path = tmp_path / "a.jpg"
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            load_picture(path, 32, "pad")
        assert str(path) in str(caught.value)
        assert told in str(caught.value)
        reason = picture_fault(path)
        assert reason
        assert told in reason

    @pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tif"])
    def test_a_cut_file_is_found(self, tmp_path: Path, ending: str) -> None:
        """Half a picture isn't filled up with grey: it is a fault."""
        rng = np.random.default_rng(0)
        path = saved(tmp_path / f"a.{ending}", Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)))
        assert picture_fault(path) is None
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert picture_fault(path)
        with pytest.raises(UserError):
            load_picture(path, 32, "pad")

    @pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
    def test_no_byte_error_leaves_as_another_exception(self, tmp_path: Path) -> None:
        """Whatever bytes are flipped, a picture loads or gives a UserError."""
        rng = np.random.default_rng(1)
        noise = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        for ending in ("jpg", "png", "webp", "bmp", "gif", "tif"):
            raw = saved(tmp_path / f"a.{ending}", noise).read_bytes()
            for _ in range(60):
                damaged = bytearray(raw)
                for position in rng.integers(0, min(len(raw), 400), size=3):
                    damaged[position] = rng.integers(0, 256)
                path = tmp_path / f"b.{ending}"
                path.write_bytes(damaged)
                picture_fault(path, 1_000_000)  # any other exception fails the test

    def test_the_pixel_limit_is_checked_in_the_header(self, tmp_path: Path) -> None:
        """Pixels and limit are told, and nothing is decoded: the bomb's data would be a fault of its own."""
        path = bomb(tmp_path / "a.png", 9_000, 9_000)
        assert picture_fault(path) == "81,000,000 pixels (9000 x 9000) are more than the limit of 50,000,000"
        with pytest.raises(UserError, match="81,000,000 pixels"):
            load_picture(path, 32, "pad")
        assert "limit of 99" in (picture_fault(saved(tmp_path / "b.png", halves(10, 10)), 99) or "")
        assert picture_fault(tmp_path / "b.png", 100) is None

    def test_pillow_s_own_limit_is_told_alike(self, tmp_path: Path) -> None:
        """A giant that Pillow refuses to open has the same message."""
        path = bomb(tmp_path / "a.png", 60_000, 60_000)
        assert picture_fault(path) == "3,600,000,000 pixels are more than the limit of 50,000,000"

    def test_folders_pipes_and_nothing_are_faults(self, tmp_path: Path) -> None:
        """What isn't a regular file is told, and a pipe isn't waited for."""
        os.mkfifo(tmp_path / "pipe.jpg")
        assert picture_fault(tmp_path) == "not a regular file"
        assert picture_fault(tmp_path / "pipe.jpg") == "not a regular file"
        assert picture_fault(tmp_path / "gone.jpg") == "no such file"

    def test_many_faults_are_one_error(self, tmp_path: Path) -> None:
        """Of seven bad pictures among eight, five are listed and the count is told."""
        paths = [saved(tmp_path / "good.png", halves(8, 8))]
        for number in range(7):
            paths.append(tmp_path / f"bad{number}.jpg")
            paths[-1].write_bytes(b"" if number else b"text")
        with pytest.raises(UserError) as caught:
            load_pictures(paths, 32, "pad")
        text = str(caught.value)
        assert "7 of 8" in text
        assert "bad4.jpg: the file is empty" in text
        assert "bad5" not in text
        assert "good" not in text


def test_many_pictures_keep_their_order(tmp_path: Path) -> None:
    """The rows are those of loading one by one, whatever the number of threads; no paths give no rows."""
    paths = [saved(tmp_path / f"{i}.png", Image.new("RGB", (9, 9), (i * 10, 0, 0))) for i in range(20)]
    singly = np.stack([load_picture(path, 32, "crop") for path in paths])
    for threads in (1, 3, None):
        np.testing.assert_array_equal(load_pictures(paths, 32, "crop", threads=threads), singly)
    assert load_pictures([], 32, "pad").shape == (0, 32, 32, 3)


class TestFormats:
    """What is read, and what is named."""

    def test_jfif_and_avif_are_pictures(self, tmp_path: Path) -> None:
        """By their names, and by their content, turned by what they say."""
        exif = Image.Exif()
        exif[0x0112] = 6
        names = ["a.jfif", "a.avif"]
        for name, kind in zip(names, ("JPEG", "AVIF"), strict=True):
            halves(64, 32).save(tmp_path / name, kind, exif=exif, quality=95)
            assert is_picture_name(name)
            picture = np.asarray(read_picture(tmp_path / name)).astype(int)
            assert picture.shape == (64, 32, 3)
            assert abs(picture[2:20] - RED).max() < 30

    @pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heix", b"msf1\0\0\0\0hevcmsf1"])
    def test_heic_is_named_with_its_remedy(self, tmp_path: Path, brands: bytes) -> None:
        """Whatever the file is called: the message says HEIC, and what to do."""
        for name in ("a.heic", "a.jpg", "a"):
            (tmp_path / name).write_bytes(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(200))
            fault = picture_fault(tmp_path / name) or ""
            assert "HEIC" in fault
            assert "heif-convert" in fault
            with pytest.raises(UserError, match="heif-convert"):
                load_picture(tmp_path / name, 32, "pad")

    def test_much_text_is_no_fault_and_a_flood_is(self, tmp_path: Path) -> None:
        """3 MB of text and of colour profile are read; 40 MB from a few kB are refused, in words."""
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "x" * 3_000_000, zip=True)
        profile = bytes(range(256)) * 12_000
        path = saved(tmp_path / "a.png", halves(10, 10), pnginfo=text, icc_profile=profile)
        assert picture_fault(path) is None
        text.add_text("Comment", "x" * 40_000_000, zip=True)
        flood = saved(tmp_path / "b.png", halves(10, 10), pnginfo=text)
        assert picture_fault(flood) == "its text or colour profile takes more than 32 MiB"


def test_a_large_transparent_picture_is_put_on_white_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pixels are those of doing it at once, whatever the strips, with alpha and with a palette."""
    rng = np.random.default_rng(0)
    rgba = Image.fromarray(rng.integers(0, 256, (37, 23, 4), dtype=np.uint8))
    palette = Image.fromarray(rng.integers(0, 8, (37, 23), dtype=np.uint8)).convert("P")
    paths = [
        saved(tmp_path / "a.png", rgba),
        saved(tmp_path / "b.png", palette, transparency=bytes(range(0, 240, 30))),
        saved(tmp_path / "c.png", rgba.convert("LA")),
    ]
    at_once = [np.asarray(read_picture(path)) for path in paths]
    assert at_once[1].min() > 0
    for strip in (1, 100, 23 * 36):
        monkeypatch.setattr(pictures, "STRIP", strip)
        for path, expected in zip(paths, at_once, strict=True):
            np.testing.assert_array_equal(np.asarray(read_picture(path)), expected)


def test_a_picture_loads_its_own_reader_alone(tmp_path: Path) -> None:
    """Pillow's forty others take as long as a prediction; a format that isn't loaded yet is found all the same."""
    path, other = saved(tmp_path / "a.png", halves(20, 10)), saved(tmp_path / "a.webp", halves(20, 10))
    code = (
        "import sys; from pathlib import Path; from trainables.runtime.pictures import load_picture\n"
        f"load_picture(Path({str(path)!r}), 8, 'pad'); print('PIL.PdfImagePlugin' in sys.modules)\n"
        f"print(load_picture(Path({str(other)!r}), 8, 'pad').shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "(8, 8, 3)"]
