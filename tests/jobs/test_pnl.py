"""The P&L of every account in every scenario, as a file beside the margins."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from job_files import edit_text, make_job, with_scenarios

from jaxmargin.io import sha256
from jaxmargin.jobs import _pnl, run_margin

LEVEL = 0.975


def shortfall(pnl, weight):
    """Expected shortfall of one account, the scenario at the edge of the tail split."""
    order = np.argsort(pnl, kind="stable")
    share = weight[order] / weight.sum()
    before = np.cumsum(share) - share
    counted = np.clip(1.0 - LEVEL - before, 0.0, share)
    return -(counted * pnl[order]).sum() / (1.0 - LEVEL)


@pytest.fixture(scope="module", params=["", "decay = 0.99"], ids=["equal weights", "age weights"])
def run(request, tmp_path_factory):
    """Folder of results, what `run_margin` returned, and the P&L as pandas reads it."""
    job = make_job(tmp_path_factory.mktemp("job"), accounts=30)
    edit_text(job, 'constant = ["USDC"]', f'constant = ["USDC"]\n{request.param}')
    out = job.parent / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pnl, "_GROUP_ROWS", 5_000)  # several row groups, of 6 accounts each
        result = run_margin(job, out, pnl=True)
    return out, result, pd.read_parquet(out / "pnl.parquet")


def test_there_is_one_row_for_each_account_and_scenario(run):
    _, result, table = run
    assert list(table.columns) == ["account", "scenario", "weight", "pnl"]
    assert len(table) == 30 * 729 and not table[["account", "scenario"]].duplicated().any()
    assert set(table["account"]) == set(result.requirements["account"])
    assert (table["weight"] > 0.0).all()  # none of the scenarios that pad up to a bucket


def test_expected_shortfall_from_the_file_is_that_of_the_requirement(run):
    _, result, table = run
    expected = {
        account: shortfall(own["pnl"].to_numpy(), own["weight"].to_numpy())
        for account, own in table.groupby("account", observed=True)
    }
    shown = result.components.query("component == 'expected_shortfall'").set_index("account")
    np.testing.assert_allclose(
        shown["amount"], [expected[account] for account in shown.index], rtol=1e-9, atol=1e-7
    )


def test_the_worst_scenario_in_the_file_is_that_of_the_requirement(run):
    _, result, table = run
    worst = table.loc[table.groupby("account", observed=True)["pnl"].idxmin()]
    named = worst.astype({"account": str}).set_index("account")["scenario"]
    shown = result.requirements.set_index("account")["worst_scenario"]
    assert dict(named) == dict(shown)


def test_the_rows_of_an_account_follow_each_other_in_one_order_of_scenarios(run):
    _, _, table = run
    accounts = table["account"].to_numpy().reshape(30, 729)
    scenarios = table["scenario"].to_numpy().reshape(30, 729)
    assert (accounts == accounts[:, :1]).all() and (scenarios == scenarios[:1]).all()


def test_row_groups_are_small_and_hold_whole_accounts(run):
    out, _, _ = run
    file = pq.ParquetFile(out / "pnl.parquet")
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert len(sizes) >= 5 and all(size <= 5_000 and size % 729 == 0 for size in sizes)
    encodings = file.metadata.row_group(0).column(0).encodings
    assert any("DICTIONARY" in encoding for encoding in encodings)


def test_the_manifest_has_its_rows_and_its_hash(run):
    out, _, table = run
    facts = json.loads((out / "manifest.json").read_text())["pnl"]
    assert facts == {
        "file": "pnl.parquet",
        "rows": len(table),
        "bytes": (out / "pnl.parquet").stat().st_size,
        "sha256": sha256(out / "pnl.parquet"),
    }


def test_totals_over_accounts_are_those_of_all_positions_in_one_account(tmp_path):
    """Every position in one account, without rules of netting: the sum of the accounts."""
    job = make_job(tmp_path)
    run_margin(job, tmp_path / "many", pnl=True)
    positions = pd.read_parquet(job.parent / "positions.parquet")
    whole = positions.groupby("instrument", as_index=False)["quantity"].sum()
    whole.assign(account="all").to_parquet(job.parent / "positions.parquet", index=False)
    run_margin(job, tmp_path / "one", pnl=True)
    many, one = (pd.read_parquet(tmp_path / name / "pnl.parquet") for name in ("many", "one"))
    total = many.groupby("scenario", observed=True, sort=False)["pnl"].sum()
    gross = np.abs(many["pnl"]).groupby(many["scenario"], observed=True, sort=False).sum()
    difference = np.abs(total.to_numpy() - one["pnl"].to_numpy())
    assert list(total.index) == list(one["scenario"])
    assert (difference <= 1e-11 * gross.to_numpy()).all() and len(one) == 729


def test_labels_of_scenarios_may_repeat(tmp_path):
    """Moves that print alike are still two scenarios."""
    keys = "spot_moves = [-0.1, -0.10001, 0.1]\nvolatility_moves = [0.2]"
    job = with_scenarios(make_job(tmp_path), "spot-volatility-grid", keys)
    run_margin(job, tmp_path / "out", pnl=True)
    table = pd.read_parquet(tmp_path / "out/pnl.parquet")
    assert len(table) == 12 * 3 and table["scenario"].nunique() == 2


def test_an_empty_book_has_an_empty_file(tmp_path):
    job = make_job(tmp_path)
    positions = job.parent / "positions.parquet"
    pd.read_parquet(positions).head(0).to_parquet(positions, index=False)
    result = run_margin(job, tmp_path / "out", pnl=True)
    assert result.manifest["pnl"]["rows"] == 0
    assert pd.read_parquet(tmp_path / "out/pnl.parquet").empty


def results_of(out):
    """Bytes of every file but the lock, which says who held it last."""
    return {path: path.read_bytes() for path in out.iterdir() if path.name != "lock"}


def test_a_run_that_fails_leaves_earlier_results_and_nothing_half_written(tmp_path, monkeypatch):
    job = make_job(tmp_path)
    run_margin(job, tmp_path / "out", pnl=True)
    before = results_of(tmp_path / "out")

    def fail(done, total):
        raise MemoryError("Memory ran out.")

    real = _pnl._write
    monkeypatch.setattr(_pnl, "_write", lambda *given: real(*given[:-1], fail))
    with pytest.raises(MemoryError):
        run_margin(job, tmp_path / "out", pnl=True)
    assert results_of(tmp_path / "out") == before


def test_a_file_of_an_earlier_run_is_warned_of(tmp_path):
    job = make_job(tmp_path)
    first = run_margin(job, tmp_path / "out", pnl=True)
    again = run_margin(job, tmp_path / "out")
    assert not any("pnl.parquet" in warning for warning in first.manifest["warnings"])
    assert any("pnl.parquet is of an earlier run" in w for w in again.manifest["warnings"])
    assert "pnl" not in again.manifest
