"""The page of results: its numbers are those of the tables, and what is missing is said."""

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import Page, numbers, page_of, said
from result_folders import (
    allocation_folder,
    backtest_folder,
    change,
    checks_folder,
    every_folder,
    margin_folder,
)

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import sha256
from jaxmargin.jobs import write_report

NAMES = ["alpha", "beta", "gamma", "delta"]


def test_numbers_of_the_page_are_those_of_the_tables(tmp_path):
    """Margins 100 to 400, errors of a tenth: 1,000 in all with at most 100; equity is 250."""
    page = page_of(every_folder(tmp_path, NAMES, "plain"), tmp_path)
    assert page.tiles["Initial margin"] == ("1,000 USD", "1,000.00 USD")
    assert "standard error at most 100 USD" in said(page)
    largest = page.tables["Largest accounts"]
    assert [row[0] for row in largest[1:]] == NAMES[::-1]
    assert numbers(largest, 1) == [400.0, 300.0, 200.0, 100.0]
    assert numbers(largest, 2) == [40.0, 30.0, 20.0, 10.0]
    assert [row[3] for row in largest[1:]] == ["40.00%", "30.00%", "20.00%", "10.00%"]
    parts = page.tables["All accounts together"]
    assert [row[:2] for row in parts[1:]] == [
        ["expected shortfall", "750.00"], ["add on", "250.00"], ["all", "1,000.00"]
    ]  # fmt: skip
    assert page.tables["Scenarios"][1] == ["plain", "4", "1,000.00", "100.00%"]
    assert page.tiles["Accounts covered"][0] == "2"  # 250 against 100, 200, 300 (80 %: 240), 400
    assert page.tiles["Accounts below initial margin"][0] == "1"
    assert page.tiles["Accounts below maintenance margin"][0] == "1"
    assert [row[1] for row in page.tables["Accounts that lack most"][1:]] == ["150.00", "50.00"]
    assert page.tables["Before and after"][1][1:] == ["9,000.50", "6,000.25", "5,000.00"]
    assert page.tiles["Saved a year"] == ("1,000 USD", "1,000.25 USD")
    assert page.tables["Accounts that stay short"][1] == ["delta", "3.00", "40.00", "plain"]
    assert [row[1] for row in page.tables["Contracts by what they add"][1:]] == [
        "+4.00", "+3.00", "+2.00", "+1.00"
    ]  # fmt: skip
    assert page.tables["Stresses"][4][:4] == ["delta", "-8,000.00", "3", "4,000.00"]
    assert [row[1] for row in page.tables["Totals"][1:]] == ["400.00", "800.00"]
    statuses = [row[4] for row in page.tables["plain, as of 2026-01-02"][1:]]
    assert statuses == ["✓ pass", "✗ fails", "? cannot be evaluated"]
    assert "limit from memory" in said(page) and "Regulation 1, article 2" in said(page)


def test_breaches_stand_beside_those_expected_with_exact_intervals(tmp_path):
    """Of 182 days 4.55 are expected; 0 of 182 has the exact interval 0 to 1 - 0.025^(1/182)."""
    page = page_of([backtest_folder(tmp_path / "backtest", NAMES)], tmp_path)
    rows = page.tables["Breaches observed and expected"]
    assert [row[1] for row in rows[1:]] == ["3", "2", "1", "0"]
    assert {row[2] for row in rows[1:]} == {"4.55"}
    assert rows[4][4] == f"0.00% to {1.0 - 0.025 ** (1.0 / 182.0):.2%}"
    low, high = (float(part.rstrip("%")) / 100.0 for part in rows[1][4].split(" to "))
    assert low < 3.0 / 182.0 < high
    tests = page.tables["Tests"]
    assert tests[1] == ["kupiec", "4", "1", "0.2", "0.003", "✗ rejected"]
    assert page.tiles["Breaches of margin"][0] == "6"


