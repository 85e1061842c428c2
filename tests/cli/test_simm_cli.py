"""SIMM of a CRIF file, and CRIF of a job, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from job_files import make_job

from jaxmargin.io import sha256

HEADER = (
    "PortfolioId,ProductClass,RiskType,Qualifier,Bucket,Label1,Label2,Amount,AmountCurrency,"
    "AmountUSD,Trader\n"
)
# By hand: 66 x 2 M; 34 x 0.5 M, and as much again by a multiplier of 2.
ROWS = """[b]A,RatesFX,Risk_IRCurve,USD,1,1y,OIS,2e6,USD,2e6,me
B,Equity,Risk_Equity,X,Residual,,,5e5,USD,5e5,me
B,,Param_ProductClassMultiplier,Equity,,,,2,,,me
"""
TARGETS = """asset,product_class,risk_type,qualifier,bucket
BTC,Commodity,Risk_Commodity,BTC,16
ETH,Commodity,Risk_Commodity,ETH,16
SOL,Commodity,Risk_Commodity,SOL,16
USDC,RatesFX,Risk_FX,EUR,
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "crif.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_simm_prints_the_notice_totals_and_parts_and_writes_tables(run_command, file, tmp_path):
    out = tmp_path / "out"
    code, output, errors = run_command("simm", file, "--out", out)
    assert code == 0, errors
    assert "ISDA SIMM: commercial use needs a licence from ISDA." in output
    assert "crif.csv, not read: column Trader." in output
    for text in ("[b]A", "132,000,000.00", "34,000,000.00", "166,000,000.00", "multipliers"):
        assert text in output
    assert all(len(line) <= 80 for line in output.splitlines()[:-1])  # the last names the folder
    margins = pd.read_parquet(out / "margins.parquet").set_index("portfolio")
    np.testing.assert_allclose(margins["total"], [132e6, 34e6], rtol=1e-12)
    parts = pd.read_parquet(out / "components.parquet")
    assert parts["amount"].tolist() == pytest.approx([132e6, 17e6])
    facts = json.loads((out / "simm.json").read_text())
    assert facts["inputs"] == [{"file": "crif.csv", "sha256": sha256(file)}]
    assert facts["holding_days"] == 10 and facts["ignored"] == ["column Trader"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("Risk_Equity", "Risk_Equit"), (), "'Risk_Equit' (did you mean 'Risk_Equity'?)"),
        (("5e5,me", "much,me"), (), "AmountUSD"),
        ((HEADER, "a\n"), (), "crif.csv"),
        (("", ""), ("--days", 5), "holding_days: got 5. Give 10 or 1."),
        (("", ""), ("--currency", "usd"), "calculation_currency: got 'usd'. Give three capital"),
    ],
)
def test_wrong_input_ends_with_code_2_and_says_why(
    run_command, file, tmp_path, change, options, message
):
    file.write_text(file.read_text().replace(*change))
    code, output, errors = run_command("simm", file, "--out", tmp_path / "out", *options)
    assert code == 2 and not output
    assert message in errors and errors.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_ends_with_code_2(run_command, tmp_path):
    code, _, errors = run_command("simm", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert code == 2 and "none.csv" in errors


def test_a_job_s_crif_is_written_for_simm_and_wrong_input_ends_with_code_2(run_command, tmp_path):
    job, targets = make_job(tmp_path / "job", accounts=3), tmp_path / "targets.csv"
    targets.write_text(TARGETS)
    words = ("crif", job, "--targets", targets, "--out")
    code, output, errors = run_command(*words, tmp_path / "new/crif.csv")
    assert code == 0, errors
    rows = pd.read_csv(tmp_path / "new/crif.csv")
    assert f"{len(rows):,} rows of 3 accounts" in output and "rates are left out" in output
    assert "licence from ISDA" in output
    assert set(rows["PortfolioId"]) == set(
        pd.read_parquet(tmp_path / "job/positions.parquet").account
    )
    assert set(rows["Qualifier"]) <= {"BTC", "ETH", "SOL", "EUR"}
    code, _, errors = run_command(*words, tmp_path / "new")
    assert code == 2 and "new is a folder. Give a file" in errors
    targets.write_text(TARGETS.replace("BTC,16", "BTC,18"))
    code, _, errors = run_command(*words, tmp_path / "crif.csv")
    assert code == 2 and "'18' is no bucket of Risk_Commodity" in errors
    assert not (tmp_path / "crif.csv").exists()
