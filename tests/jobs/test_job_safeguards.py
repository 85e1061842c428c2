"""Safeguards in a job file: three runs, each from the state of the one before."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job, with_scenarios
from safeguard_sets import BANDS, HEAD, MOST_OFFSET, RETAIL, STEP, STRESS_BUFFER

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import sha256
from jaxmargin.jobs import (
    load_inputs,
    run_allocate,
    run_backtest,
    run_compare,
    run_explain,
    run_margin,
    run_sensitivities,
    run_what_if,
)
from jaxmargin.jobs._safeguard_state import last_state, read_last_run
from jaxmargin.report import safeguard_lines

SET = HEAD + STEP + STRESS_BUFFER + RETAIL + MOST_OFFSET + BANDS
SECTION = '\n[safeguards]\nfile = "set.toml"\nmost_offset = "default"\n'
# long and short perpetuals, a hedge, and both coins together
HELD = {
    "A": {"BTC-USDC-PERP": 3.0},
    "B": {"ETH-USDC-PERP": -20.0},
    "D": {"BTC-USDC-PERP": 1.0},
    "H": {"BTC-SPOT": 1.0, "BTC-USDC-PERP": -1.0},
    "M": {"BTC-USDC-PERP": 3.0, "ETH-USDC-PERP": -20.0},
}
# A doubles, C is new, D is closed
LATER = {name: held for name, held in HELD.items() if name != "D"} | {
    "A": {"BTC-USDC-PERP": 6.0}, "C": {"BTC-USDC-PERP": 2.0},
}  # fmt: skip


def positions(held):
    rows = [(name, *leg) for name, legs in held.items() for leg in legs.items()]
    return pd.DataFrame(rows, columns=["account", "instrument", "quantity"])


def day(folder, source, number, held, move, section):
    """A copy of a job at a later hour, with other positions and another scenario."""
    shutil.copytree(source, folder / f"day{number}")
    job = folder / f"day{number}/job.toml"
    edit_text(
        job, "valuation_time = 2026-01-02T08", f"valuation_time = 2026-01-02T{8 + number:02d}"
    )
    edit_table(job, "positions", lambda _: positions(held))
    with_scenarios(
        job, "spot-volatility-grid", f"spot_moves = [-{move}, {move}]\nvolatility_moves = [0.0]"
    )
    job.write_text(job.read_text() + section)
    return job


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Three jobs: 10 % moves, 12 % moves after trades, and 6 % moves with one change approved."""
    folder = tmp_path_factory.mktemp("safeguards")
    make_job(folder / "source", accounts=3)
    (folder / "source/set.toml").write_text(SET)
    before = 'previous = "../day{}/out"\n'
    return (
        day(folder, folder / "source", 1, HELD, 0.10, SECTION),
        day(folder, folder / "source", 2, LATER, 0.12, SECTION + before.format(1)),
        day(folder, folder / "source", 3, LATER, 0.06,
            SECTION + 'approved = ["B"]\n' + before.format(2)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(jobs):
    return [run_margin(job, job.parent / "out") for job in jobs]


@pytest.fixture(scope="module")
def bare(jobs):
    """The first job without safeguards."""
    job = jobs[0].with_name("bare.toml")
    job.write_text(jobs[0].read_text().replace(SECTION, ""))
    return run_margin(job, job.parent / "bare")


def exact(result):
    """Margins before rounding, and their parts, by account."""
    parts = result.components.pivot(index="account", columns="component", values="amount")
    return result.requirements.set_index("account")["initial"] - parts["rounding"], parts


def calculated(result):
    return result.safeguards.set_index("account")["calculated"]


def test_the_calculated_margins_are_those_without_safeguards(runs, bare):
    np.testing.assert_allclose(calculated(runs[0]), exact(bare)[0], rtol=1e-12)
    assert bare.safeguards is None and "safeguards" not in bare.manifest


def test_a_first_run_has_the_whole_buffer_the_capped_offsets_and_the_least_margin(runs):
    initial, parts = exact(runs[0])
    margin, apart = calculated(runs[0]), calculated(runs[0])
    np.testing.assert_allclose(parts["stress_buffer"], 0.25 * margin, rtol=1e-12)
    granted = apart["A"] + apart["B"] - margin["M"]
    assert granted > 0.3 * margin["M"]
    capped = pd.Series(0.0, margin.index)
    capped["M"] = 0.2 * granted
    of_h = parts.loc["H", "offset_cap"]  # spot and perpetual of one coin are one product
    assert of_h == 0.0
    np.testing.assert_allclose(parts["offset_cap"], capped, rtol=1e-9)
    least = (60_000.0 + 60_000.0 * 1.0004) / 20  # of the hedge, which has hardly a margin
    np.testing.assert_allclose(initial["H"], least, rtol=1e-12)
    others = ["A", "B", "D", "M"]
    np.testing.assert_allclose(initial[others], (1.25 * margin + capped)[others], rtol=1e-12)
    maintenance = runs[0].requirements.set_index("account")["maintenance"]
    np.testing.assert_allclose(maintenance["A"], 0.8 * initial["A"], atol=0.0100001)
    np.testing.assert_allclose(maintenance["H"], 0.5 * least, atol=0.0100001)
    rows = runs[0].safeguards.set_index("account")
    assert list(rows["binding"]) == [
        "stress_buffer", "stress_buffer", "stress_buffer", "least_margin", "offset_cap",
    ]  # fmt: skip
    assert rows["last"].isna().all() and (rows["hold"] == "none").all()


def test_components_sum_to_the_initial_margin(runs):
    for result in runs:
        total = result.components.groupby("account")["amount"].sum()
        initial = result.requirements.set_index("account")["initial"]
        np.testing.assert_allclose(total, initial, rtol=1e-12)


def test_the_buffer_is_drawn_as_if_todays_positions_had_been_held_in_the_last_run(runs):
    first, now, parts = calculated(runs[0]), calculated(runs[1]), exact(runs[1])[1]
    held = {"A": 2.0 * first["A"], "B": first["B"]}  # A doubled, which is no crisis
    for account, then in held.items():
        assert 1.15 < now[account] / then < 1.25
        called = min(1.25 * now[account], max(now[account], 1.25 * then * 1.1))
        assert now[account] < called < 1.25 * now[account]
        np.testing.assert_allclose(parts.loc[account, "stress_buffer"], called - now[account])
    np.testing.assert_allclose(parts.loc["C", "stress_buffer"], 0.25 * now["C"])  # is new
    rows = runs[1].safeguards.set_index("account")
    np.testing.assert_allclose(rows.loc["A", "last"], 2.0 * 1.25 * first["A"], rtol=1e-9)
    assert np.isnan(rows.loc["C", "last"]) and (rows["hold"] == "none").all()
    facts = runs[1].manifest["safeguards"]
    counts = {key: facts[f"accounts_{key}"] for key in ("new", "closed", "rebased", "held")}
    assert counts == {"new": 1, "closed": 1, "rebased": 1, "held": 0}


def test_a_fall_beyond_the_limit_is_held_until_it_is_approved(runs):
    before, (initial, parts) = exact(runs[1])[0], exact(runs[2])
    margin, rows = calculated(runs[2]), runs[2].safeguards.set_index("account")
    np.testing.assert_allclose(initial["A"], before["A"], rtol=1e-12)
    np.testing.assert_allclose(parts.loc["A", "held"], before["A"] - 1.25 * margin["A"])
    np.testing.assert_allclose(initial["B"], 1.25 * margin["B"], rtol=1e-12)
    assert rows.loc["A", "hold"] == "step" and rows.loc["A", "binding"] == "held"
    assert rows.loc["B", "hold"] == "none"
    lines = safeguard_lines(runs[2].safeguards)
    assert lines[1] == "Held, change beyond the limit, to be approved: 3 (A, C, M)."


def test_the_manifest_names_the_states_and_what_is_not_applied(jobs, runs):
    written = [sha256(job.parent / "out/safeguards_state.parquet") for job in jobs]
    for number, job in enumerate(jobs):
        manifest = json.loads((job.parent / "out/manifest.json").read_text())
        assert manifest["safeguards"]["state_sha256"] == written[number]
        assert manifest["safeguards"]["sha256"] == sha256(job.parent / "set.toml")
        previous = manifest["safeguards"]["previous"]
        assert (previous and previous["state_sha256"]) == (written[number - 1] if number else None)
        assert any("bands, which this job does not apply" in w for w in manifest["warnings"])
        table = pd.read_parquet(job.parent / "out/safeguards.parquet")
        pd.testing.assert_frame_equal(table, runs[number].safeguards, check_dtype=False)


def test_an_account_that_trades_what_the_last_market_did_not_price_keeps_its_state(jobs, runs):
    inputs = load_inputs(jobs[1], safeguards=True)
    last = read_last_run(inputs)
    assets = last.run.inputs.market.assets.assign(perpetual=np.nan)
    market = replace(last.run.inputs.market, assets=assets)
    past = replace(last.run, inputs=replace(last.run.inputs, market=market))
    state, facts, kept = last_state(inputs, inputs.safeguards, replace(last, run=past))
    assert kept == ["A"] and facts["accounts_rebased"] == 0
    before = runs[0].requirements["initial"][0]
    assert inputs.book.accounts[0] == runs[0].requirements["account"][0] == "A"
    np.testing.assert_allclose(state.initial[0], before, atol=0.0100001)


def copied(jobs, tmp_path):
    """The second job and results of the first, to be spoiled."""
    for job in jobs[:2]:
        shutil.copytree(job.parent, tmp_path / job.parent.name)
    return tmp_path / "day2/job.toml", tmp_path / "day1/out"


def _lower_a_margin(out):
    file = out / "safeguards_state.parquet"
    pd.read_parquet(file).assign(initial=0.0).to_parquet(file)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_lower_a_margin, r"safeguards_state\.parquet: not the SHA-256 that manifest\.json states"),
        (lambda out: (out / "safeguards_state.parquet").unlink(), r"_state\.parquet: no such file"),
        (lambda out: (out / "manifest.json").unlink(), r"no manifest\.json in this folder"),
        (lambda out: (out / "manifest.json").write_text("{"), "not a manifest of jaxmargin margin"),
        (shutil.rmtree, r"day1/out is no folder\. Give the --out folder of the last run"),
        (
            lambda out: edit_table(out.parent / "job.toml", "assets", lambda t: t.head(3)),
            r"assets\.parquet: not the SHA-256 that manifest\.json states",
        ),
    ],
)
def test_a_last_run_that_is_missing_or_changed_is_refused(jobs, runs, tmp_path, spoil, message):
    job, out = copied(jobs, tmp_path)
    spoil(out)
    with pytest.raises(InvalidInputError, match=message):
        run_margin(job, tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"../day1/out"', '"../day1/bare"', "bare had no safeguards"),
        ("02T10:00", "02T09:00", r"2026-01-02 09:00:00\+00:00, is not before 2026-01-02 09:00"),
        ('"set.toml"', '"set.toml"\ntools = []', "it is of other tools than none"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(jobs, runs, bare, tmp_path, old, new, message):
    job, _ = copied(jobs, tmp_path)
    edit_text(job, old, new)
    with pytest.raises(InvalidInputError, match=message):
        run_margin(job, tmp_path / "results")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["give one of set and file. Sets are daily-breaker, emir"]),
        ('set = "emir"\nfile = "set.toml"', ["give one of set and file"]),
        ('set = "emr"', ["set: unknown 'emr' (did you mean 'emir'?)"]),
        ('file = "none.toml"', ["none.toml: no such file"]),
        ('fil = "set.toml"', ["unknown key 'fil' (did you mean 'file'?)"]),
        (
            'set = "emir"\nlookback_start = 2025-01-01',
            [
                "stressed_weight needs scenarios from a history, and theirs are spot-volatility-g",
                "key 'stressed_start' is missing, which stressed_weight needs",
                "key 'stressed_end' is missing",
                "lookback_floor needs scenarios from a history",
            ],
        ),
        (
            'set = "emir"\ntools = ["stress_buffer"]\nlookback_start = 2025-01-01',
            ["lookback_start: lookback_floor is not applied. Take the key out."],
        ),
        ('set = "esma-cfd"', ["key 'asset_class' is missing. Give one of major-currencies"]),
        ('set = "emir"\ntools = []\nclient_class = "retail"', ["the set has no leverage"]),
        (
            'file = "set.toml"\ntools = ["stress_bufer"]\napproved = ["X"]\nclient_class = "pro"\n'
            'most_offset = "all"',
            [
                "approved: unknown 'X'. There are A, B, C, H, M.",
                "tools: unknown 'stress_bufer' (did you mean 'stress_buffer'?)",
                "client_class: unknown 'pro'. There are retail.",
                "most_offset: unknown 'all'. There are default.",
            ],
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_one_line_with_a_cure(jobs, text, messages):
    job = jobs[1].with_name("wrong.toml")
    content = jobs[1].read_text()
    job.write_text(content[: content.index("[safeguards]")] + "[safeguards]\n" + text)
    with pytest.raises(InvalidInputError) as raised:
        run_margin(job, job.parent / "wrong")
    assert len(raised.value.problems) == len(messages), raised.value.problems
    for problem, message in zip(raised.value.problems, messages, strict=True):
        assert message in problem


WINDOWS = {  # first and last day, of the demo's history of 2024-01-04 to 2026-01-02
    "current": ("2025-11-04", "2026-01-02"),
    "stressed": ("2024-07-01", "2024-08-29"),
    "long": ("2025-09-05", "2026-01-02"),
}
TOOLS = """
[safeguards]
set = "emir"
tools = ["stressed_weight", "lookback_floor"]
stressed_start = {stressed[0]}
stressed_end = {stressed[1]}
lookback_start = {long[0]}
"""


def in_window(folder, job, window, section=""):
    """The job over a window of its history; its job file."""
    path = folder / f"{window}{len(section)}.toml"
    start, end = WINDOWS[window]
    keys = f"[scenarios]\nstart = {start}\nend = {end}\n"
    path.write_text(job.read_text().replace("[scenarios]\n", keys) + section)
    return path


def test_tools_take_the_margins_that_the_job_has_over_their_windows(tmp_path):
    job = make_job(tmp_path, accounts=3)
    edit_table(job, "positions", lambda _: positions(HELD))
    bare = {
        window: exact(run_margin(in_window(tmp_path, job, window), tmp_path / window))[0]
        for window in WINDOWS
    }
    path = in_window(tmp_path, job, "current", TOOLS.format(**WINDOWS))
    result = run_margin(path, tmp_path / "out")
    now, stressed, long = (bare[window] for window in ("current", "stressed", "long"))
    assert (stressed > now).any() and (stressed < now).any()
    weighted = now + 0.25 * np.maximum(stressed - now, 0.0)
    assert (long > weighted).any() and (long < weighted).any()
    initial, parts = exact(result)
    np.testing.assert_allclose(parts["stressed_weight"], weighted - now, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(initial, np.maximum(weighted, long), rtol=1e-12)
    path.write_text(path.read_text().replace("2024-07-01", "2023-07-01"))
    with pytest.raises(InvalidInputError, match=r"window of stressed_weight is not all in history"):
        run_margin(path, tmp_path / "out")


@pytest.mark.parametrize(
    "command",
    [
        lambda job: run_allocate(job, job.parent / "no"),
        lambda job: run_backtest(job, job.parent / "no"),
        lambda job: run_compare(job, ["worst-case"], job.parent / "no"),
        lambda job: run_explain(job, job),
        lambda job: run_sensitivities(job, job.parent / "no"),
        lambda job: run_what_if(job, job.parent / "orders.csv"),
    ],
    ids=["allocate", "backtest", "compare", "explain", "sensitivities", "what-if"],
)
def test_what_would_leave_safeguards_out_is_refused(jobs, command):
    with pytest.raises(InvalidInputError, match="does not apply them; margin, run and watch do"):
        command(jobs[0])


def test_liquidation_prices_with_safeguards_are_refused(jobs):
    with pytest.raises(InvalidInputError, match="liquidation prices do not have safeguards"):
        run_margin(jobs[0], jobs[0].parent / "no", liquidation=["BTC"])