def test_parts_of_a_run_are_read_as_one_table(tmp_path):
    whole = margin_folder(tmp_path / "whole", NAMES)
    run, files = tmp_path / "run", []
    for table in ("requirements", "components", "states"):
        content = pd.read_parquet(whole / f"{table}.parquet")
        (run / f"{table}.parquet").mkdir(parents=True)
        for number, part in enumerate((content.iloc[:2], content.iloc[2:])):
            file = run / f"{table}.parquet" / f"part-{number:05d}.parquet"
            part.to_parquet(file, index=False)
            files.append({"file": str(file.relative_to(run)), "sha256": sha256(file)})
    facts = json.loads((whole / "manifest.json").read_text())
    del facts["tables"]
    (run / "manifest.json").write_text(json.dumps(facts | {"files": files}))
    found = [page_of([folder], tmp_path).tables["Largest accounts"] for folder in (whole, run)]
    assert found[0] == found[1]


def test_the_same_results_make_the_same_bytes_and_nothing_comes_from_elsewhere(tmp_path):
    folders = every_folder(tmp_path, NAMES, "plain")
    for number in range(2):
        write_report(folders, tmp_path / f"{number}.html")
    first = (tmp_path / "0.html").read_bytes()
    assert first == (tmp_path / "1.html").read_bytes()
    page = Page(first.decode())
    for name, value in page.attributes:
        if name in ("href", "xlink:href", "src"):
            assert value.startswith("#")
        assert not name.startswith("on")
        assert name == "title" or "http" not in (value or "")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("content", policy) in page.attributes


def test_a_section_without_its_folder_says_how_to_get_it(tmp_path):
    page = page_of([margin_folder(tmp_path / "margin", NAMES, states=False)], tmp_path)
    for command in ("sensitivities", "allocate", "backtest", "checks", "stress", "compare"):
        assert f"jaxmargin {command} JOB.toml" in said(page)
    assert "Name its table as collateral in [book]" in said(page)
    page = page_of([checks_folder(tmp_path / "checks", "text")], tmp_path)
    assert "No margins: run jaxmargin margin" in said(page)


def test_an_empty_book_has_a_page(tmp_path):
    page = page_of([margin_folder(tmp_path / "margin", [])], tmp_path)
    assert page.tiles["Initial margin"][0] == "0 USD" and page.tiles["Accounts"][0] == "0"
    assert "no accounts" in said(page)


def test_one_account_without_margin_or_error_has_a_page(tmp_path):
    folder = margin_folder(tmp_path / "margin", ["only"], initial=np.zeros(1))
    table = pd.read_parquet(folder / "requirements.parquet").assign(standard_error=np.nan)
    change(folder, requirements=table)
    page = page_of([folder], tmp_path)
    assert "none is defined for this rule" in said(page)
    assert page.tables["Largest accounts"][1][:2] == ["only", "0.00"]


def test_a_stale_watch_shows_its_last_good_margins_and_why_they_are_stale(tmp_path):
    watched = tmp_path / "watched"
    margin_folder(watched / "updates" / "000001", NAMES)
    (watched / "current").symlink_to("updates/000001", target_is_directory=True)
    status = {"stale": True, "since": "2026-01-02T09:00", "problems": ["assets.parquet: <b>"]}
    (watched / "status.json").write_text(json.dumps(status))
    page = page_of([watched], tmp_path)
    assert "STALE" in said(page) and "since 2026-01-02T09:00" in said(page)
    assert "assets.parquet: <b>" in said(page)  # as text: the parser found no such element
    assert page.tiles["Initial margin"][0] == "1,000 USD"
    fresh = page_of([watched / "current"], tmp_path)
    assert "STALE" not in said(fresh)


def test_two_hundred_thousand_accounts_make_a_page_below_two_megabytes(tmp_path):
    names = np.char.add("account-", np.arange(200_000).astype(str))
    folder = margin_folder(tmp_path / "margin", list(names))
    out = tmp_path / "report.html"
    assert write_report([folder], out) == out.stat().st_size < 2_000_000
    text = said(Page(out.read_text()))
    assert "199,970 more accounts" in text and "requirements.parquet" in text


