"""The peer of `gradients.py`: the sum of all accounts' ES in plain `jax.numpy`.

As somebody would write it who leaves derivatives to autodiff: Black's formula with `ndtr`, one
matrix product or gathered rows with `segment_sum`, and `top_k`.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr

from jaxmargin.numerics import exact_matmul


def coin_value(sign, strike, forward, total_volatility, discount):
    """Of one unit, in the coin."""
    d1 = jnp.log(forward / strike) / total_volatility + total_volatility / 2
    d2 = d1 - total_volatility
    return discount * sign * (ndtr(sign * d1) - strike / forward * ndtr(sign * d2))


def contract_pnl(options, market, shocks):
    """Of every option in every scenario, in USD."""
    pillar, sign, strike = options.pillar, options.sign, options.strike
    surface, elapsed = market.surface, shocks.time[0]
    variance = jax.vmap(jnp.interp)(
        jnp.log(strike), jnp.log(surface.strike)[pillar], jnp.square(surface.quote)[pillar]
    )
    volatility = (jnp.sqrt(variance) * surface.scale[pillar])[:, None]
    carry = jnp.log(market.forward / market.spot[market.asset])
    growth = jnp.exp(shocks.spot[0] - (elapsed / market.time * carry)[:, None])
    forward = market.forward[:, None] * (
        market.fixed[:, None] + (1.0 - market.fixed)[:, None] * growth
    )
    left = market.time - elapsed
    discount = jnp.exp(-market.rate * market.time)[pillar, None]
    sign, strike = sign[:, None], strike[:, None]
    root = jnp.sqrt(market.time)[pillar, None]
    today = coin_value(sign, strike, market.forward[pillar, None], volatility * root, discount)
    root = (jnp.exp(shocks.volatility) * jnp.sqrt(left)[:, None])[pillar]
    discount = jnp.exp(-market.rate * left)[pillar, None]
    shocked = coin_value(sign, strike, forward[pillar], volatility * root, discount)
    return (shocked - today) * market.spot[0] * jnp.exp(shocks.spot[0])


def account_pnl_by_matmul(quantity, instrument, pnl):
    """Positions scattered into a matrix of accounts x contracts, times contract P&L."""
    rows = jnp.arange(quantity.shape[0])[:, None]
    held = jnp.zeros((quantity.shape[0], pnl.shape[0]), quantity.dtype)
    return exact_matmul(held.at[rows, instrument].set(quantity), pnl)


def account_pnl_by_segment_sum(quantity, instrument, pnl):
    """A row of contract P&L for every position, added up by account."""
    accounts, width = quantity.shape
    rows = quantity.reshape(-1)[:, None] * pnl[instrument.reshape(-1)]
    account = jnp.repeat(jnp.arange(accounts), width)
    return jax.ops.segment_sum(rows, account, accounts, indices_are_sorted=True)


def total_shortfall(account_pnl, level, instrument, options, shocks):
    """The sum over accounts as a function of quantities [account, position] and the market."""

    def total(quantity, market):
        pnl = account_pnl(quantity, instrument, contract_pnl(options, market, shocks))
        size = (1.0 - level) * pnl.shape[1]
        worst = jax.lax.top_k(-pnl, int(size) + 1)[0]
        weight = jnp.clip(size - jnp.arange(worst.shape[1]), 0.0, 1.0).astype(pnl.dtype)
        return jnp.sum(exact_matmul(worst, weight)) / size

    return total
