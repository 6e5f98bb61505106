"""Links from the pages to files of the repository, which work on GitHub as they are.

On the site a link to a module leads to its page of the API, one to a picture to a copy, one to any other file to a page
with its content. A link to a file that isn't there is a warning, and with `--strict` the end of the build; those of
README.md, CONTRIBUTING.md and SECURITY.md are looked at too.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[3]
DOCS = ".github/docs/"
PACKAGES = ("search", "trainables", "analysis")
COPIES = "repository/"  # where copies of the repository's files lie on the site
CHECKED = ("README.md", "CONTRIBUTING.md", ".github/SECURITY.md")
LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
LANGUAGES = {".yaml": "yaml", ".toml": "toml", ".sh": "sh", "Makefile": "make"}
log = logging.getLogger("mkdocs.hooks.repository")

_source_of: dict[str, str] = {}  # a page of the site -> the repository's file that it is made of


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a copy of each file that a page, or a copy, links to."""
    waiting = [*CHECKED, *(DOCS + file.src_uri for file in files.documentation_pages() if file.generated_by is None)]
    seen: set[str] = set()
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        _source_of[_uri(source)] = source
        if not source.startswith(DOCS):
            files.append(_copy(source, config))
        if source.endswith(".md"):
            waiting += [found for found in _linked(source) if not (found.startswith(DOCS) or _is_module(found))]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave the pages' folder to what the site has in the place of each file."""
    own = page.file.src_uri
    if own not in _source_of:
        return markdown

    def replaced(match: re.Match[str]) -> str:
        found = _repository_path(_source_of[own], match["target"])
        if found is None:
            return match[0]
        return posixpath.relpath(_uri(found), posixpath.dirname(own)) + (match["anchor"] or "")

    return LINK.sub(replaced, markdown)


def _linked(source: str) -> Iterator[str]:
    """The repository's files that a Markdown file links to; a warning for each that isn't there."""
    for match in LINK.finditer((ROOT / source).read_text("utf-8")):
        found = _repository_path(source, match["target"])
        if found is None:
            continue
        if (ROOT / found).exists():
            yield found
        else:
            log.warning("%s links to %s, which isn't there.", source, found)


def _repository_path(source: str, target: str) -> str | None:
    """A link's target, relative to the repository's root; None for addresses."""
    if re.match(r"[a-z]+:", target):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _is_module(path: str) -> bool:
    """Whether it is a module or a package, which have pages of the API."""
    return Path(path).parts[0] in PACKAGES and (path.endswith(".py") or (ROOT / path / "__init__.py").is_file())


def _uri(path: str) -> str:
    """The site's source of a repository's file or folder."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    if _is_module(path):
        return f"api/{path.removesuffix('.py')}.md" if path.endswith(".py") else f"api/{path}/index.md"
    visible = path.lstrip(".")  # MkDocs leaves out what begins with a dot
    return f"{COPIES}{visible}" if path.endswith((".png", ".md")) else f"{COPIES}{visible}.md"


def _copy(path: str, config: MkDocsConfig) -> File:
    """A picture, a Markdown page, or a page that shows a file or lists a folder."""
    place = ROOT / path
    if path.endswith(".png"):
        return File.generated(config, _uri(path), content=place.read_bytes())
    content = _listing(place) if place.is_dir() else place.read_text("utf-8")
    if not path.endswith(".md"):
        language = next((name for ending, name in LANGUAGES.items() if path.endswith(ending)), "text")
        content = f"# {path}\n\n````{language}\n{content}\n````\n"
    return File.generated(config, _uri(path), content=content, inclusion=InclusionLevel.NOT_IN_NAV)


def _listing(folder: Path) -> str:
    return "\n".join(sorted(f"{one.name}{'/' if one.is_dir() else ''}" for one in folder.iterdir()))
