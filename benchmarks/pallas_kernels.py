"""Kernels of our own for a GPU, in Pallas: accounts added up, tails selected, and both in one.

A program handles one account. Its losses stay in registers while the edge of each tail is found a
bit of the ordered key at a time: 32 counts in single precision, and memory is read once. Scenarios
are equally likely; their number is padded to a power of two.
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

WARP_NUMBERS = 256  # of a row, for each warp: eight a thread


def next_power(count):
    """The smallest power of two that is not less than `count`."""
    return 1 << (count - 1).bit_length()


def _parameters(padded):
    return triton.CompilerParams(num_warps=min(max(padded // WARP_NUMBERS, 1), 32), num_stages=1)


def ordered_keys(x):
    """Integers in the order of the floats `x`; -0 and 0 may differ, which no sum notices."""
    integer = jnp.int64 if x.dtype == jnp.float64 else jnp.int32
    bits = jax.lax.bitcast_convert_type(x, integer)
    return bits ^ ((bits >> (jnp.iinfo(integer).bits - 1)) & jnp.iinfo(integer).max)


def _tail(loss, ranks, scenarios):
    """VaR and ES of the losses of one account."""
    lowest = -jnp.finfo(loss.dtype).max
    loss = jnp.where(jnp.arange(loss.size) < scenarios, loss, lowest)
    key = ordered_keys(loss)
    bits, least = jnp.iinfo(key.dtype).bits, jnp.iinfo(key.dtype).min

    def edge_of(rank):
        def add_bit(step, edge):
            higher = edge + (jnp.ones((), key.dtype) << (bits - 1 - step).astype(key.dtype))
            enough = jnp.sum((key >= higher).astype(jnp.int32)) > rank
            return jnp.where(enough, higher, edge)

        return jax.lax.fori_loop(0, bits, add_bit, jnp.full((), least, key.dtype))

    at_var, at_tail = edge_of(ranks.var), edge_of(ranks.whole)
    var = jnp.max(jnp.where(key <= at_var, loss, lowest))
    edge = jnp.max(jnp.where(key <= at_tail, loss, lowest))
    beyond = key > at_tail
    left = ranks.mass - jnp.sum(beyond.astype(loss.dtype))
    return var, (jnp.sum(jnp.where(beyond, loss, 0.0)) + left * edge) / ranks.mass


def tails(ranks, loss):
    """VaR and ES of each row of losses."""
    rows, scenarios = loss.shape
    padded = next_power(scenarios)
    loss = jnp.pad(loss, ((0, 0), (0, padded - scenarios)))

    def kernel(loss_ref, var_ref, shortfall_ref):
        var_ref[0], shortfall_ref[0] = _tail(loss_ref[0, :], ranks, scenarios)

    one = jax.ShapeDtypeStruct((rows,), loss.dtype)
    var, shortfall = pl.pallas_call(
        kernel,
        out_shape=(one, one),
        grid=(rows,),
        in_specs=[pl.BlockSpec((1, padded), lambda row: (row, 0))],
        out_specs=[pl.BlockSpec((1,), lambda row: (row,))] * 2,
        compiler_params=_parameters(padded),
    )(loss)
    return jnp.stack([var, shortfall], axis=1)


def _sum_of_positions(pnl_ref, instrument_ref, quantity_ref):
    """P&L of one account in all scenarios; `pnl_ref` is the whole table."""
    width, scenarios = instrument_ref.shape[1], pnl_ref.shape[1]

    def add_slot(slot, total):
        return total + quantity_ref[0, slot] * pnl_ref[instrument_ref[0, slot], :]

    return jax.lax.fori_loop(0, width, add_slot, jnp.zeros(scenarios, pnl_ref.dtype))


def _over_accounts(kernel, pnl, instrument, quantity, out_shape, out_specs):
    width = instrument.shape[1]
    own = pl.BlockSpec((1, width), lambda row: (row, 0))
    whole = pl.BlockSpec(pnl.shape, lambda row: (0, 0))
    return pl.pallas_call(
        kernel,
        out_shape=out_shape,
        grid=(instrument.shape[0],),
        in_specs=[whole, own, own],
        out_specs=out_specs,
        compiler_params=_parameters(pnl.shape[1]),
    )(pnl, instrument, quantity)


def added_up(pnl, instrument, quantity):
    """P&L of accounts; the scenarios of `pnl` must be a power of two."""

    def kernel(pnl_ref, instrument_ref, quantity_ref, out_ref):
        out_ref[0, :] = _sum_of_positions(pnl_ref, instrument_ref, quantity_ref)

    shape = (instrument.shape[0], pnl.shape[1])
    return _over_accounts(
        kernel, pnl, instrument, quantity,
        jax.ShapeDtypeStruct(shape, pnl.dtype),
        pl.BlockSpec((1, shape[1]), lambda row: (row, 0)),
    )  # fmt: skip


def added_up_and_tails(ranks, pnl, instrument, quantity):
    """VaR and ES of accounts, whose P&L never leaves the registers."""

    def kernel(pnl_ref, instrument_ref, quantity_ref, var_ref, shortfall_ref):
        loss = -_sum_of_positions(pnl_ref, instrument_ref, quantity_ref)
        var_ref[0], shortfall_ref[0] = _tail(loss, ranks, pnl.shape[1])

    one = jax.ShapeDtypeStruct((instrument.shape[0],), pnl.dtype)
    found = _over_accounts(
        kernel, pnl, instrument, quantity, (one, one), [pl.BlockSpec((1,), lambda row: (row,))] * 2
    )
    return jnp.stack(found, axis=1)
