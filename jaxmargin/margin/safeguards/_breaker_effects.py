"""What an open breaker does to margins and orders."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin.safeguards._breaker_settings import BreakerLevel, BreakerSettings

__all__ = ["account_multiplier", "breaker_multiplier", "order_allowed"]


def breaker_multiplier(
    level: Int[Array, "*asset"], settings: BreakerSettings
) -> Float[Array, "*asset"]:
    """The multiplier of margin at each `BreakerLevel`; an unknown level has the highest."""
    known = (level >= BreakerLevel.NORMAL) & (level <= BreakerLevel.HALTED)
    return jnp.asarray(settings.multiplier)[jnp.where(known, level, BreakerLevel.HALTED)]


def account_multiplier(
    exposed: Bool[Array, "account asset"], multiplier: Float[Array, " asset"]
) -> Float[Array, " account"]:
    """The highest multiplier among the assets that an account depends on; 1 if there is none.

    The margin of a portfolio does not split by asset, so the worst asset counts for all of it.
    """
    return jnp.max(jnp.where(exposed, multiplier[None, :], 1.0), axis=-1, initial=1.0)


def order_allowed(
    level: Int[Array, "*order"], margin_change: Float[Array, "*order"]
) -> Bool[Array, "*order"]:
    """Whether an order may be sent: when `HALTED`, only if it does not add to the margin.

    Args:
        level: of the asset, or venue, of the order; an unknown level counts as `HALTED`.
        margin_change: margin of the account with the order filled, less that without; NaN adds.
    """
    open_market = (level == BreakerLevel.NORMAL) | (level == BreakerLevel.CAUTIOUS)
    return open_market | (margin_change <= 0.0)
