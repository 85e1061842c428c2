"""Accounts of a venue while they are liquidated, and everybody else."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin.safeguards import BreakerState, start_breaker
from jaxmargin.numerics import exact_matmul
from jaxmargin.systemic._liquidation_settings import LiquidationSettings

__all__ = ["LiquidationAccounts", "LiquidationState", "LiquidationStep", "start_liquidation"]


class LiquidationAccounts(eqx.Module):
    """What does not change of the accounts.

    Attributes:
        entry: average price at which each position was entered, in the numeraire; above zero.
        maintenance: maintenance margin as a share of each position's notional.
    """

    entry: Float[Array, "account coin"]
    maintenance: Float[Array, "account coin"]


class LiquidationState(eqx.Module):
    r"""Who has what. Equity of an account is its cash and its positions at the price.

    A linear contract is held as its coins and the cash that is owed for them, so that money is a
    sum: the cash of all accounts, of the market and of the fund never changes, nor do the
    contracts of all accounts and of the market.

    Attributes:
        cash: of each account: equity less the value of its coins, in the numeraire.
        position: coins of each account; negative is short.
        market_cash: of everybody else, from what was traded with the accounts.
        market_position: coins, likewise.
        fund: what the insurance fund holds.
        impact: log of the price's distance from where it would be without forced orders.
        breaker: of each coin.
    """

    cash: Float[Array, " account"]
    position: Float[Array, "account coin"]
    market_cash: Float[Array, ""]
    market_position: Float[Array, " coin"]
    fund: Float[Array, ""]
    impact: Float[Array, " coin"]
    breaker: BreakerState


class LiquidationStep(eqx.Module):
    """What happened in a step; amounts in the numeraire.

    Attributes:
        price: of each coin after the step's orders.
        paused: coins whose forced orders had to wait.
        below: accounts below maintenance margin before the orders.
        liquidated: notional closed at the market or in an auction, at the price before.
        deleveraged: notional handed over to other accounts.
        taken: what other accounts lost against the price by that.
        fund: what the fund holds after the step.
        paid: what the fund paid for bankrupt accounts in the step.
        socialized: what accounts with equity paid.
        shortfall: negative equity at the new price that nobody has paid for.
    """

    price: Float[Array, " coin"]
    paused: Bool[Array, " coin"]
    below: Int[Array, ""]
    liquidated: Float[Array, " coin"]
    deleveraged: Float[Array, " coin"]
    taken: Float[Array, ""]
    fund: Float[Array, ""]
    paid: Float[Array, ""]
    socialized: Float[Array, ""]
    shortfall: Float[Array, ""]


def start_liquidation(
    equity: Float[Array, " account"],
    position: Float[Array, "account coin"],
    price: Float[Array, " coin"],
    fund: Float[Array, ""],
    settings: LiquidationSettings,
) -> LiquidationState:
    """The state before the first step, at `price`.

    Args:
        equity: of each account, in the numeraire.
        position: coins of each account.
        price: of each coin today.
        fund: what the insurance fund holds.
        settings: of the engine.
    """
    none = jnp.zeros_like(price)
    return LiquidationState(
        cash=equity - exact_matmul(position, price),
        position=position,
        market_cash=jnp.zeros_like(fund),
        market_position=none,
        fund=fund,
        impact=none,
        breaker=start_breaker(settings.volatility, settings.breaker),
    )
