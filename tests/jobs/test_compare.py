"""Several rulebooks on one job, side by side."""

import json

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job
from report_pages import shown

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_compare, run_margin
from jaxmargin.jobs._keys import MEASURE_KINDS, VENUE_KINDS
from jaxmargin.jobs._venue_rulebooks import VENUE_RULEBOOKS

NAMES = ["expected-shortfall", "value-at-risk:0.95", "fixed-percentage:leverage-4"]
HISTORY = '[scenarios]\nkind = "historical"'


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("compare"), accounts=9)


@pytest.fixture(scope="module")
def compared(job):
    return run_compare(job, NAMES, job.parent / "out")


def with_rulebook(job, text):
    """The job with another [rulebook] and without [scenarios]; its job file."""
    content = job.read_text()
    start, end = content.index("[scenarios]"), content.index("[allocation]")
    path = job.with_name("venue.toml")
    path.write_text(content[:start] + f"[rulebook]\n{text}\n\n" + content[end:])
    return path


def test_the_first_rulebook_s_margins_are_those_of_the_margin_job(job, compared):
    alone = run_margin(job, job.parent / "margin").requirements
    first = compared.margins[compared.margins["rulebook"] == "expected-shortfall"]
    for column in ("account", "initial", "maintenance", "worst_scenario"):
        assert list(first[column]) == list(alone[column]), column


def test_components_add_up_to_initial_margin_by_account_and_rulebook(compared):
    total = compared.components.groupby(["account", "rulebook"])["amount"].sum()
    initial = compared.margins.set_index(["account", "rulebook"])["initial"]
    np.testing.assert_allclose(total, initial.reindex(total.index), rtol=1e-12, atol=1e-9)


def test_a_level_behind_the_name_lowers_the_margin(job, compared):
    lower = run_compare(job, ["value-at-risk:0.95", "value-at-risk:0.9"], job.parent / "levels")
    wide = lower.margins.pivot(index="account", columns="rulebook", values="initial")
    assert (wide["value-at-risk:0.9"] <= wide["value-at-risk:0.95"]).all()
    assert (wide["value-at-risk:0.9"] < wide["value-at-risk:0.95"]).any()
    same = compared.margins[compared.margins["rulebook"] == "value-at-risk:0.95"]
    assert list(same["initial"]) == list(wide["value-at-risk:0.95"])


def test_the_summary_counts_every_account_once(compared):
    summary = compared.summary.set_index("rulebook")
    assert summary["asks_most"].sum() == 9 and summary["asks_least"].sum() == 9
    assert summary.loc["expected-shortfall", "of_first"] == 1.0
    by_hand = compared.margins.groupby("rulebook")["initial"].sum()
    np.testing.assert_allclose(summary["initial"], by_hand.reindex(summary.index), rtol=1e-12)


def test_tables_and_facts_are_written(job, compared):
    out = job.parent / "out"
    for name in ("margins", "components", "summary"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(out / f"{name}.parquet"), getattr(compared, name), check_dtype=False
        )
    facts = json.loads((out / "compare.json").read_text())
    assert facts["rulebooks"] == NAMES and list(facts["settings_of"]) == NAMES[2:]
    assert facts["settings_of"][NAMES[2]]["set"] == "leverage-4"


def test_a_job_may_have_a_venue_s_rulebook_and_then_no_scenarios(job, compared):
    path = with_rulebook(job, 'kind = "fixed-percentage"\nset = "leverage-4"')
    result = run_margin(path, job.parent / "venue")
    expected = compared.margins[compared.margins["rulebook"] == NAMES[2]]
    assert list(result.requirements["initial"]) == list(expected["initial"])
    assert set(result.requirements["worst_scenario"]) == {"no move"}
    assert result.manifest["settings"]["rulebook"]["set"] == "leverage-4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "fixed-percentge"', r"unknown kind 'fixed-percentge' \(did you mean 'fixed-perc"),
        ('kind = "fixed-percentage"\nset = "leverage4"', r"no set 'leverage4' \(did you mean"),
        ('kind = "fixed-percentage"\nlevel = 0.99', r"\[rulebook\]: unknown key 'level'"),
        ('kind = "fixed-percentage"\nfile = "none.toml"', r"none.toml: no such file"),
        ('kind = "fixed-percentage"\nfile = "venue.toml"', r"venue.toml, rulebook: got \{"),
    ],
)
def test_a_wrong_rulebook_section_is_refused(job, text, message):
    with pytest.raises(InvalidInputError, match=message):
        run_margin(with_rulebook(job, text), job.parent / "wrong")


