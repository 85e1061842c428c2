"""The command on allocations as a user meets it: what it prints, exit codes and pictures."""

import functools
import sys

import pandas as pd
import pytest
from allocation_files import FILES, hand_job
from job_files import make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_allocate
from jaxmargin.report import plot_allocation

LITTLE = {"inventory": "asset,quantity,cost,lot\nUSDC,5000,0.05,\n"}


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, "allocate")


def test_the_demo_saves_against_cheapest_first_in_80_columns(command, tmp_path):
    job, out = make_job(tmp_path), tmp_path / "out"
    code, output, errors = command(job, "--out", out)
    assert code == 0, errors
    lines = output.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Results in"))
    assert "Saves " in output and "Certificate: primal residual" in output
    assert "Funding cost of margin by position" in output and "short by" not in output
    for suffix, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert (out / f"allocation.{suffix}").read_bytes().startswith(start)
    assert "allocation.png, allocation.svg" in lines[-1]


def test_a_shortfall_ends_with_code_3_and_says_why_with_names_as_they_are(command, tmp_path):
    name = "[red]X[/red]:" + " long" * 10
    job, out = hand_job(tmp_path, LITTLE, coins={name: 1.0}), tmp_path / "out"
    code, output, errors = command(job, "--out", out)
    assert code == 3, errors
    said = " ".join(output.split())
    assert f"short by 7,000.00 USD at account {name}: all that it takes is worth 5,000.00" in said
    assert "all of USDC is used; one unit more would cover 1." in said
    assert pd.read_parquet(out / "coverage.parquet")["shortfall"].tolist() == [7000.0]
    assert (out / "allocation.png").exists() and (out / "allocation.json").exists()


def test_bad_tables_end_with_code_2_and_nothing_written(command, tmp_path):
    wrong = {"schedule": FILES["schedule"].replace("USDC,,0,", "USDC,,2,")}
    job = hand_job(tmp_path, wrong, coins={"X": 1.0})
    code, _, errors = command(job, "--out", tmp_path / "out")
    assert code == 2 and errors.strip().startswith("error: schedule.csv, column haircut")
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_it_says_what_to_install(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    job, out = hand_job(tmp_path, {}, coins={"X": 1.0}), tmp_path / "out"
    code, output, errors = command(job, "--out", out)
    assert code == 0, errors
    assert "warning: Pictures need matplotlib. Install it with" in output
    assert not (out / "allocation.png").exists() and (out / "coverage.parquet").exists()
    found = run_allocate(job, out)
    with pytest.raises(InvalidInputError, match="pip install"):
        plot_allocation(found.allocation, found.coverage, found.assets, title="t", currency="USD")


def test_the_picture_shows_every_account_or_counts_the_others(tmp_path):
    coins = {f"A{i:02d}": 1.0 + i for i in range(23)}
    some = {"inventory": "asset,quantity,cost,lot\nUSDC,9e6,0.05,\nBTC,9,0.01,\n"}
    found = run_allocate(hand_job(tmp_path, some, coins=coins), tmp_path / "out")
    figure = plot_allocation(
        found.allocation, found.coverage, found.assets, title="$who$", currency="USD"
    )
    bars, used = figure.axes
    assert "3 accounts more are not shown" in bars.get_title()
    assert bars.get_yticklabels()[0].get_text() == "A22 · V"  # the largest requirement, on top
    widths = sum(patch.get_width() for patch in bars.patches)  # in thousands
    shown = found.coverage.nlargest(20, "requirement")["requirement"].sum()
    assert widths * 1e3 == pytest.approx(shown, rel=1e-5)
    assert used.texts[0].get_text().endswith("%")
