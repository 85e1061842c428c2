"""Hot path of European options: hoist what contracts share, then price contracts x scenarios.

Both kinds of European option have one form in the numeraire,

    P&L = sign * (A N(sign d1) - B K N(sign d2)) - C V0,    d1 = m / v + v / 2,    d2 = d1 - v,

in which A, B, C, the log return within m and the factor within v depend on (pillar, settlement,
scenario) only. They are computed in a program of their own: within the pricing program XLA would
compute them again for every contract.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.instruments import InverseOptions, LinearOptions
from jaxmargin.instruments.formulas import safe_inverse
from jaxmargin.market import Market
from jaxmargin.numerics import bucket_size
from jaxmargin.scenarios import Shocks, TiltShocks, scenario_axes, shock_market
from jaxmargin.valuation._option_price import Contracts, Shared, price

__all__ = ["option_pnl"]


def option_pnl(
    batch: LinearOptions | InverseOptions, market: Market, shocks: Shocks
) -> Float[Array, "instrument scenario"]:
    """Profit and loss of one contract of each row, in the numeraire; see `contract_pnl`."""
    pillar, settlement, node = _nodes(batch)
    contracts = _prepare(batch, market, node)
    inverse = isinstance(batch, InverseOptions)
    shared = _hoist(market, shocks, pillar, settlement, inverse)
    return price(contracts, shared)


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
) -> Contracts:
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
    return Contracts(
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
) -> Shared:
    def one(shock: Shocks) -> Shared:
        shocked = shock_market(market, shock)
        forward, paid = shocked.forward[pillar], shocked.spot[settlement]
        growth = jnp.log(forward / market.forward[pillar])
        if not inverse:
            growth = growth - jnp.log(paid / market.spot[settlement])
        time = shocked.time[pillar]
        alive = time > 0.0
        root = jnp.where(alive, jnp.sqrt(jnp.where(alive, time, 1.0)), 0.0)
        factor = shocked.surface.scale[pillar] * root
        discounted = paid * shocked.discount(pillar)
        return Shared(
            log_return=growth,
            volatility_factor=factor,
            inverse_factor=safe_inverse(factor),
            forward_price=discounted if inverse else forward * shocked.discount(pillar),
            strike_price=discounted / forward if inverse else discounted,
            settlement_price=paid,
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
