# ruff: noqa: RUF001
"""The documentation site: it builds without network, is complete, and its programs run."""

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from reference import oracle
from typer.main import get_command

import jaxmargin
from jaxmargin.cli._app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_ON_A_PAGE = {"cli"}  # its commands have a page of their own
LOADED = {"src", "href", "data", "poster", "srcset", "xlink:href"}
LINKED = {"a", "area"}
NOT_LOADED = {"canonical", "next", "prev"}  # of <link>
HOWTO = sorted((DOCS / "pages/howto").glob("*.md"))
RUNNABLE = re.compile(r"<!-- runnable -->\n```python\n(.*?)```", re.DOTALL)


class Page(HTMLParser):
    """What one page of the site has: anchors, links, what a browser loads, and its formulas."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.add(values.get("id"))
        if tag in LINKED:
            self.links.append(values.get("href"))
        elif not (tag == "link" and values.get("rel") in NOT_LOADED):
            self.loaded += [values[name] for name in LOADED & set(values)]
        if "style" in values:
            self.loaded += re.findall(r"url\(([^)]*)\)", values["style"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, by path; proxies lead nowhere, so that nothing can be fetched."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason="the documentation needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"),
        "http://127.0.0.1:9",
    )
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-f",
            DOCS / "mkdocs.yml",
            "-d",
            folder,
        ],
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return {path.relative_to(folder).as_posix(): Page(path) for path in folder.rglob("*.html")} | {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.css")
    }


@pytest.fixture(scope="module")
def pages(site):
    return {name: page for name, page in site.items() if isinstance(page, Page)}


def test_a_browser_loads_nothing_from_elsewhere(site, pages):
    loaded = {(name, address) for name, page in pages.items() for address in page.loaded}
    for name, text in site.items():
        if isinstance(text, str):
            loaded |= {(name, address) for address in re.findall(r"url\(([^)]*)\)", text)}
            assert "@import" not in text, name
    outside = {(name, to) for name, to in loaded if re.match(r"[\"']?(?!data:)(\w+:|//)", to or "")}
    assert len(loaded) > len(pages) and outside == set()


def test_links_within_the_site_lead_somewhere(pages):
    broken, followed = set(), 0
    for name, page in pages.items():
        for link in page.links:
            to = urlsplit(link or "")
            if to.scheme or to.netloc or name == "404.html":
                continue
            path = os.path.normpath(Path(name).parent / unquote(to.path)) if to.path else name
            target = pages.get("index.html" if path == "." else path)
            followed += 1
            if target is None or (to.fragment and unquote(to.fragment) not in target.anchors):
                broken.add((name, link))
    assert followed > 1000 and broken == set()


def public_names():
    """Names that packages offer, as their modules have them once imported."""
    found = defaultdict(set)
    for info in pkgutil.walk_packages(jaxmargin.__path__, "jaxmargin."):
        package = info.name.removeprefix("jaxmargin.")
        private = any(part.startswith("_") for part in package.split("."))
        if private or not info.ispkg or package.split(".")[0] in NOT_ON_A_PAGE:
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if not name.startswith("_") and not isinstance(value, type(pkgutil)):
                found[package].add(f"{info.name}.{name}")
    return found


def test_every_public_name_of_every_package_has_an_entry(pages):
    names = public_names()
    assert len(names) > 20
    missing = {
        name
        for package, each in names.items()
        for name in each
        if f"api/{package}.html" not in pages or name not in pages[f"api/{package}.html"].anchors
    }
    assert missing == set()


def test_every_command_has_a_section(pages):
    def walk(name, command):
        inner = getattr(command, "commands", None)
        if inner is None:
            return [name]
        return [each for word in inner for each in walk(f"{name} {word}".strip(), inner[word])]

    commands = walk("", get_command(app))
    assert len(commands) > 15 and {"margin", "import deribit"} <= set(commands)
    sections = {name.replace(" ", "-") for name in commands}
    assert sections - pages["cli.html"].anchors == set()


@pytest.mark.parametrize("folder", ["rulebooks", "stress", "frameworks", "safeguards"])
def test_every_file_of_settings_has_a_section(pages, folder):
    page = {"stress": "stresses"}.get(folder, folder)
    files = {path.stem for path in (ROOT / "scenarios" / folder).glob("*.toml")}
    assert files and files - pages[f"{page}.html"].anchors == set()


def test_all_formulas_are_shown_and_none_is_left_as_text(pages):
    formulas = 0
    for name, page in pages.items():
        assert "arithmatex" not in page.text, name
        for formula in re.findall(r"<math\b.*?</math>", page.text, flags=re.DOTALL):
            ElementTree.fromstring(formula.replace("&nbsp;", "\N{NO-BREAK SPACE}"))
            formulas += 1
    assert formulas > 500


def test_a_formula_becomes_what_it_says():
    sys.path.insert(0, str(DOCS / "hooks"))
    try:
        pytest.importorskip("mkdocs", reason="the documentation needs the extra docs")
        mathml = importlib.import_module("formulas").mathml
    finally:
        sys.path.remove(str(DOCS / "hooks"))
    text = {
        r"\frac12 \sqrt{x}": ("mfrac", "12x"),
        r"\text{P\&L} \ge -\alpha": ("mtext", "P&L≥−α"),
        r"(V' - V)^+": ("msup", "(V′−V)+"),
    }
    for latex, (tag, shown) in text.items():
        tree = ElementTree.fromstring(mathml(latex, display=True))
        assert "".join(tree.itertext()) == shown
        assert [each for each in tree.iter() if each.tag.endswith(f"}}{tag}")]
    for wrong in (r"\nonsense", "{x", "x_"):
        with pytest.raises((ValueError, IndexError)):
            mathml(wrong, display=False)


@pytest.mark.parametrize(
    "path", [path for path in HOWTO if RUNNABLE.search(path.read_text())], ids=lambda p: p.stem
)
def test_the_programs_of_a_page_run(path, capsys):
    exec(compile("\n".join(RUNNABLE.findall(path.read_text())), str(path), "exec"), {})
    assert capsys.readouterr().out.strip()


def test_three_pages_have_programs_that_are_run():
    assert sum(bool(RUNNABLE.search(path.read_text())) for path in HOWTO) == 3


RECORDED = json.loads((DOCS / "conformance.json").read_text())["files"]


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["file"])
def test_the_page_of_conformance_counts_the_cases_that_there_are(row):
    cases = oracle(f"margin/{row['file']}.json")["cases"]
    valid = [case for case in cases if case.get("valid", True)]
    assert (row["cases"], row["skipped"]) == (len(valid), len(cases) - len(valid))
    assert row["passed"] == row["cases"]


FAULTS = [
    row.split("|")
    for row in (DOCS / "pages/faults.md").read_text().splitlines()
    if row.startswith("|") and "`tests/" in row
]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[1].strip())
def test_every_test_that_the_table_of_faults_names_is_there(row):
    file = None
    for word in re.findall(r"`([^`]+)`", row[-2]):
        if "/" in word:
            file = DOCS.parent / word
            assert file.is_file(), word
            continue
        assert file is not None, word
        end = "" if word.endswith("…") else r"\("
        assert re.search(rf"^def test_{word.rstrip('…')}{end}", file.read_text(), re.M), word
