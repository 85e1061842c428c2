"""Portfolios whose SIMM is done by hand, and the makers of their rows."""

from math import sqrt
from statistics import NormalDist

M = 1e6
VOLATILITY = sqrt(365.0 / 14.0) / NormalDist().inv_cdf(0.99)
TAIL = NormalDist().inv_cdf(0.995) ** 2 - 1.0


def rates(amount, tenor="1y", curve="OIS", currency="USD", kind="IRCurve", product="RatesFX"):
    return (product, f"Risk_{kind}", currency, "", tenor, curve, amount)


def fx(amount, currency, product="RatesFX"):
    return (product, "Risk_FX", currency, "", "", "", amount)


def equity(amount, name="A", bucket="1"):
    return ("Equity", "Risk_Equity", name, bucket, "", "", amount)


def commodity(amount, name, bucket):
    return ("Commodity", "Risk_Commodity", name, bucket, "", "", amount)


def credit(amount, name, bucket, tenor="5y", label="USD", kind="CreditQ"):
    return ("Credit", f"Risk_{kind}", name, bucket, tenor, label, amount)


def vega(kind, amount, name, bucket="", tenor="1y", product="Equity"):
    return (product, f"Risk_{kind}", name, bucket, tenor, "", amount)


def together(correlation, *amounts):
    """Root of the sum of squares and correlated products."""
    squares = sum(a * a for a in amounts)
    total = sum(amounts)
    return sqrt(squares + correlation * (total * total - squares))


def ten_year_swaption(amounts):
    """Vega and curvature of rates of one currency, at 5y and 10y, whose correlation is 0.94."""
    exposures = [a * 0.5 * 14.0 / days for a, days in zip(amounts, (1825.0, 3650.0), strict=True)]
    net, gross = sum(exposures), sum(map(abs, exposures))
    theta = min(net / gross, 0.0)
    factor = TAIL * (1.0 + theta) - theta
    root = together(0.94**2, *exposures)
    return 0.18 * together(0.94, *amounts) + max(net + factor * root, 0.0) / 0.44**2


def curvature(amount, tenor_days):
    """Curvature margin of one exposure, which is a gain: all of it and the tail factor."""
    return amount * 0.5 * 14.0 / tenor_days * (1.0 + TAIL)


