"""Derive's Standard manager."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import option_value, root_years
from jaxmargin.margin.derive._contingencies import merge_contracts
from jaxmargin.margin.derive._inputs import DeriveMarket, DeriveOptions, DerivePositions
from jaxmargin.margin.derive._result import StandardMargin
from jaxmargin.margin.derive._standard_options import bounded_margins, isolated_margins
from jaxmargin.margin.derive._standard_parameters import StandardParameters

__all__ = ["margin_standard"]

_Parts = dict[str, Float[Array, ""]]
_Expiries = tuple[Float[Array, " expiry"], ...]


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
    equity, initial, maintenance, isolated, bounded = jax.vmap(_margin_market)(
        market, positions, base, parameters
    )
    total = jnp.sum(equity)
    return StandardMargin(
        initial_net=total - sum(jnp.sum(part) for part in initial.values()),
        maintenance_net=total - sum(jnp.sum(part) for part in maintenance.values()),
        equity=total,
        initial_components=initial,
        maintenance_components=maintenance,
        initial_isolated=isolated[0],
        maintenance_isolated=isolated[1],
        initial_bounded=bounded[0],
        maintenance_bounded=bounded[1],
    )


def _margin_market(
    market: DeriveMarket,
    positions: DerivePositions,
    base: Float[Array, ""],
    parameters: StandardParameters,
) -> tuple[Float[Array, ""], _Parts, _Parts, _Expiries, _Expiries]:
    options, spot, oracle = positions.options, market.spot, parameters.oracle
    quantity, unit_value = merge_contracts(options), _unit_values(market, options)
    isolated = isolated_margins(market, options, quantity, unit_value, parameters.options)
    bounded = bounded_margins(market, options, quantity, parameters.options)
    value = jnp.sum(quantity * unit_value)
    held, coin = jnp.abs(positions.perpetual), base * spot
    coin_value = coin / market.stable_price
    short = jax.ops.segment_sum(-jnp.minimum(quantity, 0.0), options.expiry, market.seconds.size)

    sure = jnp.minimum(market.spot_confidence, market.perpetual_confidence)
    by_expiry = jnp.minimum(market.forward_confidence, market.volatility_confidence)
    by_expiry = jnp.minimum(by_expiry, market.spot_confidence)
    unsure = (
        held * _shortfall(sure, oracle.perpetual_threshold)
        + jnp.sum(short * _shortfall(by_expiry, oracle.option_threshold))
        + base * _shortfall(market.spot_confidence, oracle.base_threshold)
    )
    lost = jnp.maximum(parameters.peg.threshold - market.stable_price, 0.0)
    held_value, counted = held * market.perpetual_price, coin * parameters.base.factor
    maintenance = {
        "perpetuals": held_value * parameters.perpetuals.maintenance,
        "options": value - jnp.sum(jnp.maximum(isolated[1], bounded[1])),
        "collateral": coin_value - counted,
    }
    initial = {
        "perpetuals": held_value * parameters.perpetuals.initial,
        "options": value - jnp.sum(jnp.maximum(isolated[0], bounded[0])),
        "collateral": coin_value - counted * parameters.base.initial_scale,
        "oracle": unsure * oracle.factor * spot,
        "peg": lost * parameters.peg.factor * spot * (jnp.sum(short) + held),
    }
    return positions.cash + value + coin_value, initial, maintenance, isolated, bounded


def _unit_values(market: DeriveMarket, options: DeriveOptions) -> Float[Array, " option"]:
    """Mark of one option of each row, in USD; this rule does not discount."""
    forward = market.forward_variable + market.forward_fixed
    total = options.volatility * root_years(market.seconds)[options.expiry]
    return option_value(
        options.sign, forward[options.expiry], options.strike, total, jnp.ones_like(total)
    )


def _shortfall(
    confidence: Float[Array, "*shape"], threshold: Float[Array, ""]
) -> Float[Array, "*shape"]:
    """What confidence lacks of one, if it is below the threshold; it jumps there."""
    return jnp.where(confidence < threshold, 1.0 - confidence, 0.0)
