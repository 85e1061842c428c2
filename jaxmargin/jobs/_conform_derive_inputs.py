"""Published cases of Derive's margin rules as the arrays that the rules read."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxmargin.margin.derive import DeriveCollateral, DeriveMarket, DerivePositions

__all__ = [
    "collateral_arrays",
    "fill_standard_market",
    "market_arrays",
    "option_arrays",
    "pmrm1_tables",
    "pmrm2_tables",
    "scenario_rows",
    "standard_tables",
]


def scenario_rows(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows with modes as they are named here."""
    return [[row[0], "absolute" if row[1] == "abs" else row[1], *row[2:]] for row in rows]


def market_arrays(
    quotes: dict[str, Any], options: list[dict[str, Any]], rows: int
) -> "DeriveMarket":
    """Quotes of a market; where confidence is stated by option, the lowest of each expiry."""
    import jax.numpy as jnp

    from jaxmargin.margin.derive import DeriveMarket, split_forward

    columns = {name: np.ones(rows) for name in ("seconds", "variable", "fixed", "rate")}
    sure = {name: np.ones(rows) for name in ("forward", "rate", "vol")}
    columns["fixed"][:] = columns["rate"][:] = 0.0
    for row, expiry in enumerate(quotes["expiries"]):
        seconds = float(expiry["seconds_to_expiry"])
        if "forward" in expiry:
            parts = split_forward(jnp.asarray(expiry["forward"], float), jnp.asarray(seconds))
        else:
            parts = (expiry["forward_variable"], expiry["forward_fixed"])
        columns["seconds"][row] = seconds
        columns["variable"][row], columns["fixed"][row] = (float(part) for part in parts)
        columns["rate"][row] = expiry.get("rate", 0.0)
        for name, column in sure.items():
            column[row] = expiry.get(f"{name}_confidence", 1.0)
    row_of = _rows(quotes["expiries"])
    for option in options:
        row = row_of[float(option["seconds_to_expiry"])]
        sure["vol"][row] = min(sure["vol"][row], option.get("vol_confidence", 1.0))
    return DeriveMarket(
        spot=np.asarray(quotes["spot"], float),
        spot_confidence=np.asarray(quotes["spot_confidence"], float),
        stable_price=np.asarray(quotes["stable_price"], float),
        perpetual_price=np.asarray(quotes["perp_price"], float),
        perpetual_confidence=np.asarray(quotes["perp_confidence"], float),
        seconds=columns["seconds"],
        forward_variable=columns["variable"],
        forward_fixed=columns["fixed"],
        forward_confidence=sure["forward"],
        rate=columns["rate"],
        rate_confidence=sure["rate"],
        volatility_confidence=sure["vol"],
    )


def option_arrays(
    book: dict[str, Any], expiries: list[dict[str, Any]], rows: int
) -> "DerivePositions":
    """Cash with what perpetuals have not settled, perpetuals and options."""
    from jaxmargin.margin.derive import DeriveOptions, DerivePositions

    row_of, expiry = _rows(expiries), np.zeros(rows, int)
    strike, sign, quantity, volatility = np.ones(rows), np.ones(rows), np.zeros(rows), np.ones(rows)
    for row, option in enumerate(book["options"]):
        expiry[row] = row_of[float(option["seconds_to_expiry"])]
        strike[row], sign[row] = option["strike"], 1.0 if option["call"] else -1.0
        quantity[row], volatility[row] = option["amount"], option["vol"]
    cash = book["cash"] + book["perp_unrealised_pnl"] + book["perp_unrealised_funding"]
    return DerivePositions(
        cash=np.asarray(cash, float),
        perpetual=np.asarray(book["perps"], float),
        options=DeriveOptions(expiry, strike, sign, quantity, volatility),
    )


def collateral_arrays(coins: list[dict[str, Any]], rows: int) -> "DeriveCollateral":
    """Coins posted, padded."""
    from jaxmargin.margin.derive import DeriveCollateral

    def column(name: str, fill: float) -> np.ndarray:
        return np.asarray([coin[name] for coin in coins] + [fill] * (rows - len(coins)), float)

    return DeriveCollateral(
        quantity=column("amount", 0.0),
        price=column("price", 1.0),
        confidence=column("confidence", 1.0),
        risk_cancelling=column("risk_cancelling", 0.0) > 0.0,
        maintenance_haircut=column("mm_haircut", 0.0),
        initial_haircut=column("im_haircut_extra", 0.0),
    )


