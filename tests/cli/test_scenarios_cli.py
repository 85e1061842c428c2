"""The commands on scenarios, as a user types them."""

import functools
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


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, "scenarios")


def test_the_library_and_the_kinds_are_listed(command):
    code, output, errors = command("list")
    assert code == 0, errors
    for day in ("2020-03-12", "2021-05-19", "2022-05", "2022-11", "2023-03-11", "2024-08-05",
                "2025-10-10", "2026-02-05"):  # fmt: skip
        assert day in output
    assert "venue-failure" in output and "filtered-historical" in output


def test_a_stress_is_shown_with_its_sources_and_what_is_assumed(command):
    code, output, errors = command("show", "2020-03-12-covid")
    assert code == 0, errors
    assert "BTC -0.372" in output and "Source: spot: Yahoo Finance" in output
    assert "Assumed, without a source: volatility" in output
    code, _, errors = command("show", "2020-03-12-covit")
    assert code == 2 and "did you mean '2020-03-12-covid'?" in errors


def test_a_job_is_shown_plotted_and_exported(job, command):
    code, output, errors = command("show", job)
    assert code == 0, errors
    assert "729 scenarios, historical" in output and "spot BTC" in output
    picture, table = job.parent / "new" / "moves.png", job.parent / "new" / "moves.parquet"
    assert command("plot", job, "--out", picture)[0] == 0
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 20_000
    code, output, _ = command("export", job, "--out", table)
    assert code == 0 and 'kind = "file"' in output
    written = pd.read_parquet(table)
    closes = pd.read_parquet(job.parent / "history.parquet")
    btc = closes[closes["asset"] == "BTC"].sort_values("time")["close"].to_numpy()
    np.testing.assert_allclose(written["spot BTC"], btc[2:] / btc[:-2] - 1.0, rtol=1e-9, atol=1e-14)


def test_the_worst_scenario_of_an_account_is_printed(job, command):
    code, output, errors = command("reverse", job, "--account", "A000003", "--radius", "2")
    assert code == 0, errors
    assert "A000003 loses" in output and "search: converged" in output


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
def test_wrong_input_ends_with_code_2_and_one_line(job, command, arguments, part):
    code, output, errors = command(*(job if a == "JOB" else a for a in arguments))
    assert code == 2 and output == ""
    assert part in errors and errors.count("\n") == 1


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


def test_a_stress_file_of_ones_own_is_shown_and_used(job, command, tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text(
        'name = "mine"\ntitle = "A fall of my own"\nkind = "hypothetical"\ndays = 1\n'
        'description = "Everything falls."\ndefault_beta = 1.5\n[[source]]\nfigure = "spot"\n'
        'origin = "chosen"\n[spot]\nBTC = -0.2\n'
    )
    code, output, errors = command("show", own)
    assert code == 0, errors
    assert "A fall of my own" in output and "BTC -0.2" in output
    other = make_job(tmp_path / "job")
    text = other.read_text()
    start, end = text.index("[scenarios]"), text.index("[rulebook]")
    other.write_text(
        text[:start] + f'[scenarios]\nkind = "stress"\nfiles = ["{own}"]\n\n' + text[end:]
    )
    code, output, errors = command("show", other)
    assert code == 0, errors
    eth = np.expm1(1.5 * np.log(0.8))
    assert f"{eth:+.4f}" in output and "1 scenarios, stress" in output
    edit_text(other, "files = ", "file = ")
    assert "did you mean 'files'?" in command("show", other)[2]
