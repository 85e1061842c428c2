"""Derive's portfolio margin PMRM_2."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import YEAR_SECONDS, root_years
from jaxmargin.margin.derive._contingencies import (
    expiry_confidence,
    market_confidence,
    merge_contracts,
    naked_shorts,
    oracle_share,
    peg_growth,
)
from jaxmargin.margin.derive._inputs import (
    DeriveCollateral,
    DeriveMarket,
    DeriveOptions,
    DerivePositions,
    DeriveScenarios,
)
from jaxmargin.margin.derive._parameters import BasisMove, OracleCharge, PegCharge, VolatilityMove
from jaxmargin.margin.derive._result import PortfolioMargin
from jaxmargin.margin.derive._revaluation import (
    basis_pnl,
    expiry_values,
    options_pnl,
    volatility_factors,
)
from jaxmargin.scenarios import SkewScenarios

__all__ = ["Pmrm2Charges", "Pmrm2Discounts", "Pmrm2Parameters", "margin_pmrm2"]


class Pmrm2Discounts(eqx.Module):
    """Static discounts: a long expiry's value is cut in scenarios, a short one's is raised.

    Attributes:
        long_base: factor of long values at expiry.
        short_base: factor of short values at expiry.
        long_rate_multiple: share of the rate by which long values are discounted.
        long_rate_add: added to that rate, annualized.
        short_rate_multiple: share of the rate by which short values grow.
        short_rate_add: added to that rate, annualized.
    """

    long_base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    long_rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    long_rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm2Charges(eqx.Module):
    """Charges as shares of the notional at spot; initial ones come on top of maintenance.

    Attributes:
        perpetual_maintenance: on perpetuals, long or short.
        perpetual_initial: further charge on them.
        option_maintenance: on short options without cover, see `naked_shorts`.
        option_initial: further charge on them.
    """

    perpetual_maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    perpetual_initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option_maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option_initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm2Parameters(eqx.Module):
    """Settings of PMRM_2.

    Attributes:
        initial_factor: multiple of the worst P&L in initial margin.
        maintenance_factor: multiple of it in maintenance margin.
        minimum_up: lowest volatility after a rise, annualized.
        volatility: moves of volatility.
        discounts: static discounts.
        basis: moves of the basis.
        charges: charges on notional.
        peg: growth of the initial factor when the peg is lost.
        oracle: charge for unsure prices, initial margin alone.
        linear: size of the linear skew scenario.
        absolute: size of the absolute skew scenario.
    """

    initial_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    maintenance_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    minimum_up: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility: VolatilityMove
    discounts: Pmrm2Discounts
    basis: BasisMove
    charges: Pmrm2Charges
    peg: PegCharge
    oracle: OracleCharge
    linear: SkewScenarios
    absolute: SkewScenarios


def margin_pmrm2(
    market: DeriveMarket,
    positions: DerivePositions,
    collateral: DeriveCollateral,
    scenarios: DeriveScenarios,
    parameters: Pmrm2Parameters,
) -> PortfolioMargin:
    r"""Margin of one account by PMRM_2; pure, for `jit` and for `vmap` over accounts.

    $$ N = f \min\big(B, \min_s P_s\big) - C + E, $$

    with equity $E$, scenario P&L $P_s$, basis P&L $B \le 0$ and contingencies $C$. Differentiable
    except where the worst scenario, the worse basis or the sign of an expiry's value changes, at
    the floors and caps of volatilities, where short options become covered, and at the oracle
    threshold, where initial margin jumps.

    Args:
        market: quotes of the market.
        positions: cash, perpetuals and options.
        collateral: coins posted.
        scenarios: scenarios, with those of skew.
        parameters: settings.

    References:
        Derive, portfolio margin PM2: docs.derive.xyz, "pm2" and "portfolio-margin-parameters-new".
    """
    options, spot = positions.options, market.spot
    years, rate = market.seconds / YEAR_SECONDS, jnp.maximum(market.rate, 0.0)
    discount = jnp.exp(-rate * years)
    value = collateral.quantity * collateral.price / market.stable_price
    equity = (
        positions.cash
        + jnp.sum(expiry_values(market, options, options.volatility, discount))
        + jnp.sum(value)
    )
    pnl = options_pnl(
        market,
        options,
        scenarios,
        _volatilities(market, options, parameters),
        discount,
        lambda values: _static_discount(values, years, rate, parameters.discounts),
    )
    moving = jnp.sum(jnp.where(collateral.risk_cancelling, value, 0.0))
    moving += positions.perpetual * market.perpetual_price
    pnl = scenarios.damping * (pnl + moving * (scenarios.spot_multiplier - 1.0))
    basis = basis_pnl(market, options, discount, parameters.basis)
    every = jnp.append(pnl, basis)
    loss = -jnp.min(every)

    charges, held = parameters.charges, jnp.abs(positions.perpetual) * spot
    naked = naked_shorts(options) * spot
    maintenance = {
        "scenarios": loss * parameters.maintenance_factor,
        "perpetuals": held * charges.perpetual_maintenance,
        "options": naked * charges.option_maintenance,
        "collateral": jnp.sum(value * collateral.maintenance_haircut),
    }
    sure = jnp.minimum(collateral.confidence, market.spot_confidence)
    by_option = expiry_confidence(market, positions)[options.expiry]
    unsure = jnp.abs(merge_contracts(options)) * oracle_share(by_option, parameters.oracle)
    initial = {
        "scenarios": loss * (parameters.initial_factor + peg_growth(market, parameters.peg)),
        "perpetuals": maintenance["perpetuals"] + held * charges.perpetual_initial,
        "options": maintenance["options"] + naked * charges.option_initial,
        "collateral": maintenance["collateral"] + jnp.sum(value * collateral.initial_haircut),
        "oracle": held * oracle_share(market_confidence(market, positions), parameters.oracle)
        + jnp.sum(unsure) * spot
        + jnp.sum(value * oracle_share(sure, parameters.oracle)),
    }
    return PortfolioMargin(
        initial_net=equity - sum(initial.values()),
        maintenance_net=equity - sum(maintenance.values()),
        equity=equity,
        initial_components=initial,
        maintenance_components=maintenance,
        scenario_pnl=pnl,
        basis_pnl=basis,
        worst=jnp.argmin(every),
    )


def _static_discount(
    values: Float[Array, " expiry"],
    years: Float[Array, " expiry"],
    rate: Float[Array, " expiry"],
    discounts: Pmrm2Discounts,
) -> Float[Array, " expiry"]:
    """Factor of each expiry's value; that of short ones at most undoes the discount."""
    long_rate = rate * discounts.long_rate_multiple + discounts.long_rate_add
    short_rate = rate * discounts.short_rate_multiple + discounts.short_rate_add
    long = discounts.long_base * jnp.exp(-years * long_rate)
    short = jnp.minimum(jnp.exp(rate * years), discounts.short_base * jnp.exp(years * short_rate))
    return jnp.where(values >= 0.0, long, short)


