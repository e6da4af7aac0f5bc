"""What a site needs beside the pages in ``docs/``: read by MkDocs, see ``mkdocs.yml``.

The pages of the top folder become pages of the site, README.md its first, and the page to play with
is shown inside of the one that describes it. On their own all of them are read as they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP = Path(__file__).resolve().parents[2]

FROM_TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
STYLE = "site.css"

PLAY = "play.html"
SHOWN_IN = "animate.md"
TITLE = "A page to play with"

_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the pages of the top folder, and what they look like."""
    for name, uri in FROM_TOP.items():
        text = (TOP / name).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=text))
    style = (TOP / "docs" / "tools" / STYLE).read_text(encoding="utf-8")
    files.append(File.generated(config, STYLE, content=style))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links lead where the files are on the site, and show the page to play with."""
    uri = page.file.src_uri
    markdown = _LINK.sub(lambda link: site_address(link[1]), markdown)
    if uri == SHOWN_IN:
        before, link, after = markdown.partition(f"[This is the page]({PLAY})")
        assert link, f"{uri} has no place to show {PLAY}"
        frame = f'<iframe src="{PLAY}" title="{TITLE}" width="100%" height="780"></iframe>'
        markdown = f"{before}{frame}\n\n{link}{after}"
    return markdown


def site_address(link: str) -> str:
    """Give the address on the site of what a page links to.

    >>> site_address("docs/ops.md"), site_address("../README.md"), site_address("images/a.gif")
    ('ops.md', 'index.md', 'images/a.gif')
    """
    name = link.removeprefix("docs/").removeprefix("../")
    return FROM_TOP.get(name, name)