def fill_standard_market(
    case: dict[str, Any], name: str, *, first: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Quotes and book of one market of a case in the form of the portfolio rules.

    Cash goes with the `first` market; a market that a case lacks is empty.
    """
    empty = {
        "spot": 1.0,
        "spot_confidence": 1.0,
        "perp_price": 1.0,
        "perp_confidence": 1.0,
        "expiries": [],
        "book": {"perps": 0.0, "funding_index_delta": 0.0, "base": 0.0, "options": []},
    }
    quotes = {**case["markets"].get(name, empty), "stable_price": case["stable_price"]}
    book = quotes["book"]
    entry = book.get("perp_entry_price")
    move = 0.0 if entry is None else quotes["perp_price"] - entry
    return quotes, {
        **book,
        "cash": case["cash"] if first else 0.0,
        "perp_unrealised_pnl": book["perps"] * move,
        # longs pay what the index has risen since they last settled
        "perp_unrealised_funding": -book["perps"] * book["funding_index_delta"],
    }


def pmrm2_tables(published: dict[str, Any]) -> dict[str, Any]:
    """Settings of PMRM_2 under the names of `Pmrm2Parameters`."""
    other, margin, skew = (
        published[name] for name in ("other_contingency", "margin", "skew_shock")
    )
    shared = {
        "smallest_width": skew["min_k_star"],
        "width_scale": skew["width_scale"],
        "volatility": skew["vol_param_static"],
        "volatility_slope": skew["vol_param_scale"],
    }
    return {
        "initial_factor": margin["im_factor"],
        "maintenance_factor": margin["mm_factor"],
        "minimum_up": published["vol_shock"]["min_vol_up_shock"],
        "discounts": {
            "long_base": margin["long_base_static_discount"],
            "short_base": margin["short_base_static_discount"],
            "long_rate_multiple": margin["long_rate_mult"],
            "long_rate_add": margin["long_rate_add"],
            "short_rate_multiple": margin["short_rate_mult"],
            "short_rate_add": margin["short_rate_add"],
        },
        "charges": {
            "perpetual_maintenance": other["mm_perp"],
            "perpetual_initial": other["im_perp_extra"],
            "option_maintenance": other["mm_option"],
            "option_initial": other["im_option_extra"],
        },
        "linear": {"cap": skew["linear_base_cap"], "cap_slope": skew["linear_c_base"], **shared},
        "absolute": {"cap": skew["abs_base_cap"], "cap_slope": skew["abs_c_base"], **shared},
        **_shared_tables(published),
    }


def pmrm1_tables(published: dict[str, Any]) -> dict[str, Any]:
    """Settings of PMRM v1 under the names of `Pmrm1Parameters`."""
    other, margin = published["other_contingency"], published["margin"]
    return {
        "initial_factor": margin["im_factor"],
        "discounts": {
            "base": margin["base_static_discount"],
            "rate_multiple": margin["rate_mult"],
            "rate_add": margin["rate_add"],
        },
        "charges": {
            "perpetual": other["perp"],
            "base": other["base"],
            "option": other["option"],
        },
        **_shared_tables(published),
    }


def standard_tables(published: dict[str, Any]) -> dict[str, Any]:
    """Settings of the Standard manager under the names of `StandardParameters`."""
    option, oracle, depeg = (published[name] for name in ("option", "oracle", "depeg"))
    return {
        "perpetuals": {
            "maintenance": published["perp"]["mm"],
            "initial": published["perp"]["im"],
        },
        "options": {
            "maximum_spot": option["max_spot"],
            "minimum_spot": option["min_spot"],
            "maintenance_call": option["mm_call_spot"],
            "maintenance_put": option["mm_put_spot"],
            "maintenance_put_mark": option["mm_put_mtm"],
            "unpaired_initial": option["unpaired_im_scale"],
            "unpaired_maintenance": option["unpaired_mm_scale"],
            "put_offset": option["mm_offset_scale"],
        },
        "oracle": {
            "perpetual_threshold": oracle["perp_threshold"],
            "option_threshold": oracle["option_threshold"],
            "base_threshold": oracle["base_threshold"],
            "factor": oracle["oc_factor"],
        },
        "base": {
            "factor": published["base"]["margin_factor"],
            "initial_scale": published["base"]["im_scale"],
        },
        "peg": {"threshold": depeg["threshold"], "factor": depeg["factor"]},
    }


def _shared_tables(published: dict[str, Any]) -> dict[str, Any]:
    shock, basis, other = (
        published[name] for name in ("vol_shock", "basis_contingency", "other_contingency")
    )
    return {
        "volatility": {
            "range_up": shock["range_up"],
            "range_down": shock["range_down"],
            "short_power": shock["short_term_power"],
            "long_power": shock["long_term_power"],
            "floor_days": shock["dte_floor_days"],
        },
        "basis": {
            "up": basis["spot_up"],
            "down": basis["spot_down"],
            "add": basis["add_factor"],
            "multiple": basis["mult_factor"],
        },
        "peg": {
            "threshold": other["peg_loss_threshold"],
            "factor": other["peg_loss_factor"],
        },
        "oracle": {
            "threshold": other["confidence_threshold"],
            "factor": other["confidence_margin"],
        },
    }


def _rows(expiries: list[dict[str, Any]]) -> dict[float, int]:
    """The first row of each time to expiry; later rows of the same time are not used."""
    rows: dict[float, int] = {}
    for row, expiry in enumerate(expiries):
        rows.setdefault(float(expiry["seconds_to_expiry"]), row)
    return rows
