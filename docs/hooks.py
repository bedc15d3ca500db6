"""MkDocs hooks: the pages that are files of the repository's root, and links that leave the docs folder.

The root's files stay where a reader of the repository expects them, and are pages of the site too. Links are
written as they work in the repository; here they are turned into links of the site. A file outside the site
becomes plain text, or a link to the repository once mkdocs.yml names one.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = Path(__file__).parent.name
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
SOURCES = {page: source for source, page in PAGES.items()}

# Code comes first, so that nothing in it is taken for a link.
LINKS = re.compile(
    r"^[ ]*(?P<fence>`{3,}|~{3,}).*?^[ ]*(?P=fence)[ ]*$"
    r"|`[^`]*`"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)",
    re.MULTILINE | re.DOTALL,
)

# Strict mode counts the warnings of loggers below this name.
log = logging.getLogger("mkdocs.hooks.links")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are files of the repository's root."""
    for source, page in PAGES.items():
        present = files.get_file_from_path(page)
        if present is not None:
            files.remove(present)
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    here = page.file.src_uri

    def replace(found: re.Match[str]) -> str:
        target = found["target"]
        if target is None or re.match(r"[a-z]+:|[#/]", target, re.IGNORECASE):
            return found[0]
        linked = _site_target(target, here, config, files)
        return found["text"] if linked is None else f"{found['image']}[{found['text']}]({linked})"

    return LINKS.sub(replace, markdown)


def _site_target(target: str, here: str, config: MkDocsConfig, files: Files) -> str | None:
    """Return a link's target on the site, or None if the site has no such page."""
    path, hash_, anchor = target.partition("#")
    source = SOURCES.get(here, f"{DOCS}/{here}")
    linked = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    on_site = PAGES.get(linked, linked.removeprefix(f"{DOCS}/") if linked.startswith(f"{DOCS}/") else None)
    if on_site is not None and files.get_file_from_path(on_site):
        return posixpath.relpath(on_site, posixpath.dirname(here) or ".") + hash_ + anchor
    if not (ROOT / linked).exists():
        log.warning("%s links to %s, and there is no such file", source, target)
    return f"{config.repo_url.rstrip('/')}/blob/main/{linked}{hash_}{anchor}" if config.repo_url else None
