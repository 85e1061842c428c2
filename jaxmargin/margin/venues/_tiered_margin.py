"""Margin by tiers of notional: a rate of the tier, less a deduction that joins the tiers."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["tier_deductions", "tier_of", "tiered_margin"]


def tier_deductions(
    lower: Float[Array, "*batch tier"], rate: Float[Array, "*batch tier"]
) -> Float[Array, "*batch tier"]:
    r"""Deductions with which margin has no jump at the edges of tiers.

    $d_0 = 0$ and $d_n = d_{n-1} + l_n (r_n - r_{n-1})$.

    Args:
        lower: lower edges $l_n$ in the numeraire, finite and rising; the first is not used.
        rate: $r_n$ of each tier.

    References:
        Hyperliquid, docs, "Margin tiers", 2026. Binance publishes the same figure as "cum" of a
        bracket.
    """
    step = lower[..., 1:] * (rate[..., 1:] - rate[..., :-1])
    first = jnp.zeros_like(rate[..., :1])
    return jnp.concatenate([first, jnp.cumsum(step, axis=-1)], axis=-1)


def tier_of(
    notional: Float[Array, "*batch"],
    lower: Float[Array, "*#batch tier"],
    value: Float[Array, "*#batch tier"],
) -> Float[Array, "*batch"]:
    """The entry of `value` of the tier that each notional is in; an edge is in the upper one.

    Args:
        notional: of either sign; its size decides.
        lower: lower edges of tiers in the unit of notional, rising, the first not above zero.
        value: one entry per tier.
    """
    lower, value = (_spread(tiers, notional.shape) for tiers in (lower, value))
    reached = jnp.sum(jnp.abs(notional)[..., None] >= lower, axis=-1)
    place = jnp.maximum(reached - 1, 0)[..., None]
    return jnp.take_along_axis(value, place, axis=-1)[..., 0]


def tiered_margin(
    notional: Float[Array, "*batch"],
    lower: Float[Array, "*#batch tier"],
    rate: Float[Array, "*#batch tier"],
    deduction: Float[Array, "*#batch tier"],
) -> Float[Array, "*batch"]:
    r"""Margin $|N|\, r - d$ with rate and deduction of the tier of $|N|$; loss positive.

    With the deductions of `tier_deductions` it is continuous, and equal to the marginal sum of
    `marginal_tiers`. Not differentiable at the edges of tiers and at zero. Serves Hyperliquid, and
    Binance with a bracket's `maintMarginRatio` and `cum`.

    Args:
        notional: $N$ in the numeraire, of either sign.
        lower: lower edges of tiers in the numeraire, rising from zero.
        rate: $r$ of each tier, as a share of notional.
        deduction: $d$ of each tier in the numeraire.

    References:
        Hyperliquid, docs, "Margin tiers", 2026; Binance, "Portfolio margin", maintenance margin.
    """
    return jnp.abs(notional) * tier_of(notional, lower, rate) - tier_of(notional, lower, deduction)


def _spread(tiers: Array, shape: tuple[int, ...]) -> Array:
    """Tiers for every entry of an array of `shape`."""
    tiers = tiers.reshape((1,) * (len(shape) + 1 - tiers.ndim) + tiers.shape)
    return jnp.broadcast_to(tiers, (*shape, tiers.shape[-1]))
