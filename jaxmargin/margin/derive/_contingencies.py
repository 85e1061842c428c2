"""Charges for unsure oracles and lost pegs."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._charged import MarketQuotes, PortfolioHoldings
from jaxmargin.margin.derive._parameters import OracleCharge, PegCharge

__all__ = [
    "market_confidence",
    "oracle_share",
    "peg_growth",
    "unsure_shares",
]


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
