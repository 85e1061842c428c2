"""From quoted option prices to volatilities."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.numerics import VolatilityStatus, implied_total_volatility

__all__ = ["implied_volatilities"]


def implied_volatilities(
    price: Float[Array, "*shape"],
    sign: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
    time: Float[Array, "*shape"],
    *,
    discount: Float[Array, "*shape"] | None = None,
    inverse: bool,
) -> tuple[Float[Array, "*shape"], Int[Array, "*shape"]]:
    r"""Annualized volatilities of quoted option prices, and what became of each quote.

    Inverts $P = D\,\mathrm{Black}(F, K, \sigma \sqrt T)$ for linear quotes and
    $P = D\,\mathrm{Black}(F, K, \sigma \sqrt T) / F$ for quotes in the coin. Differentiable; see
    `implied_total_volatility`.

    Args:
        price: quoted price of one unit: in the unit of `strike`, or in the coin if `inverse`.
        sign: 1 for a call, -1 for a put.
        forward: forward price, positive.
        strike: strike, positive.
        time: years to expiry; a quote with no time left has status `INVALID`.
        discount: $D$, value today of one unit of the settlement asset at expiry; 1 if not given.
        inverse: whether prices are in the coin.

    Returns:
        Volatility, NaN where there is none; and the `VolatilityStatus` of each, as integers.
    """
    undiscounted = price if discount is None else price / discount
    if inverse:
        undiscounted = undiscounted * forward
    total_volatility, status = implied_total_volatility(undiscounted, sign, forward, strike)
    status = jnp.where(time > 0.0, status, VolatilityStatus.INVALID)
    found = status == VolatilityStatus.CONVERGED  # guarded twice, for the derivative in time
    root = jnp.sqrt(jnp.where(found, time, 1.0))
    return jnp.where(found, jnp.where(found, total_volatility, 0.0) / root, jnp.nan), status
