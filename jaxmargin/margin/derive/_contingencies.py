"""Charges that are linear in quantities: short options without cover, unsure oracles, lost pegs."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.margin.derive._charged import MarketQuotes, OptionLegs, PortfolioHoldings
from jaxmargin.margin.derive._parameters import OracleCharge, PegCharge

__all__ = [
    "market_confidence",
    "merge_contracts",
    "naked_shorts",
    "oracle_share",
    "peg_growth",
    "same_expiry",
    "unsure_shares",
]


def same_expiry(legs: OptionLegs) -> Bool[Array, "option option"]:
    """Whether two rows are of one expiry."""
    return legs.expiry[:, None] == legs.expiry[None, :]


def naked_shorts(legs: OptionLegs, expiries: int) -> Float[Array, " expiry"]:
    """Coins in short options that no option of the same expiry and strike offsets, by expiry.

    Where call and put of one strike have opposite signs, their sum counts if it is short;
    otherwise each one that is short counts. Rows of one contract are added up first.
    """
    same = same_expiry(legs) & (legs.strike[:, None] == legs.strike[None, :])
    call = legs.sign > 0.0
    calls = same @ jnp.where(call, legs.quantity, 0.0)
    puts = same @ jnp.where(call, 0.0, legs.quantity)
    short = jnp.maximum(-calls, 0.0) + jnp.maximum(-puts, 0.0)
    naked = jnp.where(calls * puts < 0.0, jnp.maximum(-(calls + puts), 0.0), short)
    seen_before = jnp.any(jnp.tril(same, k=-1), axis=1)
    return jax.ops.segment_sum(jnp.where(seen_before, 0.0, naked), legs.expiry, expiries)


def merge_contracts(legs: OptionLegs) -> Float[Array, " option"]:
    """Quantity of each contract, signed, on the first of its rows and zero on the others."""
    same = same_expiry(legs) & (legs.strike[:, None] == legs.strike[None, :])
    same &= legs.sign[:, None] == legs.sign[None, :]
    seen_before = jnp.any(jnp.tril(same, k=-1), axis=1)
    return jnp.where(seen_before, 0.0, same @ legs.quantity)


def market_confidence(
    quotes: MarketQuotes, perpetual: Float[Array, " market"]
) -> Float[Array, " market"]:
    """Confidence of spot and, where a perpetual is held, of its price: the lower."""
    both = jnp.minimum(quotes.spot_confidence, quotes.perpetual_confidence)
    return jnp.where(perpetual != 0.0, both, quotes.spot_confidence)


def unsure_shares(
    quotes: MarketQuotes, held: PortfolioHoldings, charge: OracleCharge
) -> tuple[Float[Array, " market"], Float[Array, " market"]]:
    """Shares of perpetuals' notional charged in each market, and coins of options charged whole."""
    sure = market_confidence(quotes, held.perpetual)
    by_expiry = jnp.minimum(quotes.expiry_confidence, sure[quotes.market])
    own = jax.tree.map(lambda leaf: leaf[quotes.market], charge)
    return oracle_share(sure, charge), quotes.of_expiries(held.gross * oracle_share(by_expiry, own))


def oracle_share(
    confidence: Float[Array, "*shape"], charge: OracleCharge
) -> Float[Array, "*shape"]:
    """Share of a notional that is charged; it jumps at the threshold."""
    return jnp.where(confidence < charge.threshold, (1.0 - confidence) * charge.factor, 0.0)


def peg_growth(stable_price: Float[Array, ""], peg: PegCharge) -> Float[Array, "*market"]:
    """What the factor of initial margin grows by."""
    return jnp.maximum(peg.threshold - stable_price, 0.0) * peg.factor
