"""Hot path of European options: hoist what contracts share, then price contracts x scenarios.

Both kinds of European option have one form in the numeraire,

    P&L = sign * (A N(sign d1) - B K N(sign d2)) - C V0,    d1 = m / v + v / 2,    d2 = d1 - v,

in which A, B, C, the log return within m and the factor within v depend on (pillar, settlement,
scenario) only. They are computed in a program of their own: within the pricing program XLA would
compute them again for every contract.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.instruments import InverseOptions, LinearOptions
from jaxmargin.instruments.formulas import safe_inverse
from jaxmargin.market import Market, tilted
from jaxmargin.numerics import bucket_size, normal_spread
from jaxmargin.scenarios import Shocks, TiltShocks, scenario_axes, shock_market

__all__ = ["option_pnl"]


class _Contracts(NamedTuple):
    """What one contract adds to what it shares."""

    node: Int[Array, " instrument"]  # row of the shared quantities
    sign: Float[Array, " instrument"]
    strike: Float[Array, " instrument"]
    log_moneyness: Float[Array, " instrument"]
    volatility: Float[Array, " instrument"]
    value: Float[Array, " instrument"]  # of one unit today, in the settlement asset
    moneyness: Float[Array, " instrument"]  # ln(K / F), for tilts of the smile
    multiplier: Float[Array, " instrument"]


class _Shared(NamedTuple):
    """What the contracts of one pillar and settlement share in every scenario."""

    log_return: Float[Array, "node scenario"]
    volatility_factor: Float[Array, "node scenario"]  # sqrt(time) x volatility scale
    inverse_factor: Float[Array, "node scenario"]
    forward_price: Float[Array, "node scenario"]  # A
    strike_price: Float[Array, "node scenario"]  # B
    settlement_price: Float[Array, "node scenario"]  # C
    tilt: TiltShocks | None


def option_pnl(
    batch: LinearOptions | InverseOptions, market: Market, shocks: Shocks
) -> Float[Array, "instrument scenario"]:
    """Profit and loss of one contract of each row, in the numeraire; see `contract_pnl`."""
    pillar, settlement, node = _nodes(batch)
    contracts = _prepare(batch, market, node)
    inverse = isinstance(batch, InverseOptions)
    shared = _hoist(market, shocks, pillar, settlement, inverse)
    return _price(contracts, shared)


def _nodes(
    batch: LinearOptions | InverseOptions,
) -> tuple[Int[Array, " node"], Int[Array, " node"], Int[Array, " instrument"]]:
    """Distinct (pillar, settlement) pairs, padded, and the pair of each contract; on the host."""
    pillar, settlement = np.asarray(batch.pillar), np.asarray(batch.settlement)
    pair = pillar.astype(np.int64) * (int(settlement.max()) + 1) + settlement
    _, first, node = np.unique(pair, return_index=True, return_inverse=True)
    first = np.pad(first, (0, bucket_size(first.size) - first.size), mode="edge")
    return (
        jnp.asarray(pillar[first]),
        jnp.asarray(settlement[first]),
        jnp.asarray(node.reshape(-1).astype(np.int32)),
    )


def _prepare(
    batch: LinearOptions | InverseOptions, market: Market, node: Int[Array, " instrument"]
) -> _Contracts:
    """Today's moneyness and value: in double precision, then rounded to the market's own.

    Under a transformation such as `grad` the market has no numbers, and its precision is kept.
    """
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((batch, market)))
    if traced:
        today = _today(batch, market)
    else:
        dtype = market.spot.dtype
        with jax.enable_x64(True):
            today = [np.asarray(x, dtype) for x in _today(*_double((batch, market)))]
    log_moneyness, volatility, value, moneyness = (jnp.asarray(x) for x in today)
    return _Contracts(
        node=node,
        sign=batch.sign,
        strike=batch.strike,
        log_moneyness=log_moneyness,
        volatility=volatility,
        value=value,
        moneyness=moneyness,
        multiplier=batch.multiplier,
    )


@jax.jit
def _today(
    batch: LinearOptions | InverseOptions, market: Market
) -> tuple[Float[Array, " instrument"], ...]:
    """Log-moneyness, volatility without the pillar's scale, value of one unit, and ln(K / F)."""
    forward = market.forward[batch.pillar]
    moneyness = jnp.log(batch.strike / forward)
    if isinstance(batch, LinearOptions):
        forward = forward / market.spot[batch.settlement]
    volatility = market.surface.volatility(batch.pillar, batch.strike)
    volatility = volatility / market.surface.scale[batch.pillar]
    return jnp.log(forward / batch.strike), volatility, batch.value(market), moneyness


