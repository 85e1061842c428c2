"""Every kind of bad input gives one clear error: file, column, rows and cure."""

import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job, set_cell

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import load_inputs, run_margin


def problems_of(job):
    """The problems of a job; nothing may be written on the way."""
    out = job.parent / "results"
    with pytest.raises(InvalidInputError) as caught:
        run_margin(job, out)
    assert not out.exists()
    with pytest.raises(InvalidInputError) as validated:
        load_inputs(job)
    assert validated.value.problems == caught.value.problems  # validate says the same
    return caught.value.problems


def only_problem(job, *parts):
    """The single problem of a job, which must contain every one of `parts`."""
    problems = problems_of(job)
    assert len(problems) == 1, problems
    for part in parts:
        assert part in problems[0]


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


def test_unknown_instruments_are_all_listed_with_the_nearest_known_name(job):
    set_cell(job, "positions", "instrument", 2, "BTC-SPOTT")
    set_cell(job, "positions", "instrument", 5, "XYZ")
    only_problem(
        job, "positions.parquet, column instrument", "2 unknown names", "'XYZ'",
        "'BTC-SPOTT' (did you mean 'BTC-SPOT'?)", "Add them to the instruments table",
    )  # fmt: skip


def test_unknown_underlyings_are_all_listed(job):
    set_cell(job, "instruments", "underlying", 1, "XRP")
    set_cell(job, "instruments", "settlement", 2, "USDCC")
    problems = problems_of(job)
    assert any("column underlying: 1 unknown name: 'XRP'" in p for p in problems)
    assert any("unknown name: 'USDCC' (did you mean 'USDC'?)" in p for p in problems)


def test_problems_of_several_files_are_reported_together(job):
    set_cell(job, "positions", "instrument", 2, "nothing")
    set_cell(job, "volatilities", "volatility", 1, -0.2)
    edit_table(job, "history", lambda t: t.drop(columns="close"))
    problems = problems_of(job)
    assert [p.split(",")[0].split(":")[0] for p in problems] == [
        "volatilities.parquet", "positions.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("assets", "asset"),
        ("instruments", "instrument"),
        ("positions", "account + instrument"),
        ("forwards", "asset + expiry"),
        ("volatilities", "asset + expiry + strike"),
        ("history", "asset + time"),
    ],
)
def test_duplicate_ids_are_refused(job, table, key):
    edit_table(job, table, lambda t: pd.concat([t, t.iloc[[0]]], ignore_index=True))
    only_problem(job, f"column {key}: the same value more than once", "in 2 of", "Keep one row")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize(
    ("table", "column"), [("assets", "spot"), ("forwards", "forward"), ("history", "close")]
)
def test_prices_must_be_positive_numbers(job, table, column, value):
    set_cell(job, table, column, 3, value)
    rule = "not positive" if value in (0.0, -1.0) else "not a finite number"
    only_problem(job, f"{table}.parquet, column {column}: {rule}", "(row 3", "Give a number")


@pytest.mark.parametrize("value", [float("nan"), 0.0, -0.5])
@pytest.mark.parametrize(
    ("table", "column"), [("volatilities", "strike"), ("volatilities", "volatility")]
)
def test_strikes_and_volatilities_must_be_positive(job, table, column, value):
    set_cell(job, table, column, 7, value)
    only_problem(job, f"{table}.parquet, column {column}", "(row 7")


def test_a_negative_strike_of_an_instrument_is_refused(job):
    row = 1 + int(pd.read_parquet(job.parent / TABLES["instruments"])["strike"].first_valid_index())
    set_cell(job, "instruments", "strike", row, -1.0)
    only_problem(job, "instruments.parquet, column strike: not positive", f"(row {row}")


def test_a_quantity_that_is_not_a_number_is_refused(job):
    set_cell(job, "positions", "quantity", 4, float("nan"))
    only_problem(job, "positions.parquet, column quantity: not a finite number", "(row 4")


def test_expired_options_are_refused(job):
    edit_text(job, "2026-01-02T08:00:00Z\nnum", "2026-01-03T08:00:00Z\nnum")  # first expiry
    problems = problems_of(job)
    assert any(
        "instruments.parquet, column expiry: not after the valuation time 2026-01-03" in p
        for p in problems
    )
    assert all("Take out what has expired" in p for p in problems)


