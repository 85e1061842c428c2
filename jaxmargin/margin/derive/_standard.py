"""Derive's Standard manager."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import YEAR_SECONDS, option_value, root_years
from jaxmargin.margin.derive._charged import MarketQuotes, OptionLegs, sum_groups
from jaxmargin.margin.derive._inputs import DeriveMarket, DeriveOptions, DerivePositions
from jaxmargin.margin.derive._result import StandardMargin
from jaxmargin.margin.derive._sorted_legs import merge_legs
from jaxmargin.margin.derive._standard_options import bounded_margins, isolated_margins
from jaxmargin.margin.derive._standard_parameters import StandardParameters

__all__ = ["StandardCharge", "charge_standard", "margin_standard"]


class StandardCharge(eqx.Module):
    """Charges of one account by market, loss positive; see `StandardMargin`.

    Attributes:
        initial: named parts of the initial requirement.
        maintenance: named parts of the maintenance requirement.
        isolated: initial and maintenance margin of each expiry's options one by one, gain positive.
        bounded: most that each expiry's options can lose, for initial and maintenance.
    """

    initial: dict[str, Float[Array, " market"]]
    maintenance: dict[str, Float[Array, " market"]]
    isolated: tuple[Float[Array, " expiry"], Float[Array, " expiry"]]
    bounded: tuple[Float[Array, " expiry"], Float[Array, " expiry"]]


def margin_standard(
    market: DeriveMarket,
    positions: DerivePositions,
    base: Float[Array, " market"],
    parameters: StandardParameters,
) -> StandardMargin:
    """Margin of one account by the Standard manager; pure, for `jit` and `vmap` over accounts.

    Every array has a first axis `market`; cash may stand with any market, or be split. Each market
    is charged on its own: perpetuals by notional, options of an expiry by the lesser of what each
    short one needs alone and the most that all can lose, the coin held at a share of its value.
    Not differentiable where that choice, the worst settlement price or the sign of a quantity
    changes, or at a floor or cap; initial margin jumps at the oracle thresholds.

    Args:
        market: quotes of each market; rates are not read.
        positions: cash, perpetuals and options in each market.
        base: each market's own coin as collateral, in coins.
        parameters: settings of each market.

    References:
        Derive, "Standard margin": docs.derive.xyz, "standard-margin-parameters".
    """
    options, markets, expiries = positions.options, *market.seconds.shape
    first = jnp.arange(markets) * expiries
    unit_value = jax.vmap(_unit_values)(market, options)
    legs = OptionLegs(
        expiry=(options.expiry + first[:, None]).reshape(-1),
        strike=options.strike.reshape(-1),
        sign=options.sign.reshape(-1),
        quantity=options.quantity.reshape(-1),
    )
    sure = jnp.minimum(market.forward_confidence, market.volatility_confidence)
    quotes = MarketQuotes(
        spot=market.spot,
        stable_price=market.stable_price[0],
        spot_confidence=market.spot_confidence,
        perpetual_confidence=market.perpetual_confidence,
        market=jnp.repeat(jnp.arange(markets), expiries),
        years=market.seconds.reshape(-1) / YEAR_SECONDS,
        rate=jnp.zeros(markets * expiries, market.spot.dtype),
        expiry_confidence=sure.reshape(-1),
    )
    charge = charge_standard(
        quotes,
        legs,
        unit_value.reshape(-1),
        (market.forward_variable + market.forward_fixed).reshape(-1),
        positions.perpetual,
        market.perpetual_price,
        base,
        parameters,
    )
    value = jnp.sum(options.quantity * unit_value, axis=1)
    equity = jnp.sum(positions.cash + value + base * market.spot / market.stable_price)
    by_expiry = jax.tree.map(
        lambda leaf: leaf.reshape(markets, expiries), (*charge.isolated, *charge.bounded)
    )
    return StandardMargin(
        initial_net=equity - sum(jnp.sum(part) for part in charge.initial.values()),
        maintenance_net=equity - sum(jnp.sum(part) for part in charge.maintenance.values()),
        equity=equity,
        initial_components=charge.initial,
        maintenance_components=charge.maintenance,
        initial_isolated=by_expiry[0],
        maintenance_isolated=by_expiry[1],
        initial_bounded=by_expiry[2],
        maintenance_bounded=by_expiry[3],
    )


def charge_standard(
    quotes: MarketQuotes,
    legs: OptionLegs,
    unit_value: Float[Array, " option"],
    forward: Float[Array, " expiry"],
    perpetual: Float[Array, " market"],
    perpetual_price: Float[Array, " market"],
    base: Float[Array, " market"],
    parameters: StandardParameters,
) -> StandardCharge:
    """What one account is charged in each market, by values that are known; see `margin_standard`.

    Args:
        quotes: of the markets; rates are not read.
        legs: the options.
        unit_value: mark of one option of each row, not discounted, in USD.
        forward: of each expiry, in USD.
        perpetual: coins of perpetuals, long positive.
        perpetual_price: in USD.
        base: each market's own coin; what is owed is charged like what is held.
        parameters: of each market.
    """
    spot, oracle, owner = quotes.spot, parameters.oracle, quotes.market
    legs, unit_value = merge_legs(legs, unit_value)
    market_of = owner[legs.expiry]

    def by_expiry(amount: Float[Array, " option"]) -> Float[Array, " expiry"]:
        return sum_groups(amount, legs.expiry, owner.shape[0])

    settings, own = (
        jax.tree.map(lambda leaf, row=row: leaf[row], parameters.options)
        for row in (market_of, owner)
    )
    each = isolated_margins(legs, unit_value, spot[market_of], settings)
    isolated = (by_expiry(each[0]), by_expiry(each[1]))
    bounded = bounded_margins(legs, forward, own)
    value = quotes.of_expiries(by_expiry(legs.quantity * unit_value))
    held, size = jnp.abs(perpetual), jnp.where(base < 0.0, -base, base)
    coin_value = size * spot / quotes.stable_price
    short = by_expiry(-jnp.minimum(legs.quantity, 0.0))

    sure = jnp.minimum(quotes.spot_confidence, quotes.perpetual_confidence)
    of_expiry = jnp.minimum(quotes.expiry_confidence, quotes.spot_confidence[owner])
    unsure = (
        held * _shortfall(sure, oracle.perpetual_threshold)
        + quotes.of_expiries(short * _shortfall(of_expiry, oracle.option_threshold[owner]))
        + size * _shortfall(quotes.spot_confidence, oracle.base_threshold)
    )
    lost = jnp.maximum(parameters.peg.threshold - quotes.stable_price, 0.0)
    held_value, counted = held * perpetual_price, size * spot * parameters.base.factor
    maintenance = {
        "perpetuals": held_value * parameters.perpetuals.maintenance,
        "options": value - quotes.of_expiries(jnp.maximum(isolated[1], bounded[1])),
        "collateral": coin_value - counted,
    }
    initial = {
        "perpetuals": held_value * parameters.perpetuals.initial,
        "options": value - quotes.of_expiries(jnp.maximum(isolated[0], bounded[0])),
        "collateral": coin_value - counted * parameters.base.initial_scale,
        "oracle": unsure * oracle.factor * spot,
        "peg": lost * parameters.peg.factor * spot * (quotes.of_expiries(short) + held),
    }
    return StandardCharge(initial, maintenance, isolated, bounded)


def _unit_values(market: DeriveMarket, options: DeriveOptions) -> Float[Array, " option"]:
    """Mark of one option of each row, in USD; this rule does not discount."""
    forward = market.forward_variable + market.forward_fixed
    total = options.volatility * root_years(market.seconds)[options.expiry]
    return option_value(
        options.sign, forward[options.expiry], options.strike, total, jnp.ones_like(total)
    )


def _shortfall(
    confidence: Float[Array, "*shape"], threshold: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """What confidence lacks of one, if it is below the threshold; it jumps there."""
    return jnp.where(confidence < threshold, 1.0 - confidence, 0.0)
