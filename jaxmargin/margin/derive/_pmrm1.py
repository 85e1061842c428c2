"""Derive's first portfolio margin, PMRM v1."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import YEAR_SECONDS
from jaxmargin.margin.derive._contingencies import (
    expiry_confidence,
    market_confidence,
    merge_contracts,
    naked_shorts,
    oracle_share,
    peg_growth,
)
from jaxmargin.margin.derive._inputs import DeriveMarket, DerivePositions, DeriveScenarios
from jaxmargin.margin.derive._parameters import BasisMove, OracleCharge, PegCharge, VolatilityMove
from jaxmargin.margin.derive._result import PortfolioMargin
from jaxmargin.margin.derive._revaluation import (
    basis_pnl,
    expiry_values,
    options_pnl,
    volatility_factors,
)

__all__ = ["Pmrm1Charges", "Pmrm1Discounts", "Pmrm1Parameters", "margin_pmrm1"]


class Pmrm1Discounts(eqx.Module):
    """Static discount of the value of long expiries in scenarios.

    Attributes:
        base: factor at expiry.
        rate_multiple: multiple of the rate by which values are discounted.
        rate_add: added to that rate, annualized.
    """

    base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm1Charges(eqx.Module):
    """Charges as shares of the notional at spot; part of what the initial factor multiplies.

    Attributes:
        perpetual: on perpetuals, long or short.
        base: on the coin held.
        option: on short options without cover, see `naked_shorts`.
    """

    perpetual: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm1Parameters(eqx.Module):
    """Settings of PMRM v1.

    Attributes:
        initial_factor: initial margin as a multiple of maintenance margin.
        volatility: moves of volatility.
        discounts: static discounts.
        basis: moves of the basis.
        charges: charges on notional.
        peg: growth of the initial factor when the peg is lost.
        oracle: charge for unsure prices, initial margin alone.
    """

    initial_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility: VolatilityMove
    discounts: Pmrm1Discounts
    basis: BasisMove
    charges: Pmrm1Charges
    peg: PegCharge
    oracle: OracleCharge


def margin_pmrm1(
    market: DeriveMarket,
    positions: DerivePositions,
    base: Float[Array, ""],
    scenarios: DeriveScenarios,
    parameters: Pmrm1Parameters,
) -> PortfolioMargin:
    r"""Margin of one account by PMRM v1; pure, for `jit` and for `vmap` over accounts.

    $$ N = f \big(\min(B, \min_s P_s) - C\big) - O + E, $$

    with equity $E$, scenario P&L $P_s$, basis P&L $B \le 0$, contingencies $C$ and the oracle's
    charge $O$, the last in initial margin alone. Options are not discounted. Not differentiable
    where `margin_pmrm2` is not.

    Args:
        market: quotes of the market.
        positions: cash, perpetuals and options.
        base: the market's own coin as collateral, in coins, not negative.
        scenarios: scenarios of modes none, up and down, with damping 1.
        parameters: settings.

    References:
        Derive (then Lyra), "Portfolio margin", documentation of protocol V2.
    """
    options, spot = positions.options, market.spot
    undiscounted = jnp.ones_like(market.seconds)
    volatility = options.volatility
    up, down = volatility_factors(market.seconds, parameters.volatility)
    years, rate = market.seconds / YEAR_SECONDS, jnp.maximum(market.rate, 0.0)
    discounts = parameters.discounts
    long = discounts.base * jnp.exp(-years * (rate * discounts.rate_multiple + discounts.rate_add))
    value = base * spot / market.stable_price
    equity = (
        positions.cash + jnp.sum(expiry_values(market, options, volatility, undiscounted)) + value
    )
    pnl = options_pnl(
        market,
        options,
        scenarios,
        jnp.stack([volatility, volatility * up[options.expiry], volatility * down[options.expiry]]),
        undiscounted,
        lambda values: jnp.where(values > 0.0, long, 1.0),
    )
    moving = value + positions.perpetual * market.perpetual_price
    pnl = scenarios.damping * (pnl + moving * (scenarios.spot_multiplier - 1.0))
    basis = basis_pnl(market, options, undiscounted, parameters.basis)
    every = jnp.append(pnl, basis)

    held = jnp.abs(positions.perpetual)
    maintenance = {
        "scenarios": -jnp.min(every),
        "perpetuals": held * spot * parameters.charges.perpetual,
        "options": naked_shorts(options) * spot * parameters.charges.option,
        "collateral": base * spot * parameters.charges.base,
    }
    factor = parameters.initial_factor + peg_growth(market, parameters.peg)
    initial = {name: factor * part for name, part in maintenance.items()}
    by_option = expiry_confidence(market, positions)[options.expiry]
    coins = (held + base) * oracle_share(market_confidence(market, positions), parameters.oracle)
    coins += jnp.sum(jnp.abs(merge_contracts(options)) * oracle_share(by_option, parameters.oracle))
    initial["oracle"] = coins * spot
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
