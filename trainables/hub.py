"""Files of a repository on the Hugging Face hub: from the local cache, else from the hub once it has answered.

The hub's own client retries for minutes where nothing answers. Here one request that isn't retried comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import huggingface_hub
from huggingface_hub import constants

T = TypeVar("T")


class Unavailable(Exception):
    """Why files can't be had, in one line; what to do instead is the caller's to say."""


def first_line(error: Exception) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def cached_file(repository: str, name: str) -> Path | None:
    """Where the local cache has a repository's file; None where it doesn't."""
    try:
        found = huggingface_hub.try_to_load_from_cache(repository, name)
    except ValueError:  # no name that a repository can have
        return None
    return Path(found) if isinstance(found, str) else None


def listed_files(repository: str) -> list[str]:
    """Names of the repository's files, by one request: it shows as well that the hub is there. Raises Unavailable."""
    wait = constants.HF_HUB_ETAG_TIMEOUT
    siblings = _asked(repository, lambda: huggingface_hub.HfApi().model_info(repository, timeout=wait).siblings)
    return sorted(sibling.rfilename for sibling in siblings or ())


def fetched_file(repository: str, name: str) -> Path:
    """The repository's file, in the local cache now. Raises Unavailable."""
    return Path(_asked(repository, lambda: huggingface_hub.hf_hub_download(repository, name)))


def _asked(repository: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except huggingface_hub.errors.GatedRepoError as error:
        raise Unavailable(f"the hub gives {repository} only to those who accepted its terms and logged in") from error
    except huggingface_hub.errors.RepositoryNotFoundError as error:
        raise Unavailable(f"the hub has no repository {repository}, or it is private") from error
    except huggingface_hub.errors.OfflineModeIsEnabled as error:
        raise Unavailable("it isn't in the local cache, and HF_HUB_OFFLINE is set") from error
    except Exception as error:  # the hub's client raises errors of several libraries
        raise Unavailable(
            f"the hub {constants.ENDPOINT} can't be used: {type(error).__name__}: {first_line(error)}"
        ) from error
