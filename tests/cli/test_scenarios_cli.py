"""The commands on scenarios, as a user types them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from job_files import edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.report import plot_scenarios


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("job"))


def jaxmargin(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "jaxmargin", "scenarios", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_library_and_the_kinds_are_listed():
    result = jaxmargin("list")
    assert result.returncode == 0, result.stderr
    for day in ("2020-03-12", "2021-05-19", "2022-05", "2022-11", "2023-03-11", "2024-08-05",
                "2025-10-10", "2026-02-05"):  # fmt: skip
        assert day in result.stdout
    assert "venue-failure" in result.stdout and "filtered-historical" in result.stdout


def test_a_stress_is_shown_with_its_sources_and_what_is_assumed():
    result = jaxmargin("show", "2020-03-12-covid")
    assert result.returncode == 0, result.stderr
    assert "BTC -0.372" in result.stdout and "Source: spot: Yahoo Finance" in result.stdout
    assert "Assumed, without a source: volatility" in result.stdout
    unknown = jaxmargin("show", "2020-03-12-covit")
    assert unknown.returncode == 2 and "did you mean '2020-03-12-covid'?" in unknown.stderr


def test_a_job_is_shown_plotted_and_exported(job):
    shown = jaxmargin("show", job)
    assert shown.returncode == 0, shown.stderr
    assert "729 scenarios, historical" in shown.stdout and "spot BTC" in shown.stdout
    picture, table = job.parent / "new" / "moves.png", job.parent / "new" / "moves.parquet"
    assert jaxmargin("plot", job, "--out", picture).returncode == 0
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 20_000
    exported = jaxmargin("export", job, "--out", table)
    assert exported.returncode == 0 and 'kind = "file"' in exported.stdout
    written = pd.read_parquet(table)
    closes = pd.read_parquet(job.parent / "history.parquet")
    btc = closes[closes["asset"] == "BTC"].sort_values("time")["close"].to_numpy()
    np.testing.assert_allclose(written["spot BTC"], btc[2:] / btc[:-2] - 1.0, rtol=1e-9, atol=1e-14)


def test_the_worst_scenario_of_an_account_is_printed(job):
    result = jaxmargin("reverse", job, "--account", "A000003", "--radius", "2")
    assert result.returncode == 0, result.stderr
    assert "A000003 loses" in result.stdout and "search: converged" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("plot", "JOB", "--out", "moves.txt"), "give a file that ends in .png or .svg"),
        (("export", "JOB", "--out", "moves.csv"), "give a file that ends in .parquet"),
        (("show", "nowhere.toml"), "nowhere.toml: no such file"),
        (("reverse", "JOB", "--account", "A000003"), "Give either --radius"),
        (("reverse", "JOB", "--account", "A9", "--loss", "1"), "no account 'A9'"),
    ],
)
def test_wrong_input_ends_with_code_2_and_one_line(job, arguments, part):
    result = jaxmargin(*(job if a == "JOB" else a for a in arguments))
    assert result.returncode == 2 and result.stdout == ""
    assert part in result.stderr and result.stderr.count("\n") == 1


def test_pictures_show_few_scenarios_one_by_one_and_many_by_their_spread(job):
    random = np.random.default_rng(1)

    def table(count):
        moves = random.normal(0.0, 0.05, (count, 2))
        names = [f"s{i}" for i in range(count)]
        return pd.DataFrame(
            {"scenario": names, "weight": 1.0, "days": 1.0, "spot BTC": moves[:, 0],
             "spot ETH": moves[:, 1], "spot USD": 0.0}
        )  # fmt: skip

    few = plot_scenarios(table(5), title="five").axes
    assert len(few) == 1 and [t.get_text() for t in few[0].get_yticklabels()] == [
        "s0", "s1", "s2", "s3", "s4",
    ]  # fmt: skip
    many = table(2000)
    left, right = plot_scenarios(many, title="many").axes
    assert [t.get_text() for t in left.get_yticklabels()] == ["BTC", "ETH"]  # USD stands still
    line = left.lines[0].get_xdata()
    np.testing.assert_allclose(line, 100.0 * many["spot BTC"].quantile([0.01, 0.99]), rtol=0.02)
    np.testing.assert_allclose(
        right.collections[0].get_offsets(), 100.0 * many[["spot BTC", "spot ETH"]], rtol=1e-12
    )


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InvalidInputError, match=r"pip install 'jaxmargin\[report\]'"):
        plot_scenarios(pd.DataFrame(), title="")


def test_a_stress_file_of_ones_own_is_shown_and_used(job, tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text(
        'name = "mine"\ntitle = "A fall of my own"\nkind = "hypothetical"\ndays = 1\n'
        'description = "Everything falls."\ndefault_beta = 1.5\n[[source]]\nfigure = "spot"\n'
        'origin = "chosen"\n[spot]\nBTC = -0.2\n'
    )
    shown = jaxmargin("show", own)
    assert shown.returncode == 0, shown.stderr
    assert "A fall of my own" in shown.stdout and "BTC -0.2" in shown.stdout
    other = make_job(tmp_path / "job")
    text = other.read_text()
    start, end = text.index("[scenarios]"), text.index("[rulebook]")
    other.write_text(
        text[:start] + f'[scenarios]\nkind = "stress"\nfiles = ["{own}"]\n\n' + text[end:]
    )
    result = jaxmargin("show", other)
    assert result.returncode == 0, result.stderr
    eth = np.expm1(1.5 * np.log(0.8))
    assert f"{eth:+.4f}" in result.stdout and "1 scenarios, stress" in result.stdout
    edit_text(other, "files = ", "file = ")
    assert "did you mean 'files'?" in jaxmargin("show", other).stderr
