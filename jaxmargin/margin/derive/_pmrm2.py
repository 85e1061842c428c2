"""Derive's portfolio margin PMRM_2."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import YEAR_SECONDS, root_years
from jaxmargin.margin.derive._charged import (
    HeldCoins,
    MarketQuotes,
    PortfolioCharge,
    PortfolioHoldings,
    sum_groups,
)
from jaxmargin.margin.derive._contingencies import oracle_share, peg_growth, unsure_shares
from jaxmargin.margin.derive._inputs import (
    DeriveCollateral,
    DeriveMarket,
    DeriveOptions,
    DerivePositions,
    DeriveScenarios,
)
from jaxmargin.margin.derive._pmrm2_parameters import Pmrm2Discounts, Pmrm2Parameters
from jaxmargin.margin.derive._result import PortfolioMargin, net_margin
from jaxmargin.margin.derive._revaluation import (
    one_market,
    price_expiries,
    price_holdings,
    volatility_factors,
)
from jaxmargin.margin.derive._span import basis_pnl, options_pnl, worst_pnl
from jaxmargin.scenarios import SkewScenarios

__all__ = ["charge_pmrm2", "margin_pmrm2"]


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
    discount = jnp.exp(-jnp.maximum(market.rate, 0.0) * (market.seconds / YEAR_SECONDS))
    volatilities = _volatilities(market, positions.options, parameters)
    values = price_expiries(
        market, positions.options, scenarios, volatilities, discount, parameters.basis
    )
    held = price_holdings(market, positions, scenarios, values)
    value = collateral.quantity * collateral.price / market.stable_price
    coins = HeldCoins(
        value=value,
        moving=jnp.where(collateral.risk_cancelling, value, 0.0),
        market=jnp.zeros(value.shape, jnp.int32),
        confidence=jnp.minimum(collateral.confidence, market.spot_confidence),
        maintenance_haircut=collateral.maintenance_haircut,
        initial_haircut=collateral.initial_haircut,
    )
    of_market = jax.tree.map(lambda leaf: leaf[None], (scenarios, parameters))
    charge = charge_pmrm2(one_market(market), held, coins, *of_market)
    return net_margin(charge, positions.cash + jnp.sum(values.mark) + jnp.sum(value))


def charge_pmrm2(
    quotes: MarketQuotes,
    held: PortfolioHoldings,
    coins: HeldCoins,
    scenarios: DeriveScenarios,
    parameters: Pmrm2Parameters,
) -> PortfolioCharge:
    """What one account is charged in each market, by values that are known; see `margin_pmrm2`.

    Args:
        quotes: of the markets.
        held: options and perpetuals.
        coins: what is posted.
        scenarios: of each market.
        parameters: of each market.
    """

    def of_coins(amount: Float[Array, " coin"]) -> Float[Array, " market"]:
        return sum_groups(amount, coins.market, quotes.spot.shape[0])

    own = jax.tree.map(lambda leaf: leaf[quotes.market], parameters.discounts)
    factor = _static_discount(held.values.scenario, quotes.years, quotes.rate, own)
    pnl = options_pnl(held.values, quotes, scenarios, factor) + held.perpetual_pnl
    moving = of_coins(coins.moving)
    pnl = scenarios.damping * (pnl + moving[:, None] * (scenarios.spot_multiplier - 1.0))
    basis = basis_pnl(held.values, quotes, parameters.basis)
    lowest, worst = worst_pnl(pnl, basis)

    charges, perpetual = parameters.charges, jnp.abs(held.perpetual) * quotes.spot
    naked = quotes.of_expiries(held.naked) * quotes.spot
    maintenance = {
        "scenarios": -lowest * parameters.maintenance_factor,
        "perpetuals": perpetual * charges.perpetual_maintenance,
        "options": naked * charges.option_maintenance,
        "collateral": of_coins(coins.size * coins.maintenance_haircut),
    }
    multiple = parameters.initial_factor + peg_growth(quotes.stable_price, parameters.peg)
    share, unsure = unsure_shares(quotes, held, parameters.oracle)
    oracle = jax.tree.map(lambda leaf: leaf[coins.market], parameters.oracle)
    initial = {
        "scenarios": -lowest * multiple,
        "perpetuals": maintenance["perpetuals"] + perpetual * charges.perpetual_initial,
        "options": maintenance["options"] + naked * charges.option_initial,
        "collateral": maintenance["collateral"] + of_coins(coins.size * coins.initial_haircut),
        "oracle": perpetual * share
        + unsure * quotes.spot
        + of_coins(coins.size * oracle_share(coins.confidence, oracle)),
    }
    return PortfolioCharge(initial, maintenance, pnl, basis, worst)


def _static_discount(
    values: Float[Array, "expiry scenario"],
    years: Float[Array, " expiry"],
    rate: Float[Array, " expiry"],
    discounts: Pmrm2Discounts,
) -> Float[Array, "expiry scenario"]:
    """Factor of each expiry's value; that of short ones at most undoes the discount."""
    long_rate = rate * discounts.long_rate_multiple + discounts.long_rate_add
    short_rate = rate * discounts.short_rate_multiple + discounts.short_rate_add
    long = discounts.long_base * jnp.exp(-years * long_rate)
    short = jnp.minimum(jnp.exp(rate * years), discounts.short_base * jnp.exp(years * short_rate))
    return jnp.where(values >= 0.0, long[:, None], short[:, None])


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
    cap, width = skew.cap_and_width(root)
    move = moneyness * cap / width
    capped = jnp.where(moneyness >= 0.0, jnp.minimum(move, cap), jnp.maximum(move, -cap))
    return jnp.maximum(1.0 + capped, 0.0)
