"""Auto-deleveraging: positions of bankrupt accounts go to accounts that won on the other side."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.systemic._liquidation_settings import DeleveragingPolicy
from jaxmargin.systemic._liquidation_state import LiquidationAccounts, LiquidationState

__all__ = ["Deleveraged", "allocate_positions", "deleverage"]


class Deleveraged(NamedTuple):
    """Accounts after auto-deleveraging.

    Attributes:
        cash: of each account.
        position: of each account, in coins.
        moved: coins handed over, either side.
        taken: what the accounts that took positions over lost against the price.
    """

    cash: Float[Array, " account"]
    position: Float[Array, "account coin"]
    moved: Float[Array, " coin"]
    taken: Float[Array, ""]


def deleverage(
    state: LiquidationState,
    accounts: LiquidationAccounts,
    price: Float[Array, " coin"],
    policy: Int[Array, ""],
    allowed: Bool[Array, " coin"],
) -> Deleveraged:
    r"""Close bankrupt accounts against winners, where the fund cannot pay their negative equity.

    A bankrupt account with deficit $D$ and gross notional $N$ hands over each position at its
    bankruptcy price, $P\,(1 + D / N)$ for a long and $P\,(1 - D / N)$ for a short, at which
    nothing is left of it and nothing is owed. Winners are solvent accounts with a profit in that
    coin on the other side; each gives up at most its position. What they cannot take stays.

    Nothing happens with policy `NONE`, or while the fund covers all deficits: a jump, at which
    there is no derivative.

    Args:
        state: before.
        accounts: entry prices.
        price: of each coin.
        policy: a `DeleveragingPolicy`.
        allowed: coins that may be traded.
    """
    value = state.position * price[None, :]
    equity, notional = state.cash + jnp.sum(value, axis=1), jnp.sum(jnp.abs(value), axis=1)
    bankrupt = (equity < 0.0) & (notional > 0.0)
    deficit = jnp.where(bankrupt, -equity, 0.0)
    starts = (policy != DeleveragingPolicy.NONE) & (jnp.sum(deficit) > state.fund)
    side = jnp.array([1.0, -1.0], price.dtype)[:, None, None]  # of the bankrupt: long, short
    on_side = jnp.maximum(side * state.position[None, :, :], 0.0)
    gives = (bankrupt & starts)[None, :, None] & allowed[None, None, :]
    held = jnp.where(gives, on_side, 0.0)
    profit = state.position * (price[None, :] - accounts.entry)
    wins = ~bankrupt[:, None] & (profit > 0.0)
    capacity = jnp.where(wins[None, :, :], on_side[::-1], 0.0)
    invested = jnp.abs(state.position) * accounts.entry
    rate = profit / jnp.where(invested > 0.0, invested, 1.0)
    leverage = notional / jnp.where(equity > 0.0, equity, 1.0)
    need = jnp.sum(held, axis=1)
    took = allocate_positions(capacity, profit, rate * leverage[:, None], need, policy)
    moved = jnp.sum(took, axis=1)
    some = jnp.where(need > 0.0, need, 1.0)
    gave = held * (moved / some)[:, None, :]
    loss_rate = deficit / jnp.where(notional > 0.0, notional, 1.0)
    premium = gave * price[None, None, :] * loss_rate[None, :, None]  # what the bankrupt are spared
    each = jnp.sum(premium, axis=1) / jnp.where(moved > 0.0, moved, 1.0)
    change = side * (took - gave)
    lost = took * each[:, None, :]
    paid = premium - lost - change * price[None, None, :]
    return Deleveraged(
        cash=state.cash + jnp.sum(paid, axis=(0, 2)),
        position=state.position + jnp.sum(change, axis=0),
        moved=jnp.sum(moved, axis=0),
        taken=jnp.sum(lost),
    )


def allocate_positions(
    capacity: Float[Array, "side account coin"],
    profit: Float[Array, "account coin"],
    score: Float[Array, "account coin"],
    need: Float[Array, "side coin"],
    policy: Int[Array, ""],
) -> Float[Array, "side account coin"]:
    r"""What each account takes over, in coins.

    In proportion to profits $w$ it is $\min(c, \lambda w)$ with the capacity $c$ and the $\lambda$
    at which all is placed. With accounts in order of $c / w$,

    $$ \lambda = \max_k \frac{\text{need} - \sum_{j < k} c_j}{\sum_{j \ge k} w_j} . $$

    Args:
        capacity: most that each account can take; not negative.
        profit: in the numeraire; above zero where there is capacity.
        score: of the ranking, the highest first.
        need: coins to place; what exceeds the capacity stays unplaced.
        policy: a `DeleveragingPolicy`; `NONE` as `QUEUE`.
    """
    able = capacity > 0.0
    weight = jnp.where(able, profit[None, :, :], 0.0)
    ratio = jnp.where(able, capacity / jnp.where(able, weight, 1.0), jnp.inf)
    listed = jnp.arange(score.shape[0], dtype=score.dtype)[None, :, None]
    ranked = jnp.where(policy == DeleveragingPolicy.RANKING, -score[None, :, :], listed)
    by_profit = policy == DeleveragingPolicy.PROFIT
    key = jnp.where(by_profit, ratio, jnp.where(able, ranked, jnp.inf))
    order = jnp.argsort(key, axis=1)
    back = jnp.argsort(order, axis=1)
    cap = jnp.take_along_axis(capacity, order, axis=1)
    share = jnp.take_along_axis(weight, order, axis=1)
    before = jnp.cumsum(cap, axis=1) - cap
    wanted = jnp.minimum(need, jnp.sum(capacity, axis=1))[:, None, :]
    in_turn = jnp.clip(wanted - before, 0.0, cap)
    rest = jnp.cumsum(share[:, ::-1], axis=1)[:, ::-1]
    rates = jnp.where(share > 0.0, (wanted - before) / jnp.where(share > 0.0, rest, 1.0), 0.0)
    together = jnp.minimum(cap, jnp.max(rates, axis=1)[:, None, :] * share)
    return jnp.take_along_axis(jnp.where(by_profit, together, in_turn), back, axis=1)
