"""From contract P&L to accounts: streamed, so that accounts x scenarios never exists at once."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.errors import JaxRuntimeError
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.book import Book, DenseBlock, PositionBlock, Positions, largest_block, slices
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation._contracts import contract_pnl
from jaxmargin.valuation._devices import (
    gathered,
    mesh_of,
    on_every_device,
    same_everywhere,
    sharded,
)
from jaxmargin.valuation._execution import CURE, Execution, chunk_rows, is_out_of_memory

__all__ = ["Progress", "over_blocks", "revalue", "stream_accounts", "stream_pnl"]

_Statistic = TypeVar("_Statistic", bound=PyTree)
Progress = Callable[[int, int], None]
"""Called on the host with the work done and the work in all."""

_MOST_RETRIES = 6  # chunks of a sixty-fourth of the first
# Of one matrix product; always as many, so that its rounding is always the same.
_DENSE_ROWS, _DENSE_ROWS_ON_GPU = 8, 256


BlockWork = Callable[[Float[Array, "instrument scenario"], PositionBlock | DenseBlock], PyTree]
"""Contract P&L, and a block whose leaves have a leading axis of chunks, to rows of results."""


def revalue(book: Book, market: Market, shocks: Shocks) -> Float[Array, "account scenario"]:
    """Profit and loss of every account in every scenario, gain positive, in the numeraire.

    Takes accounts x scenarios of memory; a margin needs only `stream_accounts`, and `stream_pnl`
    hands out the same in pieces.
    """
    return stream_accounts(_identity, contract_pnl(book, market, shocks), book.positions)


def _identity(pnl: Float[Array, "account scenario"]) -> Float[Array, "account scenario"]:
    return pnl


def stream_pnl(
    pnl: Float[Array, "instrument scenario"], positions: Positions
) -> Iterator[tuple[Int[np.ndarray, " part"], Float[np.ndarray, "part scenario"]]]:
    """The P&L of all accounts in pieces of at most 4,096: their numbers, and their P&L.

    Every account comes once, accounts of similar size together. Only one piece exists at a time.
    """
    account = np.full(sum(block.rows for block in positions.blocks), -1)
    account[np.asarray(positions.row)] = np.arange(positions.accounts)
    first = 0
    for block in slices(positions):
        own = account[first : first + block.rows]
        first += block.rows
        alone = Positions((block,), jnp.arange(block.rows))
        rows = np.asarray(stream_accounts(_identity, pnl, alone))
        yield own[own >= 0], rows[own >= 0]


def stream_accounts(
    statistic: Callable[[Float[Array, "chunk scenario"]], _Statistic],
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    *,
    progress: Progress | None = None,
) -> _Statistic:
    """Apply `statistic` to the P&L of all accounts, a chunk of accounts at a time.

    Where this process has several devices, each takes a share of the accounts of a block, and a
    copy of `pnl`; an account's row is computed the same way on any number of them.

    Args:
        statistic: P&L of some accounts to arrays with one row per account. Compiled once for
            each callable that compares equal, so pass an `equinox.Module` or a function of a
            module, not a fresh lambda.
        pnl: P&L of one contract of each row; see `contract_pnl`.
        positions: what the accounts hold.
        progress: called with rows done and rows in all after each block, on the host; the rows
            include padding.

    Returns:
        What `statistic` returns, one row per account in the order of the accounts.

    Raises:
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    return over_blocks(_Each(statistic), pnl, positions, progress=progress)[0]


class _Each(eqx.Module):
    """A statistic of the P&L of each chunk."""

    statistic: Callable[[Float[Array, "chunk scenario"]], PyTree]

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> PyTree:
        return jax.lax.map(lambda chunk: self.statistic(chunk.account_pnl(pnl)), chunks)


def over_blocks(
    work: BlockWork,
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    *,
    progress: Progress | None = None,
) -> tuple[Any, Execution]:
    """Do `work` on all accounts; see `stream_accounts`, whose arguments and errors it shares."""
    devices = 1 if _is_abstract(pnl) else jax.device_count()
    chunk = chunk_rows(pnl.shape[1], pnl.dtype.itemsize, devices)
    retries, done, parts = 0, 0, []
    pnl = on_every_device(pnl, devices)
    work = same_everywhere(work)
    total = sum(block.rows for block in positions.blocks)
    for block in slices(positions, largest_block()):
        while True:
            try:
                part = _on_block(work, pnl, same_everywhere(block), chunk, devices)
                part = gathered(part, devices)
                jax.block_until_ready(part)
                break
            except JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if retries == _MOST_RETRIES or chunk == 1 or isinstance(block, DenseBlock):
                    raise MemoryError(
                        f"Memory ran out with {chunk} accounts x {pnl.shape[1]:,} scenarios at "
                        f"once. {CURE}"
                    ) from error
                chunk, retries = max(1, chunk // 2), retries + 1
        done += block.rows
        if progress is not None:
            progress(done, total)
        parts.append(part)
    execution = Execution(chunk, devices, retries)
    if not parts:
        return _no_rows(work, pnl), execution
    return jax.tree.map(lambda *leaves: _in_order(leaves, positions.row), *parts), execution


def _in_order(parts: tuple[Array, ...], row: Int[Array, " account"]) -> Array:
    """Rows of the parts laid end to end; on the host, if it can be, where this compiles nothing."""
    if any(isinstance(leaf, Tracer) for leaf in (*parts, row)):
        return jnp.concatenate(parts)[row]
    whole = np.concatenate([np.asarray(part) for part in parts])
    return jax.device_put(whole[np.asarray(row)])


def _is_abstract(x: Array) -> bool:
    """Whether `x` has no numbers yet, as within a `jit`; within a `grad` it has."""
    return isinstance(x, Tracer) and x.to_concrete_value() is None


def _no_rows(work: BlockWork, pnl: Float[Array, "instrument scenario"]) -> PyTree:
    """The result for no accounts."""
    empty = PositionBlock(jnp.zeros((1, 1), jnp.int32), jnp.zeros((1, 1), pnl.dtype))
    chunks = jax.tree.map(lambda leaf: leaf[None], empty)
    shapes = jax.eval_shape(lambda: work(pnl, chunks))
    return jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape[2:]), leaf.dtype), shapes)


@eqx.filter_jit
def _on_block(
    work: BlockWork,
    pnl: Float[Array, "instrument scenario"],
    block: PositionBlock | DenseBlock,
    chunk: int,
    devices: int,
) -> PyTree:
    rows = block.rows
    if isinstance(block, DenseBlock):
        chunk = _DENSE_ROWS if jax.default_backend() == "cpu" else _DENSE_ROWS_ON_GPU
    # a chunk has as many rows whatever the block: the order in which a program adds up may depend
    # on its shape, and with it the last bit of a margin
    # at least two on each device: one alone would be compiled otherwise, and might round otherwise
    chunks = max(-(-rows // (chunk * devices)), 2) * devices
    padded = jax.tree.map(
        lambda leaf: jnp.pad(leaf, ((0, chunks * chunk - rows), (0, 0))).reshape(
            chunks, chunk, leaf.shape[1]
        ),
        block,
    )
    result = sharded(work, mesh_of(devices) if devices > 1 else None)(pnl, padded)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:rows], result)
