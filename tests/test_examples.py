"""Every numbered example runs; what needs data that is not there is skipped by name."""

import runpy
import shutil
from pathlib import Path

import pytest
from reference import reference

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))


def run(path, tmp_path, monkeypatch):
    if "JAXMARGIN_REFERENCE_DATA" in path.read_text():
        chain = reference("data/deribit_option_chains_daily.parquet")
        monkeypatch.setenv("JAXMARGIN_REFERENCE_DATA", str(chain.parents[1]))
    monkeypatch.setenv("JAXMARGIN_EXAMPLE_OUT", str(tmp_path))
    runpy.run_path(str(path))


# the others are run by tests of what they show, which check their numbers too
@pytest.mark.parametrize("path", EXAMPLES[1:3], ids=lambda path: path.stem)
def test_an_example_runs_and_prints(path, tmp_path, monkeypatch, capsys):
    run(path, tmp_path, monkeypatch)
    assert capsys.readouterr().out.strip()
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_fewer_than_80_lines_and_cells(path):
    text = path.read_text()
    assert len(text.splitlines()) < 80 and text.count("# %%") >= 2


def test_the_power_perpetual_loses_what_its_square_says(capsys):
    """Short 10 of (2,501^2 / 10,000), price up 20 %: 10 x 625.5001 x (1.44 - 1)."""
    runpy.run_path(str(EXAMPLES[1]))
    printed = capsys.readouterr().out
    assert f"{10 * 2_501.0**2 / 10_000 * 0.44:,.2f} unhedged" in printed
