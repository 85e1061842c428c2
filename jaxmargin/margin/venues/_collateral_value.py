"""What venues let a coin count as collateral: by tiers of size, or after one haircut."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.numerics import marginal_tiers

__all__ = ["haircut_collateral_value", "tiered_collateral_value"]


def tiered_collateral_value(
    quantity: Float[Array, "*balance"],
    price: Float[Array, "*#balance"],
    upper: Float[Array, "*#balance tier"],
    ratio: Float[Array, "*#balance tier"],
) -> Float[Array, "*balance"]:
    r"""Value of balances with each part of the quantity at its tier's ratio, debts in full.

    $p \sum_t c_t (\min(q, u_t) - \min(q, u_{t-1}))$ for $q \ge 0$, and $p\,q$ below zero. Bybit's
    collateral value ratios and OKX's discount rates have this form. Not differentiable at the
    edges of tiers and at zero.

    Args:
        quantity: $q$ in coins; negative for a debt.
        price: $p$ of one coin in USD.
        upper: upper edges $u_t$ in coins, not falling; infinite for the last tier of most.
        ratio: $c_t$ in [0, 1]; beyond the last edge nothing counts.

    References:
        Bybit Help Center (2025), "Understanding Collateral Value Ratios in Unified Trading
        Account"; OKX, "Discount rates".
    """
    return price * (marginal_tiers(quantity, upper, ratio) + jnp.minimum(quantity, 0.0))


def haircut_collateral_value(
    quantity: Float[Array, "*balance"],
    price: Float[Array, "*#balance"],
    haircut: Float[Array, "*#balance"],
) -> Float[Array, "*balance"]:
    r"""Value $(1 - h)\, p\, q$ of balances after one haircut whatever the size, as on Kraken.

    Args:
        quantity: $q$ in coins, not negative: the page says nothing of debts.
        price: $p$ of one coin in USD.
        haircut: $h$ in [0, 1].

    References:
        Kraken Support, article 4843323030164, multi-collateral futures.
    """
    return (1.0 - haircut) * price * quantity
