"""The peers of `aggregate_risk.py`: VaR and ES of accounts by scipy, numba, torch and plain JAX.

Each builder takes a `Case` and returns a call without arguments, which returns VaR and ES of every
account as two columns. Whatever depends on positions alone (CSR matrices, index arrays) is built
beforehand. A peer that does not import is None.
"""

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

CHUNK = 200  # accounts of a NumPy or torch call: their P&L stays in the cache
GPU_CHUNK = 16_384  # of a torch call on a GPU
EVERY = 8  # plain JAX gets each eighth account: it holds positions x scenarios at once


class Case(NamedTuple):
    """What accounts hold, and the P&L of one contract by scenario."""

    instrument: np.ndarray  # [account, position]
    quantity: np.ndarray  # [account, position]
    pnl: np.ndarray  # [contract, scenario]


class Ranks(NamedTuple):
    """Of the sorted P&L: VaR is number `var`; ES the first `whole` and `part` of the next."""

    var: int
    whole: int
    part: float

    @property
    def mass(self):
        """Scenarios in the tail of ES."""
        return self.whole + self.part


def ranks(scenarios):
    """VaR 99 % is the larger order statistic where two would do; ES 97.5 % splits a scenario."""
    tail, whole = -(-scenarios // 100), scenarios * 25 // 1000
    return Ranks(tail - 1, whole, scenarios * 25 / 1000 - whole)


def csr_of(case):
    """What accounts hold as scipy's matrix."""
    accounts, width = case.instrument.shape
    starts = np.arange(0, accounts * width + 1, width)
    held = (case.quantity.reshape(-1), case.instrument.reshape(-1).astype(np.int32), starts)
    matrix = sparse.csr_matrix(held, shape=(accounts, case.pnl.shape[0]), copy=True)
    matrix.sort_indices()
    return matrix


def torch_on(platform):
    """The module, if it imports and JAX computes on `platform`; torch then does too."""
    if jax.default_backend() != platform:
        return None
    try:
        import torch
    except ImportError:
        return None
    return torch


def on_host(answer):
    """An answer of JAX, NumPy or torch as an array of NumPy."""
    return answer.cpu().numpy() if hasattr(answer, "cpu") else np.asarray(answer)


def _two(ordered, at):
    """VaR and ES of rows whose first places are sorted P&L."""
    tail = ordered[:, : at.whole].sum(axis=1) + np.float32(at.part) * ordered[:, at.whole]
    return np.stack([-ordered[:, at.var], -tail / np.float32(at.mass)], axis=1)


def with_scipy(case, *, partition):
    """CSR times matrix, then a sort or a partition of every row, some accounts at a time."""
    matrix, at = csr_of(case), ranks(case.pnl.shape[1])
    parts = [matrix[first : first + CHUNK] for first in range(0, matrix.shape[0], CHUNK)]

    def of(part):
        pnl = part @ case.pnl
        if partition:
            pnl.partition((at.var, at.whole), axis=1)
        else:
            pnl.sort(axis=1)
        return _two(pnl, at)

    return lambda: np.concatenate([of(part) for part in parts])


def with_numba(case):
    """A compiled loop over accounts on all cores: add rows, partition, sum the tail."""
    try:
        import numba
    except ImportError:
        return None
    at = ranks(case.pnl.shape[1])
    var, whole, part, mass = at.var, at.whole, np.float32(at.part), np.float32(at.mass)

    @numba.njit(parallel=True, fastmath=True)
    def loop(instrument, quantity, pnl):
        accounts, width = instrument.shape
        out = np.empty((accounts, 2), pnl.dtype)
        for row in numba.prange(accounts):
            total = np.zeros(pnl.shape[1], pnl.dtype)
            for slot in range(width):
                factor, own = quantity[row, slot], pnl[instrument[row, slot]]
                for scenario in range(total.size):
                    total[scenario] += factor * own[scenario]
            tail = np.sort(np.partition(total, whole)[: whole + 1])
            out[row, 0] = -tail[var]
            out[row, 1] = -(tail[:whole].sum() + part * tail[whole]) / mass
        return out

    return lambda: loop(case.instrument, case.quantity, case.pnl)


def with_torch(case):
    """Sparse CSR times matrix, then `topk`, some accounts at a time."""
    try:
        import torch
    except ImportError:
        return None
    warnings.filterwarnings("ignore", message="Sparse", module="torch|risk_peers")
    matrix, at = csr_of(case), ranks(case.pnl.shape[1])
    device, chunk = ("cpu", CHUNK) if jax.default_backend() == "cpu" else ("cuda", GPU_CHUNK)
    pnl = torch.as_tensor(np.array(case.pnl), device=device)

    def tensor(part):
        held = (part.indptr, part.indices, part.data)
        placed = (torch.as_tensor(x, device=device) for x in held)
        return torch.sparse_csr_tensor(*placed, size=part.shape)

    parts = [tensor(matrix[i : i + chunk]) for i in range(0, matrix.shape[0], chunk)]

    def call():
        found = []
        for part in parts:
            worst = torch.topk(part @ pnl, at.whole + 1, dim=1, largest=False).values
            found.append(_two(on_host(worst), at))
        return np.concatenate(found)

    return call


def with_plain_jax(case):
    """Each eighth account: gathered rows, `segment_sum`, `top_k`; in one program."""
    at = ranks(case.pnl.shape[1])
    instrument, quantity = case.instrument[::EVERY], case.quantity[::EVERY]
    accounts, width = instrument.shape
    account = jnp.repeat(jnp.arange(accounts), width)
    arrays = (jnp.asarray(instrument.reshape(-1)), jnp.asarray(quantity.reshape(-1)))

    @jax.jit
    def run(instrument, quantity, pnl):
        rows = quantity[:, None] * pnl[instrument]
        total = jax.ops.segment_sum(rows, account, accounts, indices_are_sorted=True)
        worst = jax.lax.top_k(-total, at.whole + 1)[0]
        tail = worst[:, : at.whole].sum(axis=1) + at.part * worst[:, at.whole]
        return jnp.stack([worst[:, at.var], tail / at.mass], axis=1)

    pnl = jnp.asarray(case.pnl)
    return lambda: run(*arrays, pnl)