def test_folders_of_other_inputs_are_told(tmp_path):
    folders = [margin_folder(tmp_path / "margin", NAMES), backtest_folder(tmp_path / "b", NAMES)]
    facts = json.loads((folders[1] / "backtest.json").read_text())
    facts["inputs"][1]["sha256"] = "00" * 32
    facts["settings"]["valuation_time"] = "2026-01-03T08:00:00+00:00"
    (folders[1] / "backtest.json").write_text(json.dumps(facts))
    text = said(page_of(folders, tmp_path))
    assert "was computed from another positions.parquet than" in text
    assert "different valuation times" in text


def test_every_problem_of_the_folders_is_told_and_nothing_is_written(tmp_path, run_command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "plan.json").write_text("{}")
    broken = margin_folder(tmp_path / "broken", NAMES)
    (broken / "requirements.parquet").write_bytes(b"PAR1 not")
    text = allocation_folder(tmp_path / "text", NAMES, "why")
    (text / "allocation.json").write_text("[]")
    change(checks_folder(tmp_path / "lacking", "t"), checks=pd.DataFrame({"id": ["R01"]}))
    out = tmp_path / "report.html"
    folders = [tmp_path / n for n in ("none", "empty", "unfinished", "broken", "text", "lacking")]
    code, _, errors = run_command("report", *folders, "--out", out)
    assert code == 2 and not out.exists()
    lines = errors.strip().splitlines()
    assert len(lines) == 6
    for folder, line in zip(folders, lines, strict=True):
        assert line.startswith(f"error: {folder}") and "Traceback" not in line
    assert "a run that has not come to its end" in lines[2]
    assert "not the SHA-256 that manifest.json states" in lines[3]


def test_the_folder_above_names_those_with_results(tmp_path):
    margin_folder(tmp_path / "margin", NAMES)
    with pytest.raises(InvalidInputError, match=f"Give {tmp_path / 'margin'}"):
        write_report([tmp_path], tmp_path / "report.html")


def test_two_folders_of_margins_or_tables_of_two_commands_are_refused(tmp_path):
    one, two = (margin_folder(tmp_path / name, NAMES) for name in ("one", "two"))
    with pytest.raises(InvalidInputError, match=r"results of margin, as .*one has too"):
        write_report([one, two], tmp_path / "report.html")
    (two / "compare.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="whose tables have the same names"):
        write_report([two], tmp_path / "report.html")
    with pytest.raises(InvalidInputError, match=r"ends in \.html"):
        write_report([one], tmp_path / "report.pdf")


def test_without_the_extra_the_command_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    folder = margin_folder(tmp_path / "margin", NAMES)
    with pytest.raises(InvalidInputError, match=r"pip install 'jaxmargin\[report\]'"):
        write_report([folder], tmp_path / "report.html")


def test_the_example_writes_a_page_and_two_pictures(tmp_path, monkeypatch, capsys):
    """What it prints of the tables stands on its page too."""
    monkeypatch.setenv("JAXMARGIN_EXAMPLE_OUT", str(tmp_path))
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "12_write_report.py"))
    printed = capsys.readouterr().out
    page = Page((tmp_path / "report" / "margins.html").read_text())
    states = pd.read_parquet(tmp_path / "report" / "margin" / "states.parquet")
    lacking = int((states["equity"] < states["initial"]).sum())
    assert f"{lacking} of 40 accounts lack" in printed
    assert page.tiles["Accounts not covered"][0] == str(lacking)
    assert page.tiles["Initial margin"][1] == f"{states['initial'].sum():,.2f} USD"
    assert (tmp_path / "report" / "margins.png").stat().st_size > 10_000
    assert "maintenance margin" in (tmp_path / "report" / "coverage.svg").read_text()
