"""Volatilities that a venue does not quote, from the prices that it does."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.market import implied_volatilities
from jaxmargin.numerics import VolatilityStatus

__all__ = ["fill_volatilities"]

_SECONDS_PER_YEAR = 365.0 * 86_400.0
_LISTED = 5


def fill_volatilities(
    rows: pd.DataFrame,
    forwards: pd.DataFrame,
    prices: dict[str, float],
    time: pd.Timestamp,
    notes: list[str],
) -> pd.DataFrame:
    """`rows` with blank volatilities implied from `price`, where that has one; others stay blank.

    Args:
        rows: options, see `Chain.rows`.
        forwards: asset, expiry and forward in the numeraire.
        prices: price of each asset in the numeraire.
        time: moment of the quotes.
        notes: how many were implied, and what could not be and why.
    """
    blank = (rows["volatility"].isna() & rows["price"].notna()).to_numpy()
    if not blank.any():
        return rows
    quotes = rows[blank].reset_index()
    own = quotes.drop(columns="forward").merge(
        forwards.rename(columns={"asset": "underlying"}), on=["underlying", "expiry"], how="left"
    )
    inverse = (own["underlying"] == own["settlement"]).to_numpy()
    forward = own["forward"].to_numpy() / np.where(inverse, 1.0, own["settlement"].map(prices))
    price = own["price"].to_numpy() * np.where(inverse, forward, 1.0)
    years = (own["expiry"] - time).dt.total_seconds().to_numpy() / _SECONDS_PER_YEAR
    sign = np.where(own["option_type"] == "call", 1.0, -1.0)
    with jax.enable_x64(True):
        found = implied_volatilities(
            *(jnp.asarray(x) for x in (price, sign, forward, own["strike"].to_numpy(), years)),
            inverse=False,
        )
        volatility, status = (np.asarray(x) for x in found)
    filled = rows["volatility"].to_numpy(copy=True)
    filled[own["index"].to_numpy()] = volatility
    notes.append(
        f"volatilities of {int((status == VolatilityStatus.CONVERGED).sum()):,} options implied "
        "from their prices"
    )
    for code in np.unique(status[status != VolatilityStatus.CONVERGED]):
        names = own.loc[status == code, "instrument"]
        more = ", ..." if len(names) > _LISTED else ""
        reason = VolatilityStatus(int(code)).name.lower().replace("_", " ")
        notes.append(
            f"no volatility of {len(names):,} options ({reason}): "
            f"{', '.join(names[:_LISTED])}{more}"
        )
    return rows.assign(volatility=filled)
