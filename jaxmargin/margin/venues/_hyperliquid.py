"""Margin of one perpetual position on Hyperliquid, whose leverage falls with size."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.venues._tiered_margin import tier_deductions, tier_of, tiered_margin

__all__ = ["HyperliquidMargin", "hyperliquid_margin", "hyperliquid_withdrawal_margin"]


class HyperliquidMargin(NamedTuple):
    """Margin of positions in USD, not negative.

    Attributes:
        initial: to open the position.
        maintenance: below which it is liquidated.
    """

    initial: Float[Array, "..."]
    maintenance: Float[Array, "..."]


def hyperliquid_margin(
    notional: Float[Array, "*position"],
    lower: Float[Array, "*#position tier"],
    leverage: Float[Array, "*#position tier"],
    *,
    chosen_leverage: Float[Array, "*#position"] | None = None,
) -> HyperliquidMargin:
    r"""Initial and maintenance margin by tiers of size.

    With the largest leverage $\lambda_n$ of tier $n$, the rate of maintenance is
    $r_n = 1 / (2 \lambda_n)$ and

    $$ \mathrm{MM} = |N|\, r_n - d_n, \quad d_n = d_{n-1} + l_n (r_n - r_{n-1}), \quad
       \mathrm{IM} = |N| / \min(\lambda, \lambda_n) $$

    with $\lambda$ the leverage that the user chose. Initial margin jumps at the edges: no source
    gives it a deduction. Portfolio margin of the venue is not established and left out.

    Args:
        notional: $N$ in USD, of either sign.
        lower: lower edges $l_n$ of tiers in USD, rising from zero.
        leverage: $\lambda_n$, positive.
        chosen_leverage: $\lambda$, positive; None for the largest that the tier allows.

    References:
        Hyperliquid, docs, "Margin tiers" and "Margining", 2026.
    """
    rate = 0.5 / leverage
    most = tier_of(notional, lower, leverage)
    used = most if chosen_leverage is None else jnp.minimum(most, chosen_leverage)
    deduction = tier_deductions(jnp.broadcast_to(lower, rate.shape), rate)
    return HyperliquidMargin(
        initial=jnp.abs(notional) / used,
        maintenance=tiered_margin(notional, lower, rate, deduction),
    )


def hyperliquid_withdrawal_margin(
    initial: Float[Array, "*account"],
    notional: Float[Array, "*account"],
    *,
    share: Float[Array, ""] | float,
) -> Float[Array, "*account"]:
    """What must be left after a withdrawal: initial margin, and a share of all notional.

    Args:
        initial: initial margin of all positions, in USD.
        notional: sum of the sizes of all positions, in USD.
        share: of notional; a setting of the venue.

    References:
        Hyperliquid, docs, "Margining": max(initial_margin_required, 0.1 * total_position_value).
    """
    return jnp.maximum(initial, share * notional)