@pytest.mark.parametrize(
    ("table", "column"), [("history", "time"), ("forwards", "expiry"), ("instruments", "expiry")]
)
def test_times_without_a_zone_are_refused(job, table, column):
    edit_table(job, table, lambda t: t.assign(**{column: t[column].dt.tz_localize(None)}))
    only_problem(job, f"{table}.parquet, column {column}: times without a zone", "2026-02-05T08:00")


def test_a_valuation_time_without_a_zone_is_refused(job):
    edit_text(job, "2026-01-02T08:00:00Z\nnum", "2026-01-02T08:00:00\nnum")
    only_problem(job, "valuation_time: a time without a zone", "Write 2026-01-02T08:00:00Z")


@pytest.mark.parametrize("table", list(TABLES))
def test_a_missing_column_is_named_with_the_nearest_one_there(job, table):
    edit_table(job, table, lambda t: t.rename(columns={t.columns[0]: t.columns[0] + "s"}))
    name = pd.read_parquet(job.parent / TABLES[table]).columns[0]
    problems = problems_of(job)
    expected = f"{table}.parquet: column {name[:-1]!r} is missing (did you mean {name!r}?)"
    assert any(p.startswith(expected) for p in problems)


def test_unknown_keys_of_the_job_file_get_the_nearest_valid_one(job):
    edit_text(job, "maintenance_ratio", "maintenence_ratio")
    edit_text(job, "numeraire", "numeriare")
    problems = problems_of(job)
    assert any("unknown key 'maintenence_ratio' (did you mean 'maintenance_ratio'?)" in p
               for p in problems)  # fmt: skip
    assert any("unknown key 'numeriare' (did you mean 'numeraire'?)" in p for p in problems)
    assert any("key 'maintenance_ratio' is missing" in p for p in problems)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("level = 0.975", "level = 97.5", "write 97.5 % as 0.975"),
        ("level = 0.975", "level = nan", "nan is not a number"),
        ("level = 0.975", 'level = "0.975"', "'0.975' is not a number"),
        ("horizon_days = 2", "horizon_days = 0", "a whole number from 1"),
        ("horizon_days = 2", "horizon_days = 1.5", "1.5 is not a whole number"),
        ("horizon_days = 2", "horizon_days = 900", "731 days for a horizon of 900 days"),
        ("maintenance_ratio = 0.8", "maintenance_ratio = 1.2", "up to 1; write 80 % as 0.8"),
        ('precision = "f64"', 'precision = "f16"', "Give one of f32, f64"),
        ("round_to = 0.01", "round_to = 0.0", "a number above zero"),
        ('kind = "historical"', 'kind = "historic"', "did you mean 'historical'?"),
        ('kind = "expected-shortfall"', 'kind = "var"', "unknown kind 'var'"),
        ('constant = ["USDC"]', "constant = []", "no history of USDC"),
        ('constant = ["USDC"]', 'constant = ["USDC", "USDT"]', "unknown asset 'USDT'"),
        ('"positions.parquet"', '"nowhere.parquet"', "no such file"),
        ('"positions.parquet"', '"job.toml"', "Give a file that ends in .parquet or .csv"),
        ("[market]", "[markets]", "section [market] is missing"),
        ("[market]", "[market", "cannot be read"),
    ],
)
def test_settings_out_of_range_say_what_to_write(job, old, new, part):
    edit_text(job, old, new)
    assert any(part in problem for problem in problems_of(job))


def test_a_job_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"absent\.toml: no such file"):
        load_inputs(tmp_path / "absent.toml")


def test_a_gap_in_the_history_is_refused(job):
    day = pd.Timestamp("2025-03-01T00:00:00Z")
    edit_table(job, "history", lambda t: t[t["time"] != day])
    only_problem(job, "history.parquet, column time: 1 steps that are not one day",
                 "2025-02-28T00:00:00+00:00", "without gaps")  # fmt: skip


