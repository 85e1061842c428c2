"""Pages that are made when the site is built, from the code and the data they describe."""

import ast
import re
from pathlib import Path
from typing import Any

from api_pages import PACKAGES, api_pages, check_rows
from cli_page import cli_pages
from data_pages import data_pages
from job_page import job_pages
from measured_pages import measured_pages
from mkdocs.structure.files import File, Files

__all__ = ["REPOSITORY", "on_config", "on_files", "on_page_markdown"]

REPOSITORY = Path(__file__).resolve().parents[2]
_LANGUAGES = {".py": "python", ".sh": "sh", ".yaml": "yaml"}


def on_config(config: Any, **_: Any) -> Any:
    """List the packages in the navigation."""
    for section in config.nav:
        if "Python" in section:
            section["Python"] += [{package: f"api/{package}.md"} for package in PACKAGES]
    return config


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the generated pages, and those that are files of the repository."""
    pages = {
        **api_pages(REPOSITORY / "jaxmargin"),
        **cli_pages(),
        **job_pages(),
        **data_pages(REPOSITORY / "scenarios"),
        **measured_pages(REPOSITORY),
    }
    for path in ("CHANGELOG.md", "CONTRIBUTING.md"):
        pages[path.lower()] = (REPOSITORY / path).read_text()
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put in what pages leave a place for: programs, the lists of checks and of examples.

    Pages that explain come first in a search, before those of the reference.
    """
    if page.file.src_uri.startswith(("concepts/", "howto/")):
        page.meta.setdefault("search", {"boost": 3})
    if "<!-- README -->" in markdown:
        readme = (REPOSITORY / "README.md").read_text()
        (code,) = re.findall(r"```python\n.*?```", readme, flags=re.DOTALL)
        markdown = markdown.replace("<!-- README -->", code)
    markdown = re.sub(r"<!-- FILE (\S+) -->", _program, markdown)
    if "<!-- CHECKS -->" in markdown:
        rows = check_rows(REPOSITORY / "jaxmargin/checks")
        table = "\n".join(["| check | asks whether | function |", "|---|---|---|", *rows])
        markdown = markdown.replace("<!-- CHECKS -->", table)
    return markdown.replace("<!-- EXAMPLES -->", _examples())


def _examples() -> str:
    """A table of the examples: the first line of each."""
    rows = ["| program | what it does |", "|---|---|"]
    for path in sorted((REPOSITORY / "examples").glob("*.py")):
        said = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
        rows.append(f"| `examples/{path.name}` | {said} |")
    return "\n".join(rows)


def _program(place: re.Match[str]) -> str:
    path = REPOSITORY / place[1]
    return f"```{_LANGUAGES[path.suffix]}\n{path.read_text()}```"