# By hand from sections B and D to K of the methodology, ten days and USD.
BY_HAND = {
    "one rate": ([rates(2 * M)], 66 * 2 * M),
    "rows of one factor net": ([rates(3 * M), rates(-1 * M)], 66 * 2 * M),
    "opposite rows cancel": ([rates(3 * M), rates(-3 * M), fx(M, "EUR"), fx(-M, "EUR")], 0.0),
    "two curves": (
        [rates(2 * M), rates(M, curve="Libor3m")],
        together(0.99, 66 * 2 * M, 66 * M),
    ),
    "two curves and tenors": (
        [rates(2 * M), rates(M, "5y", "Libor3m")],
        together(0.99 * 0.78, 66 * 2 * M, 52 * M),
    ),
    "inflation": (
        [rates(2 * M), rates(M, "", "", kind="Inflation")],
        together(0.37, 66 * 2 * M, 63 * M),
    ),
    "basis": (
        [rates(2 * M), rates(M, "", "", kind="XCcyBasis")],
        together(0.01, 66 * 2 * M, 21 * M),
    ),
    "basis neither concentrates nor is scaled": (
        [rates(920 * M), rates(M, "", "", kind="XCcyBasis")],
        together(0.01, 66 * 920 * M * 2, 21 * M),
    ),
    "two currencies, one of them concentrated": (
        [rates(920 * M), rates(2 * M, currency="JPY")],
        together(0.24 / 2, 66 * 920 * M * 2, 13 * 2 * M),
    ),
    "high volatility by default": ([rates(2 * M, currency="XXX")], 90 * 2 * M),
    "fx": ([fx(2 * M, "EUR"), fx(M, "TRY")], together(0.27, 7.4 * 2 * M, 13.6 * M)),
    "the calculation currency has no risk": ([fx(2 * M, "EUR"), fx(9 * M, "USD")], 14.8 * M),
    "fx concentration": ([fx(20400 * M, "EUR")], 7.4 * 20400 * M * 2),
    "equity concentration": ([equity(40 * M)], 26 * 40 * M * 2),
    "equity, one of two concentrated": (
        [equity(40 * M), equity(5 * M, "B")],
        together(0.18 / 2, 26 * 40 * M * 2, 26 * 5 * M),
    ),
    "equity buckets": (
        [equity(2 * M), equity(3 * M, "B", "6")],
        together(0.16, 26 * 2 * M, 25 * 3 * M),
    ),
    "residual equity neither correlates nor diversifies": (
        [equity(2 * M), equity(0.3 * M, "B", "Residual"), equity(0.4 * M, "C", "Residual")],
        26 * 2 * M + 34 * 0.5 * M,
    ),
    "commodity buckets": (
        [commodity(2 * M, "Crude", "2"), commodity(-3 * M, "Fuel", "3")],
        together(0.94, 29 * 2 * M, -33 * 3 * M),
    ),
    "what a bucket nets to is bounded by its margin": (
        # two of bucket 1 net to 2 x 27 M, above their margin; so do not count for more than it
        [commodity(-M, "A", "1"), commodity(-M, "B", "1"), commodity(M, "C", "2")],
        sqrt(
            together(0.84, 27 * M, 27 * M) ** 2
            + (29 * M) ** 2
            - 2 * 0.33 * together(0.84, 27 * M, 27 * M) * 29 * M
        ),
    ),
    "one issuer": (
        [credit(0.1 * M, "A", "2"), credit(-0.05 * M, "A", "2", "1y")],
        together(0.93, 91 * 0.1 * M, -91 * 0.05 * M),
    ),
    "one issuer in two currencies concentrates as one": (
        [credit(0.38 * M, "A", "2"), credit(0.38 * M, "A", "2", label="EUR")],
        2 * together(0.93, 91 * 0.38 * M, 91 * 0.38 * M),
    ),
    "two issuers": (
        [credit(0.1 * M, "A", "2"), credit(0.1 * M, "B", "2")],
        together(0.42, 91 * 0.1 * M, 91 * 0.1 * M),
    ),
    "residual credit": (
        [credit(0.09 * M, "A", "Residual"), credit(0.09 * M, "A", "Residual", "1y")],
        together(0.5, 665 * 0.09 * M, 665 * 0.09 * M),
    ),
    "a group of underlying names": (
        [
            credit(M, "A", "1", "5y", "CMBX", "CreditNonQ"),
            credit(M, "B", "1", "5y", "CMBX", "CreditNonQ"),
        ],
        together(0.82, 280 * M, 280 * M),
    ),
    "two groups": (
        [
            credit(M, "A", "1", "5y", "CMBX", "CreditNonQ"),
            credit(M, "B", "2", "5y", "ABX", "CreditNonQ"),
        ],
        # bucket 2 has 1 M over a threshold of 0.5 M
        together(0.4, 280 * M, 1300 * M * sqrt(2.0)),
    ),
    "base correlation": (
        [
            ("Credit", "Risk_BaseCorr", "CDX IG", "", "", "", 2 * M),
            ("Credit", "Risk_BaseCorr", "iTraxx Main", "", "", "", M),
        ],
        together(0.24, 20 * M, 10 * M),
    ),
    "volatilities of rates": (
        [vega("IRVol", 2 * M, "USD", "", "5y", "RatesFX"),
         vega("IRVol", M, "USD", "", "10y", "RatesFX")],
        ten_year_swaption([2 * M, M]),
    ),
    "volatilities of rates, bought and sold": (
        [vega("IRVol", 2 * M, "USD", "", "5y", "RatesFX"),
         vega("IRVol", -5 * M, "USD", "", "10y", "RatesFX")],
        ten_year_swaption([2 * M, -5 * M]),
    ),
    "curvature is never below zero": (
        [vega("IRVol", -2 * M, "USD", "", "5y", "RatesFX")],
        0.18 * 2 * M,
    ),
    "tenors of an equity net": (
        [vega("EquityVol", 2 * M, "A", "1"), vega("EquityVol", -2 * M, "A", "1", "2y")],
        curvature(26 * VOLATILITY * 2 * M, 365.0) - curvature(26 * VOLATILITY * 2 * M, 730.0),
    ),
    "indices of volatility have no curvature": (
        [vega("EquityVol", 2 * M, "VIX", "12")],
        0.96 * 0.58 * 18 * VOLATILITY * 2 * M,
    ),
    "a pair of currencies is one whichever comes first": (
        [vega("FXVol", 2 * M, "USDTRY", product="RatesFX"),
         vega("FXVol", M, "TRYUSD", product="RatesFX")],
        0.47 * 0.52 * 13.6 * VOLATILITY * 3 * M + curvature(13.6 * VOLATILITY * 3 * M, 365.0),
    ),
    "risk classes correlate, product classes add up": (
        [rates(2 * M), fx(M, "EUR"), rates(M, product="Credit")],
        together(0.32, 66 * 2 * M, 7.4 * M) + 66 * M,
    ),
    "add-ons": (
        [
            rates(2 * M),
            ("", "Param_ProductClassMultiplier", "RatesFX", "", "", "", 1.5),
            ("", "Param_AddOnNotionalFactor", "Alpha", "", "", "", 12.5),
            ("", "Notional", "Alpha", "", "", "", 8 * M),
            ("", "Notional", "Alpha", "", "", "", -8 * M),
            ("", "Notional", "Beta", "", "", "", 8 * M),
            ("", "Param_AddOnFixedAmount", "", "", "", "", 3 * M),
        ],
        66 * 2 * M * 1.5 + 0.125 * 16 * M + 3 * M,
    ),
    "nothing but an amount": (
        [("", "Param_AddOnFixedAmount", "", "", "", "", 3 * M)],
        3 * M,
    ),
}  # fmt: skip
