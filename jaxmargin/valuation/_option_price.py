"""European options from what they share: contracts x scenarios, and derivatives in closed form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.instruments.formulas import safe_inverse
from jaxmargin.market import tilted
from jaxmargin.numerics import normal_cdf, normal_pdf, normal_spread
from jaxmargin.scenarios import TiltShocks

__all__ = ["Contracts", "Shared", "price"]

_BLOCK_NUMBERS = 131_072  # of one table in a block of derivatives: what stays in a CPU's cache


class Contracts(NamedTuple):
    """What one contract adds to what it shares."""

    node: Int[Array, " instrument"]  # row of the shared quantities
    sign: Float[Array, " instrument"]
    strike: Float[Array, " instrument"]
    log_moneyness: Float[Array, " instrument"]
    volatility: Float[Array, " instrument"]
    value: Float[Array, " instrument"]  # of one unit today, in the settlement asset
    moneyness: Float[Array, " instrument"]  # ln(K / F), for tilts of the smile
    multiplier: Float[Array, " instrument"]


class Shared(NamedTuple):
    """What the contracts of one pillar and settlement share in every scenario."""

    log_return: Float[Array, "node scenario"]
    volatility_factor: Float[Array, "node scenario"]  # sqrt(time) x volatility scale
    inverse_factor: Float[Array, "node scenario"]
    forward_price: Float[Array, "node scenario"]  # A
    strike_price: Float[Array, "node scenario"]  # B
    settlement_price: Float[Array, "node scenario"]  # C
    tilt: TiltShocks | None


def price(contracts: Contracts, shared: Shared) -> Float[Array, "instrument scenario"]:
    """P&L of one contract of each row in every scenario."""
    return (_analytic if shared.tilt is None else _pnl)(contracts, shared)


def _gathered(
    x: Float[Array, "node scenario"], node: Int[Array, " instrument"]
) -> Float[Array, "instrument scenario"]:
    return x.at[node].get(mode="promise_in_bounds")


@jax.jit
def _pnl(contracts: Contracts, shared: Shared) -> Float[Array, "instrument scenario"]:
    forward_price, strike_price, d1, d2 = _terms(contracts, shared)
    sign = contracts.sign[:, None]
    value = sign * normal_spread(forward_price, strike_price, sign * d1, sign * d2)
    paid = _gathered(shared.settlement_price, contracts.node) * contracts.value[:, None]
    return (value - paid) * contracts.multiplier[:, None]


def _terms(contracts: Contracts, shared: Shared) -> tuple[Float[Array, "instrument scenario"], ...]:
    """A, B K, d1 and d2."""

    def gather(x: Float[Array, "node scenario"]) -> Float[Array, "instrument scenario"]:
        return _gathered(x, contracts.node)

    volatility = contracts.volatility[:, None]
    total_volatility = volatility * gather(shared.volatility_factor)
    if shared.tilt is None:
        inverse = safe_inverse(volatility) * gather(shared.inverse_factor)
    else:
        tilt: TiltShocks = jax.tree.map(gather, shared.tilt)
        moneyness, parts = contracts.moneyness[:, None], (tilt.width, tilt.skew, tilt.wings)
        total_volatility = tilted(total_volatility, moneyness, *parts, tilt.floor)
        inverse = safe_inverse(total_volatility)
    log_moneyness = contracts.log_moneyness[:, None] + gather(shared.log_return)
    d1 = log_moneyness * inverse + 0.5 * total_volatility
    strike_price = gather(shared.strike_price) * contracts.strike[:, None]
    return gather(shared.forward_price), strike_price, d1, d1 - total_volatility


@jax.custom_vjp
def _analytic(contracts: Contracts, shared: Shared) -> Float[Array, "instrument scenario"]:
    """`_pnl` with its derivatives in closed form, computed from what is shared: nothing is kept."""
    return _pnl(contracts, shared)


def _forward(contracts: Contracts, shared: Shared) -> tuple[Array, PyTree]:
    return _pnl(contracts, shared), (contracts, shared)


@jax.jit
def _backward(
    saved: tuple[Contracts, Shared], slope: Float[Array, "instrument scenario"]
) -> tuple[Contracts, Shared]:
    """A block of contracts at a time, so that no table of contracts x scenarios is made.

    The log return and moneyness have no derivative of their own: what they do is in A and B,
    since A n(d1) = B K n(d2).
    """
    contracts, shared = saved
    count, scenarios = slope.shape
    rows = min(max(_BLOCK_NUMBERS // scenarios, 8), count)
    extra = -count % rows
    blocks = jax.tree.map(
        lambda leaf: jnp.pad(leaf, (0, extra), mode="edge").reshape(-1, rows), contracts
    )
    slopes = jnp.pad(slope, ((0, extra), (0, 0))).reshape(-1, rows, scenarios)

    def add_block(
        total: Shared, block: tuple[Contracts, Float[Array, "instrument scenario"]]
    ) -> tuple[Shared, Contracts]:
        by_contract, by_node = _block_slopes(block[0], shared, block[1])
        return jax.tree.map(jnp.add, total, by_node), by_contract

    start = jax.tree.map(jnp.zeros_like, shared)
    by_shared, by_contract = jax.lax.scan(add_block, start, (blocks, slopes))
    by_contract = jax.tree.map(lambda leaf: leaf.reshape(-1)[:count], by_contract)
    node = np.zeros(contracts.node.shape, jax.dtypes.float0)
    return by_contract._replace(node=node), by_shared  # pyright: ignore


def _block_slopes(
    contracts: Contracts, shared: Shared, slope: Float[Array, "instrument scenario"]
) -> tuple[Contracts, Shared]:
    """Derivatives by what contracts have of their own, and by what they share.

    Those of the value of one contract: by A sign N(sign d1); by B K -sign N(sign d2); by the total
    volatility A n(d1).
    """
    forward_price, strike_price, d1, d2 = _terms(contracts, shared)
    sign, weight = contracts.sign[:, None], slope * contracts.multiplier[:, None]
    by_forward, by_strike = sign * normal_cdf(sign * d1), -sign * normal_cdf(sign * d2)
    value = by_forward * forward_price + by_strike * strike_price
    by_volatility = weight * forward_price * normal_pdf(d1)
    by_strike = weight * by_strike
    settlement_price = _gathered(shared.settlement_price, contracts.node)
    ones = jnp.ones(slope.shape[1], slope.dtype)

    def by_node(x: Float[Array, "instrument scenario"]) -> Float[Array, "node scenario"]:
        return jax.ops.segment_sum(x, contracts.node, shared.log_return.shape[0])

    def by_contract(x: Float[Array, "instrument scenario"]) -> Float[Array, " instrument"]:
        # a product, for which the table is made first: a sum would take its numbers one by one
        return jnp.matmul(x, ones, precision=jax.lax.Precision.HIGHEST)

    still, nothing = jnp.zeros_like(contracts.strike), jnp.zeros_like(shared.log_return)
    paid = by_contract(slope * settlement_price)
    factor = _gathered(shared.volatility_factor, contracts.node)
    return Contracts(
        node=still,
        sign=still,
        strike=by_contract(by_strike * _gathered(shared.strike_price, contracts.node)),
        log_moneyness=still,
        volatility=by_contract(by_volatility * factor),
        value=-paid * contracts.multiplier,
        moneyness=still,
        multiplier=by_contract(slope * value) - paid * contracts.value,
    ), Shared(
        log_return=nothing,
        volatility_factor=by_node(by_volatility * contracts.volatility[:, None]),
        inverse_factor=nothing,
        forward_price=by_node(weight * by_forward),
        strike_price=by_node(by_strike * contracts.strike[:, None]),
        settlement_price=-by_node(weight * contracts.value[:, None]),
        tilt=None,
    )


_analytic.defvjp(_forward, _backward)
