"""Derive's first portfolio margin, PMRM v1."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._charged import MarketQuotes, PortfolioCharge, PortfolioHoldings
from jaxmargin.margin.derive._contingencies import peg_growth, unsure_shares
from jaxmargin.margin.derive._inputs import DeriveMarket, DerivePositions, DeriveScenarios
from jaxmargin.margin.derive._pmrm1_parameters import Pmrm1Parameters
from jaxmargin.margin.derive._result import PortfolioMargin, net_margin
from jaxmargin.margin.derive._revaluation import (
    one_market,
    price_expiries,
    price_holdings,
    volatility_factors,
)
from jaxmargin.margin.derive._span import basis_pnl, options_pnl, worst_pnl

__all__ = ["charge_pmrm1", "margin_pmrm1"]


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
    options, volatility = positions.options, positions.options.volatility
    up, down = volatility_factors(market.seconds, parameters.volatility)
    values = price_expiries(
        market,
        options,
        scenarios,
        jnp.stack([volatility, volatility * up[options.expiry], volatility * down[options.expiry]]),
        jnp.ones_like(market.seconds),
        parameters.basis,
    )
    held = price_holdings(market, positions, scenarios, values)
    by_market = jax.tree.map(lambda leaf: leaf[None], (base, scenarios, parameters))
    charge = charge_pmrm1(one_market(market), held, *by_market)
    coins = base * market.spot / market.stable_price
    return net_margin(charge, positions.cash + jnp.sum(values.mark) + coins)


def charge_pmrm1(
    quotes: MarketQuotes,
    held: PortfolioHoldings,
    base: Float[Array, " market"],
    scenarios: DeriveScenarios,
    parameters: Pmrm1Parameters,
) -> PortfolioCharge:
    """What one account is charged in each market, by values that are known; see `margin_pmrm1`.

    Args:
        quotes: of the markets.
        held: options and perpetuals.
        base: coins of each market as collateral; what is owed is charged like what is held.
        scenarios: of each market.
        parameters: of each market.
    """
    spot, size = quotes.spot, jnp.where(base < 0.0, -base, base)
    rate, own = quotes.rate, parameters.discounts
    rate = rate * own.rate_multiple[quotes.market] + own.rate_add[quotes.market]
    long = own.base[quotes.market] * jnp.exp(-quotes.years * rate)
    factor = jnp.where(held.values.scenario > 0.0, long[:, None], 1.0)
    pnl = options_pnl(held.values, quotes, scenarios, factor) + held.perpetual_pnl
    moving = base * spot / quotes.stable_price
    pnl = scenarios.damping * (pnl + moving[:, None] * (scenarios.spot_multiplier - 1.0))
    basis = basis_pnl(held.values, quotes, parameters.basis)
    lowest, worst = worst_pnl(pnl, basis)

    perpetual = jnp.abs(held.perpetual)
    maintenance = {
        "scenarios": -lowest,
        "perpetuals": perpetual * spot * parameters.charges.perpetual,
        "options": quotes.of_expiries(held.naked) * spot * parameters.charges.option,
        "collateral": size * spot * parameters.charges.base,
    }
    multiple = parameters.initial_factor + peg_growth(quotes.stable_price, parameters.peg)
    share, unsure = unsure_shares(quotes, held, parameters.oracle)
    initial = {name: multiple * part for name, part in maintenance.items()}
    initial["oracle"] = ((perpetual + size) * share + unsure) * spot
    return PortfolioCharge(initial, maintenance, pnl, basis, worst)
