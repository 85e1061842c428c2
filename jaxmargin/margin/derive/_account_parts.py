"""From an account's slots in the table of contract P&L to the sums that Derive's rules charge."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.derive._charged import (
    ExpiryValues,
    MarketQuotes,
    OptionLegs,
    PortfolioHoldings,
    sum_groups,
)
from jaxmargin.margin.derive._sorted_legs import merge_legs, naked_shorts
from jaxmargin.market import Market

__all__ = ["AccountParts", "OracleConfidence", "account_parts", "market_quotes", "portfolio"]


class OracleConfidence(eqx.Module):
    """How sure the venue's oracle is of each price, in [0, 1].

    Attributes:
        spot: of each asset's price.
        perpetual: of each perpetual's price.
        forward: of each pillar's forward.
        rate: of each pillar's discount rate.
        volatility: of each pillar's volatilities.
    """

    spot: Float[Array, " asset"]
    perpetual: Float[Array, " asset"]
    forward: Float[Array, " pillar"]
    rate: Float[Array, " pillar"]
    volatility: Float[Array, " pillar"]


class AccountParts(eqx.Module):
    """What one account holds.

    Attributes:
        legs: a row for each slot; those that hold no option have quantity zero.
        unit_value: value of one coin's option in each slot, in the numeraire.
        mark: value of the options of each expiry, in the numeraire.
        options_pnl: P&L of the options of each expiry.
        perpetual: coins of perpetuals.
        perpetual_pnl: P&L of the perpetuals of each asset.
        coin_value: value of each asset held, in the numeraire.
    """

    legs: OptionLegs
    unit_value: Float[Array, " option"]
    mark: Float[Array, " expiry"]
    options_pnl: Float[Array, "expiry scenario"]
    perpetual: Float[Array, " asset"]
    perpetual_pnl: Float[Array, "asset scenario"]
    coin_value: Float[Array, " asset"]


def account_parts(row: Holdings, market: Market) -> AccountParts:
    """The parts of one account: `row` is one row of `Holdings`, as `vmap` passes it."""
    terms, assets, expiries = row.terms, market.spot.shape[0], market.forward.shape[0]
    option = terms.kind == ContractKind.OPTION
    perpetual = terms.kind == ContractKind.PERPETUAL
    group = jnp.where(option, terms.pillar, expiries + terms.asset)
    held = jnp.where(option | perpetual, row.quantity, 0.0)
    belongs = jnp.arange(expiries + assets)[:, None] == group[None, :]
    pnl = jnp.matmul(
        jnp.where(belongs, held[None, :], 0.0), row.pnl, precision=jax.lax.Precision.HIGHEST
    )
    columns = jnp.stack(
        [
            jnp.where(option, row.quantity * terms.value, 0.0),
            jnp.where(perpetual, row.quantity * terms.coins, 0.0),
            jnp.where(option | perpetual, 0.0, row.quantity * terms.value),
        ],
        axis=1,
    )
    sums = sum_groups(columns, group, expiries + assets)
    return AccountParts(
        legs=OptionLegs(
            expiry=jnp.where(option, terms.pillar, 0),
            strike=terms.strike,
            sign=terms.sign,
            quantity=jnp.where(option, row.quantity * terms.coins, 0.0),
        ),
        unit_value=terms.value / jnp.where(terms.coins > 0.0, terms.coins, 1.0),
        mark=sums[:expiries, 0],
        options_pnl=pnl[:expiries],
        perpetual=sums[expiries:, 1],
        perpetual_pnl=pnl[expiries:],
        coin_value=sums[expiries:, 2],
    )


def market_quotes(
    market: Market,
    stable_price: Float[Array, ""],
    confidence: OracleConfidence | None,
    *,
    rates: bool = True,
) -> MarketQuotes:
    """Every asset as a market of Derive, with its pillars as expiries.

    Args:
        market: today's market.
        stable_price: of the stablecoin.
        confidence: of the venue's oracle.
        rates: whether the rule looks at the confidence of rates.
    """
    certain = jnp.ones_like(market.spot)
    by_pillar = jnp.ones_like(market.forward)
    if confidence is not None:
        by_pillar = jnp.minimum(confidence.forward, confidence.volatility)
        by_pillar = jnp.minimum(by_pillar, confidence.rate) if rates else by_pillar
    return MarketQuotes(
        spot=market.spot,
        stable_price=stable_price,
        spot_confidence=certain if confidence is None else confidence.spot,
        perpetual_confidence=certain if confidence is None else confidence.perpetual,
        market=market.asset,
        years=market.time,
        rate=jnp.maximum(market.rate, 0.0),
        expiry_confidence=by_pillar,
    )


def portfolio(
    parts: AccountParts, growth: Float[Array, " expiry"], scenarios: int
) -> PortfolioHoldings:
    """What the portfolio rules charge, from the columns of `portfolio_shocks`.

    Args:
        parts: of the account.
        growth: the rule's value of an option for one in the market.
        scenarios: of the rule; the two columns behind them move the basis.
    """
    (legs, _), expiries = merge_legs(parts.legs), growth.shape[0]
    values = growth[:, None] * (parts.mark[:, None] + parts.options_pnl[:, : scenarios + 2])
    return PortfolioHoldings(
        values=ExpiryValues(
            mark=growth * parts.mark,
            scenario=values[:, :scenarios],
            up=values[:, scenarios],
            down=values[:, scenarios + 1],
        ),
        naked=naked_shorts(legs, expiries),
        gross=sum_groups(jnp.abs(legs.quantity), legs.expiry, expiries),
        perpetual=parts.perpetual,
        perpetual_pnl=parts.perpetual_pnl[:, :scenarios],
    )
