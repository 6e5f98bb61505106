"""A bundle's trained models: one kind takes pictures, the other texts; each is a network, or networks and a head."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .captions import CaptionRows, TextItem, captions_of, flattened
from .errors import UserError
from .heads import Features, Head
from .networks import Network, Tokens
from .ngrams import NGrams
from .pictures import load_picture
from .tensors import read_tensors
from .texts import is_blank

Kind = Literal["pictures", "captions"]  # of a model's items: a picture's path; a text, or several of one sample
PICTURES: Kind = "pictures"
CAPTIONS: Kind = "captions"
PIXELS = 250_000  # of pictures, scaled, that a network takes at a time: 4 of 224 px, with a few 100 MB of memory
Logits = NDArray[np.float32]  # (N, C)


class Member(Protocol):
    """A trained model of a bundle."""

    def logits(self, items: Sequence[Any]) -> Logits:
        """(N, C) of items. UserError where one can't be read."""


def load_member(bundle: Bundle, about: Mapping[str, Any], threads: int) -> Member:
    """The member that `about`, its part of `bundle.json`, tells of. UserError where a file isn't what was exported."""
    kinds: dict[str, Callable[..., Member]] = {PICTURES: PictureMember, CAPTIONS: CaptionMember}
    files = partial(_file, bundle, about["folder"])
    networks = [Network(files(name), threads) for name in about["networks"]]
    head = None
    if about["head"] is not None:
        settings = bundle.json(f"{about['folder']}/{about['head']['settings']}")
        head = Head(settings["family"], settings["settings"], read_tensors(files(about["head"]["tensors"])))
    return kinds[about["input"]["kind"]](about["input"], networks, head, files)


def _file(bundle: Bundle, folder: str, name: str) -> Path:
    return bundle.file(f"{folder}/{name}")


class PictureMember:
    """Takes pictures' paths: decodes each as it was decoded in training."""

    def __init__(
        self, about: Mapping[str, Any], networks: Sequence[Network], head: Head | None, files: Callable[[str], Path]
    ) -> None:
        self._size, self._fit, self._pixel_limit = about["size"], about["fit"], about["pixel_limit"]
        self._networks, self._head = networks, head

    def logits(self, items: Sequence[Path]) -> Logits:
        """(N, C) of pictures, few of them in memory at a time. UserError with the first that can't be read."""
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            most = max(1, PIXELS // self._size**2)
            chunks = (items[start : start + most] for start in range(0, len(items), most))
            return np.concatenate([self._of(np.stack(list(pool.map(self._decoded, chunk)))) for chunk in chunks])

    def _decoded(self, path: Path) -> NDArray[np.uint8]:
        return load_picture(Path(path), self._size, self._fit, self._pixel_limit)

    def _of(self, pixels: NDArray[np.uint8]) -> Logits:
        scaled = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
        found = tuple(network(scaled) for network in self._networks)
        return found[0] if self._head is None else self._head.logits(Features(found))


class CaptionMember:
    """Takes texts; of several captions of a sample it takes the mean."""

    def __init__(
        self, about: Mapping[str, Any], networks: Sequence[Network], head: Head | None, files: Callable[[str], Path]
    ) -> None:
        self._networks, self._head = networks, head
        self._tokens, self._ngrams = None, None
        if networks:
            self._tokens = Tokens(
                files("tokenizer.json"),
                cleaning=about["cleaning"],
                max_length=about["max_length"],
                pad_id=about["pad_id"],
            )
        if about["ngrams"]:
            self._ngrams = NGrams.read(files(about["ngrams"]))

    def logits(self, items: Sequence[TextItem]) -> Logits:
        """(N, C) of texts. UserError where there is nothing to read in one."""
        for item in items:
            if is_blank(captions_of(item)):
                raise UserError(f"The text must have something to read, but got {item!r}. Give its words, or none.")
        captions, rows = flattened(items), CaptionRows.of(items)
        found: tuple[Logits, ...] = ()
        if self._tokens is not None:
            tokens = self._tokens
            found = tuple(rows.mean(tokens.through(network, captions)) for network in self._networks)
        if self._head is None:
            return found[0]
        return self._head.logits(Features(found, None if self._ngrams is None else self._ngrams.rows(items)))