def test_scenarios_beside_a_venue_s_rulebook_are_refused(job):
    path = with_rulebook(job, f'kind = "fixed-percentage"\n\n{HISTORY}')
    with pytest.raises(
        InvalidInputError, match=r"fixed-percentage has scenarios of its own\. Take"
    ):
        run_margin(path, job.parent / "wrong")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "none is named"),
        (["expected-shortfal"], r"unknown rulebook 'expected-shortfal' \(did you mean"),
        (["worst-case", "worst-case"], "'worst-case' is named twice"),
        (
            ["value-at-risk:99"],
            r"no number between 0 and 1\. Write 97\.5 % as value-at-risk:0\.975",
        ),
        (["fixed-percentage:mainnet"], r"no set 'mainnet'\. It has schedule, leverage-4"),
    ],
)
def test_wrong_names_are_refused(job, names, message):
    with pytest.raises(InvalidInputError, match=message):
        run_compare(job, names, job.parent / "wrong")
    assert not (job.parent / "wrong").exists()


def test_where_all_ask_the_same_none_asks_most_and_a_book_may_be_empty(job, tmp_path):
    same = ["worst-case", "fixed-percentage"]
    empty = make_job(tmp_path / "empty", accounts=3)
    edit_table(empty, "positions", lambda table: table.iloc[:0])
    summary = run_compare(empty, same, tmp_path / "out").summary
    assert list(summary["initial"]) == [0.0, 0.0] and summary["asks_most"].sum() == 0
    twice = run_compare(job, ["expected-shortfall", "expected-shortfall:0.975"], tmp_path / "same")
    assert twice.summary["asks_most"].sum() == 0 and twice.summary["asks_least"].sum() == 0


def test_a_risk_measure_needs_the_scenarios_of_the_job(job):
    path = with_rulebook(job, 'kind = "fixed-percentage"')
    with pytest.raises(InvalidInputError, match=r"venue\.toml has no \[scenarios\], which a risk"):
        run_compare(path, ["worst-case"], job.parent / "wrong")


def test_a_contract_that_a_rule_does_not_know_is_refused(tmp_path):
    job = make_job(tmp_path, accounts=3)
    digital = {
        "instrument": "DIG", "kind": "digital-option", "underlying": "BTC", "settlement": "USDC",
        "expiry": pd.Timestamp("2026-01-31T08:00:00Z"), "strike": 60_000.0, "option_type": "put",
        "multiplier": 1_000.0,
    }  # fmt: skip
    edit_table(job, "instruments", lambda t: pd.concat([t, pd.DataFrame([digital])]))
    with pytest.raises(InvalidInputError, match=r"the book has 1 DigitalOptions\. Take them out"):
        run_compare(job, ["fixed-percentage"], tmp_path / "out")


def test_every_venue_rulebook_is_named_in_the_job_file():
    assert set(VENUE_KINDS) == set(VENUE_RULEBOOKS) and not set(VENUE_KINDS) & set(MEASURE_KINDS)


def test_the_command_prints_and_draws(run_command, job, tmp_path):
    edit_text(job, 'title = "', 'title = "5 $ [bold]')
    code, output, errors = run_command(
        "compare", job, "--rulebooks", "worst-case, fixed-percentage", "--out", tmp_path / "out"
    )
    assert code == 0, errors
    assert "[bold]" in output and "1.00x" in output and "compare.svg" in output
    assert all(len(line) <= 80 for line in output.splitlines()[:-1])
    assert (tmp_path / "out/compare.png").stat().st_size > 10_000
    assert run_command("compare", job, "--rulebooks", "x", "--out", tmp_path / "out")[0] == 2
    assert run_command("sensitivities", with_rulebook(job, 'kind = "fixed-percentage"'), "--out",
                       tmp_path / "s")[0] == 2  # fmt: skip


def test_the_list_names_every_rulebook_with_its_sets_and_one_is_shown_in_full(run_command):
    code, output, _ = run_command("rulebooks")
    assert code == 0 and all(kind in output for kind in (*MEASURE_KINDS, *VENUE_KINDS))
    code, output, _ = run_command("rulebooks", "fixed-percentage")
    assert code == 0 and "[leverage-4] of 2026-02-05: chosen" in output
    assert "assets.default.initial = 0.15" in output and "assumed: maintenance" in output
    assert run_command("rulebooks", "worst-case")[0] == 0
    code, _, errors = run_command("rulebooks", "fixed")
    assert code == 2 and "'fixed' is not known" in errors


def test_a_report_shows_what_was_written(job, compared, undrawn, tmp_path):
    rows = shown(job.parent / "out", "compare", tmp_path).tables["Totals"][1:]
    assert [row[1] for row in rows] == [f"{value:,.2f}" for value in compared.summary["initial"]]
