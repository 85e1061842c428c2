"""CRIF rows for tests of SIMM, and the margins of portfolios of them."""

import jax
import pandas as pd

from jaxmargin.io import (
    HOLDING_PERIODS,
    Problems,
    build_simm,
    check_crif,
    read_simm_settings,
    simm_library,
)
from jaxmargin.margin.simm import margin_simm

COLUMNS = [
    "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2", "AmountUSD",
]  # fmt: skip
RULE = jax.jit(jax.vmap(margin_simm, in_axes=(0, 0, None)))


def settings(days=10):
    """Settings of a holding period."""
    problems = Problems()
    read = read_simm_settings(simm_library(), HOLDING_PERIODS[days], problems)
    problems.raise_if_any()
    return read


def crif(portfolios):
    """Tables of named portfolios: lists of rows in the order of `COLUMNS`."""
    rows = [
        {"PortfolioId": name, **dict(zip(COLUMNS, map(str, row), strict=True))}
        for name, held in portfolios.items()
        for row in held
    ]
    for row in rows:  # multipliers and factors are read from Amount
        if row["RiskType"].startswith("Param") and "Fixed" not in row["RiskType"]:
            row["Amount"] = row.pop("AmountUSD")
    table = pd.DataFrame(rows).fillna("").astype(object)
    labels = pd.Series([f"row {i}" for i in range(1, len(rows) + 1)], dtype=object)
    problems = Problems()
    tables = check_crif(table, "rows", labels, settings().currencies, problems)
    problems.raise_if_any()
    return tables


def arrays(portfolios, currency="USD"):
    """Sensitivities and add-ons of portfolios, stacked."""
    return build_simm(crif(portfolios), settings().currencies, calculation_currency=currency)


def margins(portfolios, days=10, currency="USD"):
    """Margin of every portfolio, stacked."""
    return RULE(*arrays(portfolios, currency), settings(days).parameters)
