"""A page that shows results of commands, written to one file."""

from collections.abc import Sequence
from pathlib import Path

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import Problems, make_folder, written_whole
from jaxmargin.jobs._result_folders import read_results

__all__ = ["write_report"]


def write_report(folders: Sequence[Path], out: Path, *, title: str = "") -> int:
    """Write one HTML file about results, for people; bytes written.

    It shows what commands wrote, and computes nothing anew but sums, shares, quantiles and the
    intervals of breaches. The same results make the same bytes.

    Args:
        folders: of results: of margin or run, sensitivities, allocate, backtest, checks, stress,
            compare; see `read_results`.
        out: file to write; one that is there is replaced.
        title: heading of the page; that of the job if empty.

    Raises:
        InvalidInputError: with every problem of the folders, or matplotlib or jinja2 is missing.
        OSError: the file cannot be written; one that was there stays.
    """
    require(len(folders) > 0, "No folder of results is given. Name at least one.")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InvalidInputError(f"--out {out}: a report is HTML. Give a name that ends in .html.")
    require(not out.is_dir(), f"{out} is a folder. Give another --out.")
    from jaxmargin.report import render_page

    problems = Problems()
    results = read_results(folders, problems)
    problems.raise_if_any()
    page = render_page(results, title=title).encode()
    make_folder(out.resolve().parent)
    with written_whole(out) as file:
        file.write(page)
    return len(page)