def _volatilities(
    market: DeriveMarket, options: DeriveOptions, parameters: Pmrm2Parameters
) -> Float[Array, "mode option"]:
    """Volatility of each option in each `ScenarioMode`."""
    up, down = volatility_factors(market.seconds, parameters.volatility)
    forward = market.forward_variable + market.forward_fixed
    moneyness = jnp.log(options.strike / forward[options.expiry])
    root = root_years(market.seconds)[options.expiry]
    volatility = options.volatility
    return jnp.stack(
        [
            volatility,
            jnp.maximum(volatility * up[options.expiry], parameters.minimum_up),
            volatility * down[options.expiry],
            volatility * _skew(moneyness, root, parameters.linear),
            volatility * _skew(jnp.abs(moneyness), root, parameters.absolute),
        ]
    )


def _skew(
    moneyness: Float[Array, " option"], root: Float[Array, " option"], skew: SkewScenarios
) -> Float[Array, " option"]:
    """Factor of each volatility in a skew scenario, not below zero."""
    cap = skew.cap + skew.cap_slope * root
    width = root * skew.width_scale * (skew.volatility + root * skew.volatility_slope)
    move = moneyness * cap / jnp.maximum(width, skew.smallest_width)
    capped = jnp.where(moneyness >= 0.0, jnp.minimum(move, cap), jnp.maximum(move, -cap))
    return jnp.maximum(1.0 + capped, 0.0)
