"""Framework checks of a job: what its inputs, a backtest and margin run say."""

import json
import shutil
from datetime import date, timedelta

import pandas as pd
import pytest
import scipy.stats
from job_files import edit_table, edit_text, make_job, with_scenarios
from report_pages import shown

from jaxmargin.checks import CHECKS, CheckStatus, input_names
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, framework_library
from jaxmargin.jobs import load_inputs, run_backtest, run_checks, run_margin
from jaxmargin.jobs._check_evidence import HOW_TO_GIVE, _calendar_years, job_evidence
from jaxmargin.jobs._check_runs import backtest_evidence

PASS, FAIL, NOT = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.NOT_EVALUATED
GOVERNANCE = """
[governance]
validation_date = 2025-06-01
sensitivity_date = 2025-12-10
parameters_date = 2024-12-31
overrides = "overrides.csv"
products = ["other"]
stress_periods = [["2024-03-01", "2024-03-31"]]
"""
HISTORY = 'history = "history.parquet"\nconstant = ["USDC"]'
MARKS = """\
time,source,asset,price
2026-01-02T07:30:00Z,one,BTC,1
2026-01-02T07:50:00Z,two,BTC,1
2026-01-02T06:00:00Z,one,ETH,1
2026-01-02T06:00:00Z,two,ETH,1
2026-01-02T08:00:00Z,one,SOL,1
2026-01-02T08:00:00Z,one,USDC,1
2026-01-02T08:00:00Z,two,USDC,1
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    job = make_job(tmp_path_factory.mktemp("checks"), accounts=3)
    (job.parent / "overrides.csv").write_text("time,author,change,reason\n2025-12-01,A,floor,gap\n")
    (job.parent / "marks.csv").write_text(MARKS)
    edit_text(job, "[allocation]", '[allocation]\nmarks = "marks.csv"\n#')
    job.write_text(job.read_text() + GOVERNANCE)
    run_backtest(job, job.parent / "backtest", window=120)
    return job


def by_id(job, framework, **folders):
    """Results of each check, several where the framework has it several times."""
    found = {}
    for each in run_checks(job, framework, job.parent / "out", **folders).results:
        found.setdefault(each.id, []).append(each)
    return found


@pytest.fixture(scope="module")
def emir(job):
    found = by_id(job, "emir", backtest=job.parent / "backtest")
    return {check: results[0] for check, results in found.items()}


def test_level_horizon_and_ages_are_those_of_the_job(emir):
    assert (emir["R01"].value, emir["R01"].limit, emir["R01"].status) == (0.975, 0.99, FAIL)
    assert (emir["R02"].value, emir["R02"].limit, emir["R02"].status) == (2, 2, PASS)
    assert (emir["R11"].value, emir["R11"].status) == (23, PASS)  # to 2 January 2026
    assert (emir["R21"].value, emir["R21"].status) == (215, PASS)
    assert "R15" not in emir  # for other products


def test_the_history_is_measured_and_its_stress_counted(job, emir):
    """31 moves end in March 2024, as the history has every day."""
    days = pd.read_parquet(job.parent / "history.parquet")["time"]
    length, stress = emir["R03"].comparisons[:2]
    assert length.value == (days.max() - days.min()).days == days.nunique() - 1
    assert stress.value == pytest.approx(31 / length.value)
    assert emir["R03"].status is PASS


def test_without_periods_stress_is_what_the_library_dates(job, tmp_path):
    """By the files as text: the days of those that are dated, within the history."""
    import tomllib

    library = framework_library()["emir"].parents[1] / "stress"
    dated = [tomllib.loads(path.read_text()) for path in library.glob("*.toml")]
    days = set()
    for each in dated:
        longest = max(
            [each.get("days", 0)] + [step.get("days", 0) for step in each.get("step", [])]
        )
        if "date" in each:
            days |= {each["date"] + timedelta(days=n) for n in range(int(longest) + 1)}
    closes = pd.read_parquet(job.parent / "history.parquet")["time"].drop_duplicates().sort_values()
    ends = [close.date() for close in closes.iloc[1:]]
    text = job.read_text()
    other = job.with_name("library.toml")
    other.write_text("\n".join(x for x in text.splitlines() if "stress_periods" not in x))
    share = by_id(other, "emir")["R03"][0].comparisons[1].value
    assert share == pytest.approx(sum(day in days for day in ends) / len(ends))
    assert 0.0 < share < 0.02
    decayed = job.with_name("decayed.toml")
    decayed.write_text(other.read_text().replace("[scenarios]", "[scenarios]\ndecay = 0.99"))
    weight = [0.99 ** (len(ends) - 1 - row) for row in range(len(ends))]
    stressed = sum(w for day, w in zip(ends, weight, strict=True) if day in days)
    share = by_id(decayed, "emir")["R03"][0].comparisons[1].value
    assert share == pytest.approx(stressed / sum(weight))


@pytest.mark.parametrize(
    ("kind", "keys", "decay", "own"),
    [
        (
            "filtered-historical",
            "decay = 0.9\nscenarios = 64",
            1.0,
            0.0,
        ),  # of volatility, not of moves
        ("gaussian", "", 1.0, 0.0),
        ("gaussian", 'covariance = "ewma"\ndecay = 0.99', 0.99, 0.0),
        ("student", "stress_start = 2024-03-01\nstress_end = 2024-03-31", 1.0, 0.25),
    ],
)
def test_stress_weighs_what_the_scenarios_let_it_weigh(job, kind, keys, decay, own):
    """The 731 closes of the history end on 2 January 2026."""
    other = job.with_name("kinds.toml")
    other.write_text(job.read_text())
    with_scenarios(other, kind, f"{HISTORY}\n{keys}")
    evidence, _ = job_evidence(load_inputs(other, safeguards=True), Problems())
    ends = pd.date_range("2024-01-04", "2026-01-02")
    weight = [decay ** (len(ends) - 1 - row) for row in range(len(ends))]
    stressed = sum(w for w, day in zip(weight, ends, strict=True) if f"{day:%Y-%m}" == "2024-03")
    share = own + (1.0 - own) * stressed / sum(weight)
    assert evidence["stress_share"] == pytest.approx(share)


def test_a_history_that_ended_before_the_valuation_does_not_pass(job):
    """The last close is at midnight of 2 January; four days and eight hours later it is old."""
    other = job.with_name("late.toml")
    other.write_text(job.read_text())
    with_scenarios(other, "historical", f"{HISTORY}\nend = 2025-12-29")
    (history,) = by_id(other, "emir")["R03"]
    assert (history.status, history.limit) == (FAIL, 2)
    assert history.value == pytest.approx(4.0 + 8.0 / 24.0)


def test_the_backtest_says_coverage_zone_clustering_and_steps(job, emir):
    folder = job.parent / "backtest"
    days = pd.read_parquet(folder / "backtest.parquet")
    coverage = 1.0 - days.groupby("account", observed=True)["exceeded"].mean()
    assert emir["R06"].value == pytest.approx(coverage.min())
    tests = pd.read_parquet(folder / "tests.parquet")
    whole = tests[tests["account"] == "all as one"].set_index("test")
    assert emir["R08"].value == pytest.approx(whole.loc["independence", "p_value"])
    hits, apart = whole.loc["traffic-light", "statistic"], (days["time"].nunique() + 1) // 2
    error = scipy.stats.binom(apart, 0.025).sf(hits - 1)  # says that the days are these
    assert whole.loc["traffic-light", "p_value"] == pytest.approx(error)
    assert f"{hits:.0f} in {apart} days at 97.50%" in emir["R07"].reason
    assert emir["R07"].value == ["green", "yellow", "red"].index(whole.loc["traffic-light", "zone"])
    table = days.pivot(index="time", columns="account", values="margin")
    rises = [(m / m.shift(1) - 1.0).max() for m in (table.sum(axis=1), *(table[x] for x in table))]
    assert emir["R17"].value == pytest.approx(max(rises))


def test_haircuts_are_tried_on_the_history(job, emir):
    """Every second day a liquidation over two days, against the lowest haircut of the schedule."""
    history = pd.read_parquet(job.parent / "history.parquet")
    price = history.pivot(index="time", columns="asset", values="close")
    schedule = pd.read_parquet(job.parent / "collateral/schedule.parquet")
    least = schedule.groupby("asset")["haircut"].min()
    values = {}
    for asset in set(price) & set(least.index):
        series = price[asset].to_numpy()
        starts = range(0, len(series) - 2, 2)
        count = sum(series[t + 2] < (1.0 - least[asset]) * series[t] for t in starts)
        values[asset] = scipy.stats.binom(len(starts), 0.01).sf(count - 1)
    assert emir["R12"].value == pytest.approx(min(values.values()))
    assert emir["R12"].limit == pytest.approx(0.05 / len(values))


def test_marks_are_as_old_and_as_many_as_the_table_says(emir):
    """Of BTC 10 minutes old, of ETH 120 by two, so by none that is fresh, of SOL by one."""
    age, youngest, sources = emir["R18"].comparisons
    assert (age.value, youngest.value, sources.value) == (120.0, 0.0, 0.0)
    assert emir["R18"].status is FAIL


def test_sources_that_disagree_are_not_counted(job):
    """Two fresh ones, 10 % apart, of BTC; with a third near one of them, these two."""
    marks, found = job.parent / "marks.csv", []
    apart = MARKS.replace("two,BTC,1", "two,BTC,1.1")
    for text in (apart, apart + "2026-01-02T08:00:00Z,three,BTC,1.101\n"):
        marks.write_text(text)
        evidence, _ = job_evidence(load_inputs(job, safeguards=True), Problems())
        found.append(evidence["price_sources"]["BTC"])
    marks.write_text(MARKS)
    assert found == [0, 2]


def test_an_asset_without_a_mark_is_no_fresh_price(job):
    marks = job.parent / "marks.csv"
    marks.write_text("".join(x for x in MARKS.splitlines(True) if "SOL" not in x))
    (prices,) = by_id(job, "emir")["R18"]
    marks.write_text(MARKS)
    assert prices.status is FAIL
    assert "not a finite number: price_age_minutes[SOL]" in prices.reason


def test_overrides_and_ages_of_other_frameworks(job):
    found = by_id(job, "pfmi")
    assert found["R20"][0].status is PASS and "1 entries" in found["R20"][0].reason
    log = job.parent / "overrides.csv"
    whole = log.read_text()
    log.write_text(whole + "2025-12-02,,floor,gap\n")
    assert by_id(job, "pfmi")["R20"][0].status is FAIL
    log.write_text(whole)
    parameters = by_id(job, "umr")["R21"][0]
    assert (parameters.value, parameters.limit, parameters.status) == (367, 366, FAIL)


def test_a_desk_limit_for_another_level_or_number_of_days_is_not_applied(job):
    desks = by_id(job, "frtb", backtest=job.parent / "backtest")["R07"]
    assert [each.status for each in desks] == [NOT, NOT]
    assert "the limit is for days 250, the backtest has" in desks[1].reason


def test_what_a_job_cannot_say_is_not_evaluated_and_says_what_to_give(job, emir):
    bare = job.with_name("bare.toml")
    text = job.read_text()
    start, end = text.index("[allocation]"), text.index("[governance]")
    bare.write_text(text[:start] + text[end:].split("\n\n")[0].replace(text[end:], ""))
    result = run_checks(bare, "emir", job.parent / "bare")
    rows = result.table.set_index("id")
    assert set(rows.index[rows["status"] == "not-evaluated"]) >= {"R05", "R06", "R11", "R12", "R15"}
    assert "sensitivity_date in [governance]" in set(rows["give"])
    assert any("Limits of all products" in note for note in result.facts["notes"])
    asked = {name for check in CHECKS for name in input_names(check)}
    assert asked == set(HOW_TO_GIVE)


def test_a_job_without_safeguards_has_no_tool(emir):
    assert emir["R04"].status is FAIL and "active: none" in emir["R04"].reason


def test_a_lookback_floor_counts_with_the_years_of_its_window(job):
    """A year and a day to 2 January 2026; which tool binds only a margin run says."""
    (job.parent / "floor.toml").write_text(
        'title = "t"\ndate = 2026-01-21\nassumed = []\n[[source]]\nfigure = "all"\n'
        'origin = "chosen"\n[tools.lookback_floor]\n'
    )
    other = job.with_name("floor-job.toml")
    section = '\n[safeguards]\nfile = "floor.toml"\nlookback_start = 2025-01-01\n'
    other.write_text(job.read_text() + section)
    (tools,) = by_id(other, "emir")["R04"]
    assert tools.status is NOT and tools.missing == ("binding",)
    evidence, _ = job_evidence(load_inputs(other, safeguards=True), Problems())
    assert evidence["tools"]["lookback_floor"] == pytest.approx(1.0 + 1.0 / 365.0)
    noted = run_checks(other, "emir", job.parent / "noted").facts["notes"]
    assert not any("leaves out [safeguards]" in note for note in noted)
    noted = run_checks(other, "emir", job.parent / "noted", backtest=job.parent / "backtest")
    assert any("leaves out [safeguards]" in note for note in noted.facts["notes"])


@pytest.mark.parametrize(
    ("first", "last", "years"),
    [
        ((2015, 3, 1), (2025, 3, 1), 10.0),  # 3,653 days
        ((2015, 3, 2), (2025, 3, 1), 9.0 + 364.0 / 365.0),
        ((2016, 2, 29), (2026, 3, 1), 10.0),
        ((2016, 2, 29), (2026, 2, 28), 9.0 + 364.0 / 365.0),
        ((2016, 2, 29), (2024, 2, 29), 8.0),
    ],
)
def test_years_are_those_of_the_calendar(first, last, years):
    assert _calendar_years(date(*first), date(*last)) == pytest.approx(years, rel=1e-14)


def test_a_margin_that_rose_from_nothing_is_no_small_step(job, tmp_path):
    """Of three accounts, one rises from 0, one is always 0, and one from 100 to 110."""
    folder = tmp_path / "backtest"
    shutil.copytree(job.parent / "backtest", folder)
    days = pd.read_parquet(folder / "backtest.parquet")
    kpis = pd.read_parquet(folder / "kpis.parquet")
    names = [name for name in kpis["account"] if name != "all"]
    rows = [[100.0, 110.0, 99.0], [0.0, 0.0, 0.0], [0.0, 5.0, 5.0]]
    days = days.groupby("account", observed=True, sort=False).head(3)
    days["margin"] = [margin for row in rows for margin in row]
    days.to_parquet(folder / "backtest.parquet")
    increase = dict(zip(names, [0.1, float("nan"), float("nan")], strict=True)) | {"all": 0.15}
    kpis["increase_1_days"] = kpis["account"].map(increase)
    kpis.to_parquet(folder / "kpis.parquet")
    steps = backtest_evidence(folder, load_inputs(job, safeguards=True))["steps"]
    wanted = [0.1, 0.0, float("inf"), 0.15]
    assert list(steps.values()) == pytest.approx(wanted)
    (step,) = by_id(job, "emir", backtest=folder)["R17"]
    assert step.status is FAIL
    assert step.reason == f"not a finite number: steps[margin of {names[2]}]"


SET = """
title = "t"
date = 2026-01-21
assumed = []
[[source]]
figure = "all"
origin = "chosen"
[tools.stress_buffer]
share = 0.25
significant_rise = 0.1
rebuild = 0.01
[most_offset]
default = 0.8
[leverage.retail]
coins = 20
[close_out]
retail = 0.5
"""
SAFEGUARDS = """
[safeguards]
file = "set.toml"
most_offset = "default"
client_class = "retail"
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Long BTC and short ETH against each other in moves of 10 %, with equity in dollars."""
    job = make_job(tmp_path_factory.mktemp("guarded"), accounts=3)
    held = [("M", "BTC-USDC-PERP", 3.0), ("M", "ETH-USDC-PERP", -20.0)]
    columns = ["account", "instrument", "quantity"]
    edit_table(job, "positions", lambda _: pd.DataFrame(held, columns=columns))
    moves = "spot_moves = [-0.1, 0.1]\nvolatility_moves = [0.0]"
    with_scenarios(job, "spot-volatility-grid", moves)
    job.write_text(job.read_text().split("[allocation]")[0])
    (job.parent / "set.toml").write_text(SET)
    (job.parent / "balances.csv").write_text("account,asset,quantity\nM,USDC,10000\n")
    edit_text(job, 'positions = "', 'collateral = "balances.csv"\npositions = "')
    job.write_text(job.read_text() + SAFEGUARDS)
    run_margin(job, job.parent / "margin")
    return job


def test_offsets_tools_and_leverage_come_from_a_margin_run(guarded):
    """Apart, a tenth of both notionals; together, a tenth of their difference.

    Up to the premium of perpetuals over spot, which the numbers by hand leave out.
    """
    found = by_id(guarded, "emir", margin=guarded.parent / "margin")
    requirement = pd.read_parquet(guarded.parent / "margin/requirements.parquet")["initial"][0]
    marks = pd.read_parquet(guarded.parent / "market/assets.parquet").set_index("asset")
    perpetual = marks["perpetual"] if "perpetual" in marks else marks["spot"]
    long, short = 3.0 * perpetual["BTC"], 20.0 * perpetual["ETH"]
    apart, together = 0.1 * (long + short), 0.1 * abs(long - short)
    share = (apart - requirement) / (apart - together)
    (offsets,) = found["R05"]
    assert (offsets.value, offsets.limit) == (pytest.approx(share, abs=1e-2), 0.8)
    assert offsets.status is PASS
    (tools,) = found["R04"]
    assert tools.status is PASS and "active: stress_buffer" in tools.reason
    (leverage,) = by_id(guarded, "vara", margin=guarded.parent / "margin")["R19"]
    states = pd.read_parquet(guarded.parent / "margin/states.parquet")
    assert leverage.value == pytest.approx(states["leverage"].max())
    assert leverage.value == pytest.approx((long + short) / states["equity"][0], rel=1e-3)
    assert leverage.status is (PASS if leverage.value <= 5.0 else FAIL)


def test_folders_of_other_inputs_are_refused(job, guarded, tmp_path):
    with pytest.raises(InvalidInputError, match=r"a backtest of other inputs than job\.toml"):
        run_checks(guarded, "emir", tmp_path, backtest=job.parent / "backtest")
    other = job.with_name("cent.toml")
    other.write_text(job.read_text())
    edit_text(
        other, "valuation_time = 2026-01-02T08:00:00Z", "valuation_time = 2026-01-02T08:01:00Z"
    )
    with pytest.raises(InvalidInputError, match=r"than cent\.toml has now: valuation_time"):
        run_checks(other, "emir", tmp_path, backtest=job.parent / "backtest")
    with pytest.raises(InvalidInputError, match="no backtest"):
        run_checks(job, "emir", tmp_path, backtest=tmp_path)
    with pytest.raises(InvalidInputError, match="a run of"):
        run_checks(job, "emir", tmp_path, margin=guarded.parent / "margin")
    with pytest.raises(InvalidInputError, match="no such folder"):
        run_checks(job, "emir", tmp_path, margin=tmp_path / "none")


def test_wrong_words_are_said_with_the_nearest(job, tmp_path):
    with pytest.raises(InvalidInputError, match=r"no 'emri' \(did you mean 'emir'\?\)"):
        run_checks(job, "emri", tmp_path)
    other = job.with_name("wrong.toml")
    text = job.read_text()
    other.write_text(text.replace("validation_date", "validation_day"))
    with pytest.raises(InvalidInputError, match="did you mean 'validation_date'"):
        run_checks(other, "emir", tmp_path)
    other.write_text(text.replace('"2024-03-31"', '"2024-03-32"'))
    with pytest.raises(InvalidInputError, match="Give pairs of days"):
        run_checks(other, "emir", tmp_path)
    other.write_text(text.replace('products = ["other"]', 'products = ["othr"]'))
    with pytest.raises(
        InvalidInputError, match=r"unknown products 'othr' \(did you mean 'other'\?\)"
    ):
        run_checks(other, "emir", tmp_path)


def test_the_command_prints_80_columns_and_ends_with_4_if_a_check_fails(
    job, run_command, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    words = ("checks", job, "--out", tmp_path, "--framework")
    code, output, errors = run_command(*words, "emir", "--backtest", job.parent / "backtest")
    assert code == 4, errors
    assert max(map(len, output.splitlines()[:-1])) <= 80
    assert "checks evaluated as of 2026-01-02" in output and "R01 fail" in output
    assert "compliant" not in output.lower()
    table = pd.read_parquet(tmp_path / "checks.parquet")
    facts = json.loads((tmp_path / "checks.json").read_text())
    assert facts["counts"] == {"pass": 0, "fail": 0, "not-evaluated": 0} | dict(
        table["status"].value_counts()
    )
    assert [each["id"] for each in facts["checks"]] == list(table["id"])
    assert table["inputs_hash"].str.fullmatch("[0-9a-f]{64}").all()
    own = tmp_path / "own.toml"
    own.write_text(
        'title = "t"\nframework = "f"\n[[check]]\nid = "R01"\narticle = "a"\nsource = "s"\n'
        "date = 2024-03-07\n[check.limits]\nleast_level = 0.975\n"
    )
    code, output, _ = run_command(*words, own)
    assert code == 0 and "1 checks evaluated" in output


def test_a_report_shows_what_was_written(job, undrawn, tmp_path):
    result = run_checks(job, "emir", job.parent / "shown")
    *_, rows = shown(job.parent / "shown", "checks", tmp_path).tables.values()
    assert [row[0] for row in rows[1:]] == [each.id for each in result.results]