def test_misaligned_dates_of_one_asset_are_refused(job):
    day = pd.Timestamp("2025-03-01T00:00:00Z")
    edit_table(job, "history", lambda t: t[(t["time"] != day) | (t["asset"] != "ETH")])
    only_problem(job, "ETH has 730 of 731 days", "the first without a close is 2025-03-01",
                 "Joint returns need the same days for all")  # fmt: skip


def test_a_history_that_starts_later_for_one_asset_names_the_joint_span(job):
    day = pd.Timestamp("2024-06-01T00:00:00Z")
    edit_table(job, "history", lambda t: t[(t["time"] >= day) | (t["asset"] != "SOL")])
    only_problem(job, "SOL has", "set start = 2024-06-01 and end = 2026-01-02")
    edit_text(job, "constant =", "start = 2024-06-01\nend = 2026-01-02\nconstant =")
    assert load_inputs(job).history.closes.index[0] == day


def test_an_asset_without_history_is_named(job):
    edit_table(job, "history", lambda t: t[t["asset"] != "SOL"])
    only_problem(job, "no history of SOL", "name them in `constant`")


@pytest.mark.parametrize(
    ("table", "rows", "parts"),
    [
        ("forwards", lambda t: t.index != 0, ("no forward for this asset and expiry",)),
        ("volatilities", lambda t: t["expiry"] != t["expiry"].min(), ("no volatility for this",)),
    ],
)
def test_contracts_without_market_data_are_named(job, table, rows, parts):
    edit_table(job, table, lambda t: t[rows(t)])
    problems = problems_of(job)
    for part in parts:
        assert any(part in problem for problem in problems)


def test_a_perpetual_without_a_mark_is_named(job):
    set_cell(job, "assets", "perpetual", 2, float("nan"))
    only_problem(job, "no mark price of the perpetual in 2 of", "'ETH'", "column perpetual")


def test_terms_that_do_not_fit_the_kind_are_refused(job):
    instruments = pd.read_parquet(job.parent / TABLES["instruments"])
    option = 1 + int(instruments["strike"].first_valid_index())
    set_cell(job, "instruments", "strike", option, float("nan"))
    set_cell(job, "instruments", "settlement", 1, "BTC")  # spot paid in itself
    set_cell(job, "instruments", "settlement", 3, "USDC")  # inverse perpetual not in coin
    problems = problems_of(job)
    assert any(f"column strike: no value in 1 of 500 rows (row {option}" in p for p in problems)
    assert any("settlement: the underlying itself" in p for p in problems)
    assert any("settlement: not the underlying of an inverse contract" in p for p in problems)


def test_a_numeraire_with_another_price_is_refused(job):
    edit_text(job, 'numeraire = "USD"', 'numeraire = "BTC"')
    assert any("the numeraire 'BTC' has price 60000.0" in p for p in problems_of(job))


@pytest.mark.parametrize("kept", [0, 4, 100, 1000])
def test_a_truncated_table_is_refused(job, kept):
    path = job.parent / TABLES["positions"]
    path.write_bytes(path.read_bytes()[:kept])
    only_problem(job, "positions.parquet: cannot be read")


def test_columns_that_appear_twice_are_refused(job):
    path = job.parent / "positions.csv"
    path.write_text("account,instrument,quantity,quantity\nA,BTC-SPOT,1,2\n")
    edit_text(job, "positions.parquet", "positions.csv")
    only_problem(job, "positions.csv: columns that appear twice: quantity")


def test_text_in_a_number_column_of_a_csv_is_shown(job):
    path = job.parent / "positions.csv"
    path.write_text("account,instrument,quantity\nA,BTC-SPOT,1\nB,BTC-SPOT,1e400\nC,BTC-SPOT,x\n")
    edit_text(job, "positions.parquet", "positions.csv")
    only_problem(job, "not a finite number in 2 of 3 rows (rows 2, 3; the first is '1e400')")


def test_a_zoneless_time_of_a_csv_is_shown(job):
    path = job.parent / "history.csv"
    rows = pd.read_parquet(job.parent / TABLES["history"])
    rows.assign(time=rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%S")).to_csv(path, index=False)
    edit_text(job, "history.parquet", "history.csv")
    only_problem(job, "history.csv, column time: a time without a zone in 2,193 of 2,193 rows")
