"""Text in CSV files that a spreadsheet would run as a formula is written as text."""

import pandas as pd
import pytest

from jaxmargin.io import Problems, read_crif, read_simm_settings, simm_library, write_crif
from jaxmargin.io._formulas import escape_formulas, unescape_formulas

STARTS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\0x", "=HYPERLINK(1)"]


@pytest.mark.parametrize("text", STARTS)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    table = pd.DataFrame({"name": [text, "plain"], text: ["a", "b"]})
    escaped = escape_formulas(table)
    assert list(escaped["name"]) == [f"'{text}", "plain"] and f"'{text}" in escaped.columns
    pd.testing.assert_frame_equal(unescape_formulas(escaped), table)


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_numbers_times_and_other_text_stay_as_they_are(kind):
    table = pd.DataFrame(
        {"number": [-5.0, 1.0], "whole": [-5, 1], "time": pd.to_datetime(["2026", "2027"]),
         "name": pd.Series(["a=b", "O'Neil"]).astype(kind), "any": [-5, None]}
    )  # fmt: skip
    assert escape_formulas(table).to_csv() == table.to_csv()


@pytest.mark.parametrize("text", ["'=x", "''-", "'plain", "it's"])
def test_names_with_apostrophes_of_their_own_come_back(text):
    table = pd.DataFrame({"name": [text]})
    assert list(unescape_formulas(escape_formulas(table))["name"]) == [text]


def test_crif_of_hostile_names_is_written_as_text_and_read_back(tmp_path):
    rows = pd.DataFrame(
        {"PortfolioId": ["=cmd|' /C calc'!A0", "-A"], "ProductClass": "Commodity",
         "RiskType": "Risk_Commodity", "Qualifier": ["@x", "+y"], "Bucket": "2", "Label1": "",
         "Label2": "", "AmountUSD": [-5.5, 7.0]}
    )  # fmt: skip
    write_crif(rows, tmp_path / "crif.csv")
    written = pd.read_csv(tmp_path / "crif.csv", dtype=str)
    assert list(written["PortfolioId"]) == ["'=cmd|' /C calc'!A0", "'-A"]
    assert list(written["AmountUSD"]) == ["-5.5", "7.0"]
    settings = read_simm_settings(simm_library(), "ten_days", Problems())
    problems = Problems()
    read = read_crif(tmp_path / "crif.csv", settings.currencies, problems)
    assert problems.found == []
    assert list(read.portfolios) == list(rows["PortfolioId"])
    assert list(read.sensitivities["Qualifier"]) == ["@x", "+y"]
