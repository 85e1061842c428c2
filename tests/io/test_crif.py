"""CRIF files: read, refused, written, and made from the engine's own sensitivities."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from job_files import make_job
from kinds import INSTRUMENTS, market
from reference import reference
from simm_rows import settings

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import CrifTarget, Problems, read_crif, read_crif_targets, write_crif
from jaxmargin.jobs import CrifRates, crif_rows, export_crif, run_simm
from jaxmargin.jobs._crif import allocate_tenors
from jaxmargin.sensitivities import AccountGreeks, Greeks, account_greeks

HEADER = (
    "PortfolioID\tproductclass\tRisk Type\tqualifier\tBUCKET\tlabel_1\tLabel2\tAmount\t"
    "AmountCurrency\tAmountUSD\tTradeID\n"
)
WIDE = (
    "RiskType,ProductClass,Qualifier,Bucket,Label1,Label2,AmountUSD\n"
    "Risk_FX,RatesFX,EUR,,,,{}\nRisk_FX,RatesFX,GBP,,,,{}\n"
)
BITCOIN = CrifTarget("Commodity", "Risk_Commodity", "Bitcoin", "16")
ETHER = CrifTarget("RatesFX", "Risk_FX", "ETH", "")


def read(path, text):
    path.write_text(text)
    problems = Problems()
    return read_crif(path, settings().currencies, problems), problems.found


def test_headers_in_any_case_and_what_nothing_reads_is_named(tmp_path):
    text = HEADER + (
        "A\tratesfx\trisk_ircurve\tusd\t\t1Y\tois\t5\tUSD\t\tT1\n"
        "B\tRatesFX\tRisk_FX\tEUR\t2\t\tx\t\t\t7\tT2\n"
        "A\tRatesFX\tRisk_FXVol\tUSDGBP\t\t3m\t\t-4\tGBP\t-5\tT3\n"
        "B\t\tNotional\tAlpha\t\t\t\t8\tUSD\t8\t\n"
    )
    tables, found = read(tmp_path / "crif.txt", text)
    assert not found
    assert list(tables.portfolios) == ["A", "B"]
    assert tables.sensitivities.to_numpy().tolist() == [
        ["A", "RatesFX", "Risk_IRCurve", "USD", "1", "1y", "OIS", 5.0],
        ["B", "RatesFX", "Risk_FX", "EUR", "", "", "", 7.0],
        ["A", "RatesFX", "Risk_FXVol", "GBPUSD", "", "3m", "", -5.0],
    ]
    assert tables.ignored == (
        "column TradeID",
        "Bucket of Risk_FX (1 row)",
        "Label2 of Risk_FX (1 row)",
        "Notional of 'Alpha', which has no factor",
    )


def test_every_problem_is_listed_at_once(tmp_path):
    text = HEADER + (
        "A\tRatesFX\tRisk_IRCurve\tUSD\t3\t4y\tPrime\t5\tUSD\t\t\n"
        "A\tRates\tRisk_IRCurve\tEUR\t1\t1y\tPrime\t5\t\t\t\n"
        "A\tEquity\tRisk_Equity\t\t13\t\t\tmuch\tUSD\t\t\n"
        "A\tEquity\tRisk_Equty\tX\t1\t\t\t5\tUSD\t6\t\n"
        "A\tRatesFX\tRisk_FXVol\tEUREUR\t\t1y\t\t5\tEUR\t\t\n"
        "A\tCredit\tRisk_CreditNonQ\tX\t1\t5y\t\t\t\t1\t\n"
        "A\t\tParam_ProductClassMultiplier\tEquity\t\t\t\t0.5\t\t\t\n"
        "A\t\tParam_ProductClassMultiplier\tEquity\t\t\t\t1.5\t\t\t\n"
    )
    tables, found = read(tmp_path / "crif.csv", text)
    assert tables is None
    for message in (
        "column RiskType: unknown 'Risk_Equty' (did you mean 'Risk_Equity'?) in row 4",
        "column Amount: not a finite number in row 3; the first is 'much'",
        "column AmountCurrency: no currency, and no AmountUSD in row 2",
        "column AmountUSD: no value, and Amount is not in USD in row 5",
        "column AmountUSD: not what Amount says in USD in row 4",
        "column ProductClass: unknown 'Rates' (did you mean 'RatesFX'?) in row 2",
        "column Label1: unknown '4y'",
        "column Bucket: not the bucket of the currency's volatility in row 1; the first is '3'",
        "column Label2: a curve of USD alone in row 2",
        "column Qualifier: no value in row 3",
        "column Bucket: unknown '13'",
        "column Qualifier: one currency twice in row 5",
        "column Label2: no group of underlying names in row 6",
        "column Amount: a multiplier below 1 in row 7",
        "column Qualifier: more than one multiplier or factor in row 7, row 8",
    ):
        assert any(message in problem for problem in found), (message, found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RiskType,ProductClass\n", "column 'Qualifier' is missing"),
        (HEADER, "no rows"),
        ("RiskType,Risk_Type\n1,2\n", "columns that appear twice: RiskType"),
        ("", "cannot be read"),
        (WIDE.format("1,000", "-2000"), "more fields than the header's 7 at rows [1]"),
        (WIDE.format("1,000", "-2,000"), "more fields than the header's 7 at rows [1], [2]"),
        (WIDE.format("1000,", "-2,000"), "more fields than the header's 7 at rows [2]"),
        (WIDE.format("1000", "-2,000"), "cannot be read"),
    ],
)
def test_files_that_are_no_crif_are_refused(tmp_path, text, message):
    tables, found = read(tmp_path / "crif.csv", text)
    assert tables is None
    assert any(message in problem for problem in found), found


def test_a_missing_file_is_a_problem(tmp_path):
    problems = Problems()
    assert read_crif(tmp_path / "none.csv", settings().currencies, problems) is None
    assert "no such file" in problems.found[0]


def test_a_file_of_another_program_is_read():
    problems = Problems()
    path = reference("data/simm_ore/crif.csv")
    tables = read_crif(path, settings().currencies, problems)
    assert not problems.found
    assert len(tables.sensitivities) == len(pd.read_csv(path))
    named = ("TradeID", "collect_regulations", "post_regulations")
    assert tables.ignored[:3] == tuple(f"column {name}" for name in named)


def test_what_is_written_is_read_and_margined(tmp_path):
    """By hand: 66 x 2 M, and 34 x 0.5 M x 1 with a multiplier of 2; see the rule."""
    rows = pd.DataFrame(
        {
            "RiskType": ["Risk_IRCurve", "Risk_Equity", "Param_ProductClassMultiplier"],
            "PortfolioId": ["A", "B", "B"],
            "ProductClass": ["RatesFX", "Equity", ""],
            "Qualifier": ["USD", "X", "Equity"],
            "Bucket": ["1", "Residual", ""],
            "Label1": ["1y", "", ""],
            "Label2": ["OIS", "", ""],
            "Amount": [2e6, 5e5, 2.0],
            "AmountCurrency": ["USD", "USD", ""],
            "AmountUSD": [2e6, 5e5, np.nan],
        }
    )
    for name in ("crif.csv", "crif.tsv"):
        write_crif(rows, tmp_path / name)
    result = run_simm(tmp_path / "crif.tsv")
    np.testing.assert_allclose(result.margins["total"], [132e6, 34e6], rtol=1e-12)
    assert list(result.margins["portfolio"]) == ["A", "B"]
    assert result.components["amount"].tolist() == pytest.approx([132e6, 17e6])
    assert "licence from ISDA" in result.notice and result.ignored == ()
    first, second = ((tmp_path / name).read_text() for name in ("crif.csv", "crif.tsv"))
    assert first == second.replace("\t", ",")
    with pytest.raises(InvalidInputError, match="unknown columns Tenor"):
        write_crif(rows.assign(Tenor=1), tmp_path / "bad.csv")
    with pytest.raises(InvalidInputError, match=r"holding_days: got 5\. Give 10 or 1"):
        run_simm(tmp_path / "crif.tsv", holding_days=5)


def test_terms_are_split_between_two_tenors_linearly_in_days():
    month = 365.0 / 12.0
    shares = allocate_tenors(np.array([1.0, 14.0, 20.0, 2 * month, 20_000.0]))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-15)
    upper = (20.0 - 14.0) / (month - 14.0)
    expected = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0 - upper, upper, 0.0], [0.0, 0.5, 0.5]]
    np.testing.assert_allclose(shares[:4, :3], expected, rtol=1e-12, atol=1e-15)
    assert shares[4, -1] == 1.0


def test_rows_of_an_account_are_its_greeks_in_crif_units():
    """By hand: 2 BTC, and greeks given by pillar: 5, 10, 200 days of BTC and one of ETH."""
    today = market()
    held = Book(
        (pad_instruments(INSTRUMENTS[0]),),
        build_positions(np.zeros(1, int), np.zeros(1, int), np.array([2.0]), accounts=1),
    )
    delta = account_greeks(held, today).delta
    none = jnp.zeros((1, 4))
    options = Greeks(
        none, none, jnp.array([[3.0, -1.0, 8.0, 2.0]]), none,
        jnp.array([[0.0, 0.0, 50.0, 0.0]]), none, none,
    )  # fmt: skip
    greeks = AccountGreeks(delta, jnp.zeros_like(delta), options)
    assets = ["BTC", "ETH", "stETH", "USDC", "USD"]
    targets = {"BTC": BITCOIN, "ETH": ETHER}
    rates = CrifRates("RatesFX", "USD", "1", "OIS")
    rows = crif_rows(greeks, today, assets, ["A"], targets, numeraire="USD", rates=rates)
    amount = rows.set_index(["RiskType", "Qualifier", "Bucket", "Label1"])["Amount"]
    np.testing.assert_allclose(
        amount["Risk_Commodity", "Bitcoin", "16", ""], 0.01 * 2 * 60_000, rtol=1e-12
    )
    terms = 365.0 * np.asarray(today.time)
    share = allocate_tenors(terms)
    volatility = rows[rows["RiskType"] == "Risk_CommodityVol"]
    np.testing.assert_allclose(volatility["Amount"].sum(), 3.0 - 1.0 + 8.0, rtol=1e-12)
    ether = rows[rows["RiskType"] == "Risk_FXVol"]
    assert set(ether["Qualifier"]) == {"ETHUSD"}
    np.testing.assert_allclose(ether["Amount"].sum(), 2.0, rtol=1e-12)
    curve = rows[rows["RiskType"] == "Risk_IRCurve"]
    np.testing.assert_allclose(curve["Amount"], 0.5 * share[2][share[2] > 0.0], rtol=1e-12)
    assert (rows["AmountUSD"] == rows["Amount"]).all()
    dollar = {"USD": CrifTarget("RatesFX", "Risk_FX", "USD", "")}
    euro = crif_rows(greeks, today, assets, ["A"], {**targets, **dollar}, numeraire="EUR")
    assert euro["AmountUSD"].isna().all() and "Risk_IRCurve" not in set(euro["RiskType"])
    with pytest.raises(InvalidInputError, match="nothing says what BTC count as"):
        crif_rows(greeks, today, assets, ["A"], {"ETH": ETHER}, numeraire="USD")
    with pytest.raises(InvalidInputError, match=r"ETH, USD count as Risk_FX, .*is 'USDC'"):
        crif_rows(greeks, today, assets, ["A"], {**targets, **dollar}, numeraire="USDC")


def test_a_job_is_exported_and_margined(tmp_path):
    job = make_job(tmp_path / "job", accounts=3)
    names = pd.read_parquet(tmp_path / "job/market/assets.parquet")["asset"]
    table = tmp_path / "targets.csv"
    rows = [f"{name},Commodity,Risk_Commodity,{name},16" for name in names]
    table.write_text("\n".join(["asset,product_class,risk_type,qualifier,bucket", *rows, ""]))
    exported = export_crif(job, table, tmp_path / "crif.csv")
    result = run_simm(tmp_path / "crif.csv")
    assert set(result.margins["portfolio"]) == set(exported["PortfolioId"])
    assert (result.margins["total"] > 0.0).all()
    assert set(exported["RiskType"]) == {"Risk_Commodity", "Risk_CommodityVol"}
    text = table.read_text()
    table.write_text(text.replace(",16", ",18").replace("Risk_Commodity", "Risk_FX", 1))
    problems = Problems()
    assert read_crif_targets(table, problems) is None
    assert any("'18' is no bucket of Risk_Commodity" in problem for problem in problems.found)
    assert any("'18' is no bucket of Risk_FX. Leave it blank." in p for p in problems.found)
