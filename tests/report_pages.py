"""Pages of results as tests read them: tables, tiles and text."""

from html.parser import HTMLParser

from jaxmargin.io import Problems
from jaxmargin.jobs import write_report
from jaxmargin.jobs._result_folders import read_results

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Tables by caption, tiles by label, text, attributes; and whether tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.tables, self.tiles = [], [], {}, {}
        self.caption, self.label, self.text, self.inside = "", "", [], ""
        self.feed(text)
        self.close()
        assert self.tags == []

    def handle_startendtag(self, tag, attributes):
        self.attributes += attributes

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        if tag not in VOID:
            self.tags.append(tag)
        self.inside, self.cell, self.title = tag, "", dict(attributes).get("title", "")
        if tag == "tr" and self.caption:
            self.tables.setdefault(self.caption, []).append([])

    def handle_endtag(self, tag):
        assert self.tags.pop() == tag
        if tag == "summary":
            self.caption = self.cell
        elif tag == "dt":
            self.label = self.cell
        elif tag == "dd" and self.label not in self.tiles:
            self.tiles[self.label] = (self.cell, self.title)
        elif tag in ("td", "th"):
            self.tables[self.caption][-1].append(self.cell)

    def handle_data(self, data):
        self.text.append(data)
        self.cell = data if self.inside != "" else ""


def page_of(folders, tmp_path, **settings):
    out = tmp_path / "out" / "report.html"
    write_report(folders, out, **settings)
    return Page(out.read_text(encoding="utf-8"))


def shown(folder, kind, tmp_path):
    """The page of a folder that a command wrote, of which a report reads the results."""
    problems = Problems()
    found = read_results([folder], problems)
    assert problems.found == [] and [each.kind for each in found] == [kind]
    return page_of([folder], tmp_path)


def numbers(rows, column):
    return [float(row[column].replace(",", "").lstrip("± ")) for row in rows[1:]]


def said(page):
    return " ".join(" ".join(page.text).split())