def _double(tree: PyTree) -> PyTree:
    """Every floating-point array of `tree` in double precision."""
    return jax.tree.map(
        lambda x: np.asarray(x, np.float64 if jnp.issubdtype(x.dtype, jnp.floating) else None),
        tree,
    )


@jax.jit(static_argnames="inverse")
def _hoist(
    market: Market,
    shocks: Shocks,
    pillar: Int[Array, " node"],
    settlement: Int[Array, " node"],
    inverse: bool,
) -> _Shared:
    def one(shock: Shocks) -> _Shared:
        shocked = shock_market(market, shock)
        forward, price = shocked.forward[pillar], shocked.spot[settlement]
        growth = jnp.log(forward / market.forward[pillar])
        if not inverse:
            growth = growth - jnp.log(price / market.spot[settlement])
        time = shocked.time[pillar]
        alive = time > 0.0
        root = jnp.where(alive, jnp.sqrt(jnp.where(alive, time, 1.0)), 0.0)
        factor = shocked.surface.scale[pillar] * root
        discounted = price * shocked.discount(pillar)
        return _Shared(
            log_return=growth,
            volatility_factor=factor,
            inverse_factor=safe_inverse(factor),
            forward_price=discounted if inverse else forward * shocked.discount(pillar),
            strike_price=discounted / forward if inverse else discounted,
            settlement_price=price,
            tilt=_at_nodes(shock.tilt, pillar, root),
        )

    return jax.vmap(one, in_axes=(scenario_axes(shocks),), out_axes=-1)(shocks)


def _at_nodes(
    tilt: TiltShocks | None, pillar: Int[Array, " node"], root: Float[Array, " node"]
) -> TiltShocks | None:
    """The tilt of one scenario by node, its floor as a total volatility."""
    if tilt is None:
        return None
    by_node: TiltShocks = jax.tree.map(lambda leaf: leaf[pillar], tilt)
    return eqx.tree_at(lambda t: t.floor, by_node, by_node.floor * root)


@jax.jit
def _price(contracts: _Contracts, shared: _Shared) -> Float[Array, "instrument scenario"]:
    def gather(x: Float[Array, "node scenario"]) -> Float[Array, "instrument scenario"]:
        return x.at[contracts.node].get(mode="promise_in_bounds")

    def column(x: Float[Array, " instrument"]) -> Float[Array, "instrument 1"]:
        return x[:, None]

    volatility = column(contracts.volatility)
    total_volatility = volatility * gather(shared.volatility_factor)
    if shared.tilt is None:
        inverse = safe_inverse(volatility) * gather(shared.inverse_factor)
    else:
        tilt: TiltShocks = jax.tree.map(gather, shared.tilt)
        moneyness, parts = column(contracts.moneyness), (tilt.width, tilt.skew, tilt.wings)
        total_volatility = tilted(total_volatility, moneyness, *parts, tilt.floor)
        inverse = safe_inverse(total_volatility)
    log_moneyness = column(contracts.log_moneyness) + gather(shared.log_return)
    d1 = log_moneyness * inverse + 0.5 * total_volatility
    d2 = d1 - total_volatility
    sign = column(contracts.sign)
    forward_price = gather(shared.forward_price)
    strike_price = gather(shared.strike_price) * column(contracts.strike)
    value = sign * normal_spread(forward_price, strike_price, sign * d1, sign * d2)
    pnl = value - gather(shared.settlement_price) * column(contracts.value)
    return pnl * column(contracts.multiplier)
