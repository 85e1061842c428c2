"""Liquidation that moves prices, step after step."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.margin.safeguards import BreakerLevel, BreakerObservation, BreakerState, step_breaker
from jaxmargin.numerics import exact_matmul
from jaxmargin.systemic._deleveraging import deleverage
from jaxmargin.systemic._liquidation_settings import LiquidationPolicy, LiquidationSettings
from jaxmargin.systemic._liquidation_state import (
    LiquidationAccounts,
    LiquidationState,
    LiquidationStep,
)

__all__ = ["run_liquidation", "split_moves", "step_liquidation"]

_MEAN_IMPACT = 2.0 / 3.0  # mean of the square root over the order, as a share of its end


def step_liquidation(
    state: LiquidationState,
    outside: Float[Array, " coin"],
    accounts: LiquidationAccounts,
    settings: LiquidationSettings,
) -> tuple[LiquidationState, LiquidationStep]:
    r"""One step: breaker, auto-deleveraging, orders, fund, socialized loss.

    1. The price is `outside` times the impact that is left. The breaker sees it.
    2. Where the fund cannot pay for bankrupt accounts, winners take them over: `deleverage`.
    3. Accounts with equity below maintenance margin are liquidated by `settings.policy`. Orders of
       a coin net to $Q$ coins and move its log price by

       $$ Y \sigma\, \mathrm{sign}(Q) \sqrt{|Q| / V}, $$

       with the factor $Y$, daily volatility $\sigma$ and daily volume $V$; all trade at the price
       after two thirds of that, the mean over the order. The net order of each step counts as one
       order of its own, so that many small steps cost more than one.
    4. What closed accounts owe is paid by the fund, as far as it goes, and then, if so set, by
       accounts with equity at the new price, in proportion.

    Differentiable where no account crosses a threshold: maintenance margin, bankruptcy, an empty
    fund or a breaker's band are jumps or kinks.

    Args:
        state: before.
        outside: price of each coin where nothing is forced.
        accounts: entry prices and maintenance margins.
        settings: of the engine.
    """
    price = outside * jnp.exp(state.impact)
    breaker, paused = _observe(state.breaker, price, settings)
    handed = deleverage(state, accounts, price, settings.deleveraging, ~paused)
    cash, position = handed.cash, handed.position

    size = jnp.abs(position) * price[None, :]
    equity = cash + exact_matmul(position, price)
    maintenance = jnp.sum(accounts.maintenance * size, axis=1)
    below = (equity < maintenance) & (jnp.sum(size, axis=1) > 0.0)
    share = _share_to_close(equity, maintenance, jnp.sum(size, axis=1), settings)
    closes = below[:, None] & ~paused[None, :]
    order = jnp.where(closes, -share[:, None] * position, 0.0)
    net = jnp.sum(order, axis=0)
    auction = settings.policy == LiquidationPolicy.AUCTION
    moves = jnp.where(auction, 0.0, _impact(net, settings))
    at_market = price * jnp.exp(_MEAN_IMPACT * moves)
    at_auction = price[None, :] * (1.0 + settings.discount * jnp.sign(order))
    traded = order * jnp.where(auction, at_auction, at_market[None, :])
    cash, position = cash - jnp.sum(traded, axis=1), position + order
    liquidated = jnp.abs(order) * price[None, :]
    new = price * jnp.exp(moves)
    left = jnp.maximum(cash + exact_matmul(position, new), 0.0)
    fee = jnp.minimum(settings.fee * jnp.sum(liquidated, axis=1), left)
    cash, fund = cash - fee, state.fund + jnp.sum(fee)

    closed = jnp.all(position == 0.0, axis=1)
    owed = jnp.where(closed, jnp.maximum(-cash, 0.0), 0.0)
    due = jnp.sum(owed)
    paid = jnp.minimum(due, jnp.maximum(fund, 0.0))
    able = jnp.maximum(cash + exact_matmul(position, new), 0.0)
    socialized = jnp.minimum(due - paid, jnp.sum(able)) * settings.socialize
    cash = cash + owed * _ratio(paid + socialized, due) - able * _ratio(socialized, jnp.sum(able))
    after = LiquidationState(
        cash=cash,
        position=position,
        market_cash=state.market_cash + jnp.sum(traded),
        market_position=state.market_position - net,
        fund=fund - paid,
        impact=settings.retained * (state.impact + moves),
        breaker=breaker,
    )
    return after, LiquidationStep(
        price=new,
        paused=paused,
        below=jnp.sum(below),
        liquidated=jnp.sum(liquidated, axis=0),
        deleveraged=handed.moved * price,
        taken=handed.taken,
        fund=after.fund,
        paid=paid,
        socialized=socialized,
        shortfall=jnp.sum(jnp.maximum(-(cash + exact_matmul(position, new)), 0.0)),
    )


@eqx.filter_jit
def run_liquidation(
    start: LiquidationState,
    outside: Float[Array, "step coin scenario"],
    accounts: LiquidationAccounts,
    settings: LiquidationSettings,
    depth: Float[Array, " scenario"],
) -> tuple[LiquidationState, LiquidationStep]:
    """All steps in every scenario; see `step_liquidation`.

    Settings are data: policies, impact and the breaker's switch change without compiling anew.

    Args:
        start: see `start_liquidation`; the same in every scenario.
        outside: prices where nothing is forced. The breaker measures moves from the first on.
        accounts: entry prices and maintenance margins.
        settings: of the engine.
        depth: share of the daily volume that is there in each scenario, above zero.

    Returns:
        The state after the last step and what happened in each, both with a last axis scenario;
        the first axis of the latter is the step.
    """

    def one(
        path: Float[Array, "step coin"], left: Float[Array, ""]
    ) -> tuple[LiquidationState, LiquidationStep]:
        thin = eqx.tree_at(lambda s: s.daily_volume, settings, settings.daily_volume * left)
        return jax.lax.scan(lambda s, p: step_liquidation(s, p, accounts, thin), start, path)

    return jax.vmap(one, in_axes=(-1, 0), out_axes=-1)(outside, depth)


def split_moves(
    price: Float[Array, " coin"],
    moves: Float[Array, "coin scenario"],
    *,
    steps: int,
) -> Float[Array, "step coin scenario"]:
    """Paths in equal log steps from today's prices, the first, to after the moves, the last.

    Args:
        price: of each coin today.
        moves: relative, above -1.
        steps: prices of a path, today's included; at least 2.
    """
    passed = jnp.linspace(0.0, 1.0, steps).astype(price.dtype)[:, None, None]
    return price[None, :, None] * jnp.exp(passed * jnp.log1p(moves)[None, :, :])


def _observe(
    breaker: BreakerState, price: Float[Array, " coin"], settings: LiquidationSettings
) -> tuple[BreakerState, Bool[Array, " coin"]]:
    still = jnp.zeros_like(price)
    sources = jnp.ones(price.shape, jnp.int32)
    seen = BreakerObservation(price=price, bid=price, ask=price, age=still, sources=sources)
    after = step_breaker(breaker, jax.lax.stop_gradient(seen), settings.breaker)
    return after, settings.breaker_on & (after.level == BreakerLevel.HALTED)


def _share_to_close(
    equity: Float[Array, " account"],
    maintenance: Float[Array, " account"],
    notional: Float[Array, " account"],
    settings: LiquidationSettings,
) -> Float[Array, " account"]:
    """Share of an account's positions that its policy closes; all of them where equity is gone."""
    target = (1.0 + settings.buffer) * maintenance
    freed = target - settings.fee * notional  # by closing all of it
    helps = (equity > 0.0) & (freed > 0.0)
    partial = jnp.clip((target - equity) / jnp.where(helps, freed, 1.0), 0.0, 1.0)
    partial = jnp.where(helps, partial, 1.0)
    return jnp.where(settings.policy == LiquidationPolicy.PARTIAL, partial, 1.0)


def _impact(net: Float[Array, " coin"], settings: LiquidationSettings) -> Float[Array, " coin"]:
    """Move of the log price by a net order; slope 0, not infinite, where there is none."""
    some = net != 0.0
    root = jnp.sqrt(jnp.where(some, jnp.abs(net), 1.0) / settings.daily_volume)
    return jnp.where(some, settings.impact * settings.volatility * jnp.sign(net) * root, 0.0)


def _ratio(part: Float[Array, ""], whole: Float[Array, ""]) -> Float[Array, ""]:
    return part / jnp.where(whole > 0.0, whole, 1.0)
