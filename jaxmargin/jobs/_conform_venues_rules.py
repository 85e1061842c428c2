"""Each kind of worked example: from its inputs to the figures that it may expect."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.jobs._conform_venues_inputs import (
    number,
    numbers_of,
    only,
    pairs,
    require_within,
    rulebook_parameters,
    upper_tiers,
)

__all__ = [
    "Figures",
    "bybit_collateral",
    "bybit_option",
    "dederi_future",
    "hyperliquid_tiers",
    "kraken_collateral",
    "okx_unit",
]

Figures = dict[str, list[float]]

_OKX_PARTS = {
    "mr1_usd": "spot_shock",
    "mr2_usd": "theta",
    "mr3_usd": "vega",
    "mr4_usd": "basis",
    "mr5_usd": "rate",
    "mr6_usd": "extreme_move",
}
_BYBIT_SETTINGS = ("initial_rate", "least_initial_rate", "maintenance_rate", "liquidation_fee")


def okx_unit(case: str, inputs: Mapping[str, Any]) -> Figures:
    """Scaled minimum charge, and maintenance from the rest of the charge or from its parts."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import okx_minimum_charge, okx_unit_charge, okx_unit_maintenance

    tiers_key = "tiers_upper_usd_multiplier"
    only(case, inputs, {"mr7_raw_usd", "mr_other_usd", tiers_key, *_OKX_PARTS})
    upper, multiplier = upper_tiers(case, inputs, tiers_key)
    raw = number(case, inputs, "mr7_raw_usd", least=0.0)
    require_within(case, "mr7_raw_usd", raw, upper)
    minimum = okx_minimum_charge(jnp.asarray(raw), upper, multiplier)
    parts = [key for key in _OKX_PARTS if key in inputs]
    if "mr_other_usd" in inputs:
        require(
            not parts, f"{case}: mr_other_usd beside {', '.join(parts)}. Give one or the other."
        )
        charge = jnp.asarray(number(case, inputs, "mr_other_usd"))
    elif parts:
        given = {
            word: jnp.asarray(number(case, inputs, key)) if key in inputs else None
            for key, word in _OKX_PARTS.items()
        }
        try:
            charge = okx_unit_charge(**given)
        except InvalidInputError as error:
            raise InvalidInputError(f"{case}: {error}") from None
    else:
        return {"mr7_adjusted_usd": [float(minimum)]}
    return {
        "mr7_adjusted_usd": [float(minimum)],
        "mmr_usd": [float(okx_unit_maintenance(charge, minimum))],
    }


def bybit_option(case: str, inputs: Mapping[str, Any]) -> Figures:
    """Margins of a short option in cross margin, with the settings of bybit-uta.toml."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import bybit_option_margin

    prices = ("index", "strike", "mark", "entry")
    only(case, inputs, {*prices, "qty", "call"})
    require(
        isinstance(inputs["call"], bool),
        f"{case}, call: got {inputs['call']!r}. Give true or false.",
    )
    settings, quantity = rulebook_parameters("bybit-uta"), number(case, inputs, "qty")
    require(
        quantity < 0.0,
        f"{case}, qty: got {quantity:g}. The rule is that of short options; give a negative one.",
    )
    margin = bybit_option_margin(
        jnp.asarray(quantity),
        call=jnp.asarray(inputs["call"]),
        **{key: jnp.asarray(number(case, inputs, key, least=0.0)) for key in prices},
        **{key: jnp.asarray(settings[key]) for key in _BYBIT_SETTINGS},
    )
    return {"mm": [float(margin.maintenance)], "im": [float(margin.initial)]}


def bybit_collateral(case: str, inputs: Mapping[str, Any]) -> Figures:
    """Value of a balance after the ratios of its tiers; the keys begin with the coin."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import tiered_collateral_value

    ending = "_tiers_upper_ratio"
    tiers_key = next(key for key in inputs if key.endswith(ending))
    coin = tiers_key.removesuffix(ending)
    only(case, inputs, {tiers_key, coin, "price"})
    upper, ratio = upper_tiers(case, inputs, tiers_key)
    quantity, price = number(case, inputs, coin), number(case, inputs, "price", least=0.0)
    require_within(case, coin, quantity, upper)
    value = tiered_collateral_value(jnp.asarray(quantity), jnp.asarray(price), upper, ratio)
    return {"collateral_value": [float(value)]}


def hyperliquid_tiers(case: str, inputs: Mapping[str, Any]) -> Figures:
    """Margins of notionals, and the deduction of every tier."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import hyperliquid_margin, tier_deductions

    only(case, inputs, {"tiers", "notionals"})
    rows = pairs(case, inputs, "tiers")
    lower, leverage = jnp.asarray(rows).T
    require(
        rows[0][0] == 0.0 and bool(np.all(np.diff(lower) > 0.0)),
        f"{case}, tiers: lower edges {np.asarray(lower).tolist()}. They must rise from 0.",
    )
    require(
        bool(np.all(leverage > 0.0)),
        f"{case}, tiers: leverages {np.asarray(leverage).tolist()}. They must be positive.",
    )
    margin = hyperliquid_margin(jnp.asarray(numbers_of(case, inputs, "notionals")), lower, leverage)
    deductions = np.asarray(tier_deductions(lower, 0.5 / leverage))
    return {
        "maintenance_margin": np.asarray(margin.maintenance).tolist(),
        "initial_margin": np.asarray(margin.initial).tolist(),
        **{f"deduction_tier{tier}": [float(value)] for tier, value in enumerate(deductions)},
    }


def dederi_future(case: str, inputs: Mapping[str, Any]) -> Figures:
    """P&L of futures in every move, and their contingency."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import dederi_future_contingency, dederi_future_pnl

    only(case, inputs, {"qty", "index", "future", "contingency_factor", "shocks"})
    quantity, price, move = (
        jnp.asarray(numbers_of(case, inputs, key)) for key in ("qty", "future", "shocks")
    )
    require(
        quantity.shape == price.shape,
        f"{case}: {quantity.size} qty and {price.size} future. Give one price per quantity.",
    )
    index = jnp.asarray(number(case, inputs, "index", least=0.0))
    factor = number(case, inputs, "contingency_factor", least=0.0)
    pnl = np.asarray(dederi_future_pnl(quantity, price, move).sum(axis=0)).tolist()
    contingency = float(dederi_future_contingency(quantity, index, factor=factor))
    return {"pnl_rounded": pnl, "future_contingency": [contingency]}


def kraken_collateral(case: str, inputs: Mapping[str, Any]) -> Figures:
    """Value of a balance before and after its haircut; the key of the balance is the coin."""
    import jax.numpy as jnp

    from jaxmargin.margin.venues import haircut_collateral_value

    coins = [key for key in inputs if key not in ("index", "haircut")]
    require(
        len(coins) == 1,
        f"{case}, inputs: {', '.join(coins) or 'no coin'} beside index and haircut. Give one coin.",
    )
    quantity, price, haircut = (
        jnp.asarray(number(case, inputs, key, least=0.0)) for key in (*coins, "index", "haircut")
    )
    require(float(haircut) <= 1.0, f"{case}, haircut: got {float(haircut):g}. Write 4 % as 0.04.")
    value = haircut_collateral_value(quantity, price, haircut)
    return {"balance_value": [float(quantity * price)], "collateral_value": [float(value)]}
