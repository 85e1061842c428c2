"""The candidates of `gpu_kernels.py`: functions to compile, their arguments, and torch calls."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pallas_kernels as pallas
import risk_peers as peers
from jax.experimental import sparse
from jax.lax import DotAlgorithmPreset, Precision

from jaxmargin.numerics import aggregate_rows
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.risk._base import joint_parts

MEASURES = (ValueAtRisk(0.99), ExpectedShortfall(0.975))
IN_REGISTERS = 16_384  # losses of one row that fit there


def counting(pnl):
    """As jaxmargin selects: counts on integer keys, scenarios of any weight."""
    parts = joint_parts(MEASURES, pnl, jnp.ones(pnl.shape[1], pnl.dtype))
    return jnp.stack([-jnp.sum((p.inside + p.boundary) * pnl, axis=-1) for p in parts], axis=1)


def _two(worst, at):
    """VaR and ES of the largest losses in falling order."""
    tail = worst[:, : at.whole].sum(axis=1) + at.part * worst[:, at.whole]
    return jnp.stack([worst[:, at.var], tail / at.mass], axis=1)


def tail_selections(at, scenarios):
    """Losses of rows to VaR and ES, in one program each."""
    most = at.whole + 1

    def by_partition(loss):
        edges = (at.var, at.whole)
        found = [-jnp.partition(-loss, k, axis=1) for k in edges]
        tail = found[1][:, : at.whole].sum(axis=1) + at.part * found[1][:, at.whole]
        return jnp.stack([found[0][:, at.var], tail / at.mass], axis=1)

    found = {
        "counting": lambda loss: counting(-loss),
        "sort": lambda loss: _two(-jnp.sort(-loss, axis=1), at),
        "top_k": lambda loss: _two(jax.lax.top_k(loss, most)[0], at),
        "partition": by_partition,
    }
    if pallas.next_power(scenarios) <= IN_REGISTERS and jax.default_backend() == "gpu":
        found["pallas"] = lambda loss: pallas.tails(at, loss)
    return found


def torch_tails(at, loss):
    """`topk` and `sort` of torch on the same device."""
    torch = peers.torch_on("gpu")
    if torch is None:
        return {}
    table = torch.from_dlpack(loss)

    def two(worst):
        tail = worst[:, : at.whole].sum(dim=1) + at.part * worst[:, at.whole]
        found = torch.stack([worst[:, at.var], tail / at.mass], dim=1)
        torch.cuda.synchronize()
        return found

    return {
        "torch_topk": lambda: two(torch.topk(table, at.whole + 1, dim=1).values),
        "torch_sort": lambda: two(torch.sort(table, dim=1, descending=True).values),
    }


def aggregations(case):
    """Functions and their arguments: positions to P&L of accounts."""
    accounts, width = case.instrument.shape
    pnl, instrument, quantity = map(jnp.asarray, (case.pnl, case.instrument, case.quantity))
    listed = (pnl, instrument, quantity)
    sorted_ = np.argsort(case.instrument, axis=1)
    in_order = [np.take_along_axis(x, sorted_, axis=1) for x in (case.quantity, case.instrument)]
    starts = jnp.arange(0, accounts * width + 1, width, dtype=jnp.int32)
    rows = sparse.BCSR(
        (jnp.asarray(in_order[0].reshape(-1)), jnp.asarray(in_order[1].reshape(-1)), starts),
        shape=(accounts, pnl.shape[0]),
    )
    table = np.zeros((accounts, pnl.shape[0]), pnl.dtype)
    np.put_along_axis(table, case.instrument, case.quantity, axis=1)
    dense = (jnp.asarray(table), pnl)

    def unrolled(pnl, instrument, quantity):
        total = jnp.zeros((), pnl.dtype)
        for slot in range(width):
            rows = pnl.at[instrument[:, slot]].get(mode="promise_in_bounds")
            total = total + quantity[:, slot, None] * rows
        return total

    def gathered(pnl, instrument, quantity):
        rows = pnl.at[instrument].get(mode="promise_in_bounds")
        return jnp.sum(quantity[:, :, None] * rows, axis=1)

    def by_segment(pnl, instrument, quantity):
        rows = quantity.reshape(-1, 1) * pnl[instrument.reshape(-1)]
        account = jnp.repeat(jnp.arange(accounts), width)
        return jax.ops.segment_sum(rows, account, accounts, indices_are_sorted=True)

    def product(precision):
        return lambda table, pnl: jnp.matmul(table, pnl, precision=precision)

    found = {
        "scan": (aggregate_rows, listed),
        "unrolled": (unrolled, listed),
        "gather_and_sum": (gathered, listed),
        "segment_sum": (by_segment, listed),
        "bcsr": (lambda rows, pnl: rows @ pnl, (rows, pnl)),
        "dense_highest": (product(Precision.HIGHEST), dense),
        "dense_default": (product(None), dense),
    }
    if jax.default_backend() == "gpu":
        found["pallas"] = (pallas.added_up, listed)
        if pnl.dtype == jnp.float32:
            found["dense_tf32x3"] = (product(DotAlgorithmPreset.TF32_TF32_F32_X3), dense)
            found["dense_bf16x9"] = (product(DotAlgorithmPreset.BF16_BF16_F32_X9), dense)
    return found


def torch_aggregations(case):
    """CSR times matrix by torch (cuSPARSE) on the same device."""
    torch = peers.torch_on("gpu")
    if torch is None:
        return {}
    matrix = peers.csr_of(case)
    held = (matrix.indptr, matrix.indices, matrix.data)
    rows = torch.sparse_csr_tensor(*(torch.as_tensor(x, device="cuda") for x in held), matrix.shape)
    pnl = torch.as_tensor(case.pnl, device="cuda")

    def call():
        found = rows @ pnl
        torch.cuda.synchronize()
        return found

    return {"torch_csr": call}


def both(at, case, sizes):
    """Positions to VaR and ES, so many accounts at once, and by one kernel of our own."""
    pnl, instrument, quantity = map(jnp.asarray, (case.pnl, case.instrument, case.quantity))

    def in_chunks(rows, add_up, select):
        def run(pnl, instrument, quantity):
            extra = -instrument.shape[0] % rows
            padded = [
                jnp.pad(x, ((0, extra), (0, 0))).reshape(-1, rows, x.shape[1])
                for x in (instrument, quantity)
            ]
            found = jax.lax.map(lambda chunk: select(add_up(pnl, *chunk)), tuple(padded))
            return found.reshape(-1, 2)[: instrument.shape[0]]

        return run

    listed = (pnl, instrument, quantity)
    found = {
        f"jaxmargin_{rows}": (in_chunks(rows, aggregate_rows, counting), listed)
        for rows in sizes
        if rows <= instrument.shape[0]
    }
    if jax.default_backend() == "gpu":
        rows = min(4096, instrument.shape[0])
        found |= {
            "scan_and_pallas": (
                in_chunks(rows, aggregate_rows, lambda pnl: pallas.tails(at, -pnl)), listed,
            ),
            "pallas_and_counting": (in_chunks(rows, pallas.added_up, counting), listed),
            "pallas_in_one": (functools.partial(pallas.added_up_and_tails, at), listed),
        }  # fmt: skip
    return found
