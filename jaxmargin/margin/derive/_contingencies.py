"""Charges that are linear in quantities: short options without cover, unsure oracles, lost pegs."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.margin.derive._inputs import DeriveMarket, DeriveOptions, DerivePositions
from jaxmargin.margin.derive._parameters import OracleCharge, PegCharge

__all__ = [
    "expiry_confidence",
    "market_confidence",
    "merge_contracts",
    "naked_shorts",
    "oracle_share",
    "peg_growth",
    "same_expiry",
]


def same_expiry(options: DeriveOptions) -> Bool[Array, "option option"]:
    """Whether two rows are of one expiry."""
    return options.expiry[:, None] == options.expiry[None, :]


def naked_shorts(options: DeriveOptions) -> Float[Array, ""]:
    """Coins in short options that no option of the same expiry and strike offsets.

    Where call and put of one strike have opposite signs, their sum counts if it is short;
    otherwise each one that is short counts. Rows of one contract are added up first.
    """
    same = same_expiry(options) & (options.strike[:, None] == options.strike[None, :])
    call = options.sign > 0.0
    calls = same @ jnp.where(call, options.quantity, 0.0)
    puts = same @ jnp.where(call, 0.0, options.quantity)
    short = jnp.maximum(-calls, 0.0) + jnp.maximum(-puts, 0.0)
    naked = jnp.where(calls * puts < 0.0, jnp.maximum(-(calls + puts), 0.0), short)
    seen_before = jnp.any(jnp.tril(same, k=-1), axis=1)
    return jnp.sum(jnp.where(seen_before, 0.0, naked))


def merge_contracts(options: DeriveOptions) -> Float[Array, " option"]:
    """Quantity of each contract, signed, on the first of its rows and zero on the others."""
    same = same_expiry(options) & (options.strike[:, None] == options.strike[None, :])
    same &= options.sign[:, None] == options.sign[None, :]
    seen_before = jnp.any(jnp.tril(same, k=-1), axis=1)
    return jnp.where(seen_before, 0.0, same @ options.quantity)


def market_confidence(market: DeriveMarket, positions: DerivePositions) -> Float[Array, ""]:
    """Confidence of spot and, where a perpetual is held, of its price: the lower."""
    both = jnp.minimum(market.spot_confidence, market.perpetual_confidence)
    return jnp.where(positions.perpetual != 0.0, both, market.spot_confidence)


def expiry_confidence(market: DeriveMarket, positions: DerivePositions) -> Float[Array, " expiry"]:
    """Lowest confidence of what options of each expiry depend on."""
    own = jnp.minimum(market.forward_confidence, market.rate_confidence)
    own = jnp.minimum(own, market.volatility_confidence)
    return jnp.minimum(own, market_confidence(market, positions))


def oracle_share(
    confidence: Float[Array, "*shape"], charge: OracleCharge
) -> Float[Array, "*shape"]:
    """Share of a notional that is charged; it jumps at the threshold."""
    return jnp.where(confidence < charge.threshold, (1.0 - confidence) * charge.factor, 0.0)


def peg_growth(market: DeriveMarket, peg: PegCharge) -> Float[Array, ""]:
    """What the factor of initial margin grows by."""
    return jnp.maximum(peg.threshold - market.stable_price, 0.0) * peg.factor
