"""Sums over marginal tiers: each part of an amount counts with the multiplier of its tier."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["marginal_tiers", "upper_edges"]


def marginal_tiers(
    amount: Float[Array, "*batch"],
    upper: Float[Array, "*#batch tier"],
    multiplier: Float[Array, "*#batch tier"],
) -> Float[Array, "*batch"]:
    r"""An amount whose part up to each edge counts with that tier's multiplier.

    With edges $0 = u_0 \le u_1 \le \dots$ and multipliers $m_1, m_2, \dots$,

    $$ \sum_t m_t \big( \min(x, u_t) - \min(x, u_{t-1}) \big). $$

    Continuous; a negative amount counts nothing, and neither does what lies beyond the last edge.
    Not differentiable at the edges.

    Args:
        amount: $x$.
        upper: $u_t$ in the unit of the amount, not falling; infinite for a tier without end, and
            repeated for tiers that do not exist.
        multiplier: $m_t$.
    """
    upper, multiplier = (_behind(tiers, amount.ndim) for tiers in (upper, multiplier))
    size = amount[..., None]
    lower = jnp.concatenate([jnp.zeros_like(upper[..., :1]), upper[..., :-1]], axis=-1)
    within = jnp.minimum(size, upper) - jnp.minimum(size, lower)
    return jnp.sum(multiplier * within, axis=-1)


def upper_edges(lower: Float[Array, "*batch tier"]) -> Float[Array, "*batch tier"]:
    """Upper edges of tiers given by their lower ones; the last has no end."""
    return jnp.concatenate([lower[..., 1:], jnp.full_like(lower[..., :1], jnp.inf)], axis=-1)


def _behind(tiers: Array, batch: int) -> Array:
    """Tiers with as many axes before the last as the amounts have."""
    return tiers.reshape((1,) * (batch + 1 - tiers.ndim) + tiers.shape)
