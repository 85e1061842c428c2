"""Prices an account's options, by expiry: today, in every scenario, and with another basis."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin.derive._black import DAY_SECONDS, YEAR_SECONDS, option_value, root_years
from jaxmargin.margin.derive._charged import (
    ExpiryValues,
    MarketQuotes,
    OptionLegs,
    PortfolioHoldings,
    sum_groups,
)
from jaxmargin.margin.derive._inputs import (
    DeriveMarket,
    DeriveOptions,
    DerivePositions,
    DeriveScenarios,
)
from jaxmargin.margin.derive._parameters import BasisMove, VolatilityMove
from jaxmargin.margin.derive._sorted_legs import merge_legs, naked_shorts
from jaxmargin.scenarios import tenor_scale

__all__ = ["legs_of", "one_market", "price_expiries", "price_holdings", "volatility_factors"]


def volatility_factors(
    seconds: Float[Array, " expiry"], move: VolatilityMove
) -> tuple[Float[Array, " expiry"], Float[Array, " expiry"]]:
    """Factors of volatility of each expiry, up and down; down is not below zero."""
    days = seconds / DAY_SECONDS
    scale = tenor_scale(days, move.short_power, move.long_power, move.floor_days)
    return 1.0 + move.range_up * scale, jnp.maximum(1.0 - move.range_down * scale, 0.0)


def price_expiries(
    market: DeriveMarket,
    options: DeriveOptions,
    scenarios: DeriveScenarios,
    volatilities: Float[Array, "mode option"],
    discount: Float[Array, " expiry"],
    basis: BasisMove,
) -> ExpiryValues:
    """Values of the options by Derive's own formula; see `ExpiryValues`.

    Args:
        market: quotes.
        options: what is held.
        scenarios: the scenarios.
        volatilities: of each option in each `ScenarioMode` of the rule, in their order.
        discount: value today of one USD at each expiry.
        basis: moves of the basis.
    """
    row, root = options.expiry, root_years(market.seconds)

    def value(multiplier: Float[Array, ""], mode: Int[Array, ""]) -> Float[Array, " expiry"]:
        forward = market.forward_variable * multiplier + market.forward_fixed
        unit = option_value(
            options.sign,
            forward[row],
            options.strike,
            volatilities[mode] * root[row],
            discount[row],
        )
        return jax.ops.segment_sum(options.quantity * unit, row, market.seconds.shape[0])

    still = jnp.zeros(3, scenarios.mode.dtype)
    moves = jnp.stack([jnp.ones_like(basis.up), basis.up, basis.down])
    every = jax.vmap(value, out_axes=1)(
        jnp.concatenate([moves, scenarios.spot_multiplier]),
        jnp.concatenate([still, scenarios.mode]),
    )
    return ExpiryValues(every[:, 0], every[:, 3:], every[:, 1], every[:, 2])


def price_holdings(
    market: DeriveMarket,
    positions: DerivePositions,
    scenarios: DeriveScenarios,
    values: ExpiryValues,
) -> PortfolioHoldings:
    """One account of one market as the portfolio rules charge it."""
    (legs, _), expiries = merge_legs(legs_of(positions.options)), market.seconds.shape[0]
    size = positions.perpetual * market.perpetual_price
    return PortfolioHoldings(
        values=values,
        naked=naked_shorts(legs, expiries),
        gross=sum_groups(jnp.abs(legs.quantity), legs.expiry, expiries),
        perpetual=positions.perpetual[None],
        perpetual_pnl=(size * (scenarios.spot_multiplier - 1.0))[None, :],
    )


def legs_of(options: DeriveOptions) -> OptionLegs:
    """Options without their volatilities."""
    return OptionLegs(options.expiry, options.strike, options.sign, options.quantity)


def one_market(market: DeriveMarket) -> MarketQuotes:
    """A market on its own."""
    own = jnp.minimum(market.forward_confidence, market.rate_confidence)
    return MarketQuotes(
        spot=market.spot[None],
        stable_price=market.stable_price,
        spot_confidence=market.spot_confidence[None],
        perpetual_confidence=market.perpetual_confidence[None],
        market=jnp.zeros(market.seconds.shape, jnp.int32),
        years=market.seconds / YEAR_SECONDS,
        rate=jnp.maximum(market.rate, 0.0),
        expiry_confidence=jnp.minimum(own, market.volatility_confidence),
    )
