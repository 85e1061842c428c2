"""From contract P&L to accounts: streamed, so that accounts x scenarios never exists at once."""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, PyTree

from jaxmargin.book import Book, PositionBlock, Positions, slices
from jaxmargin.market import Market
from jaxmargin.numerics import aggregate_rows
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation._contracts import contract_pnl

__all__ = ["revalue", "stream_accounts"]

_Statistic = TypeVar("_Statistic", bound=PyTree)

# Bytes of account P&L handled at once: what stays in a CPU's cache, and what keeps a GPU busy.
_CPU_CHUNK_BYTES = 1_600_000
_GPU_CHUNK_BYTES = 330_000_000


def revalue(book: Book, market: Market, shocks: Shocks) -> Float[Array, "account scenario"]:
    """Profit and loss of every account in every scenario, gain positive, in the numeraire.

    Takes accounts x scenarios of memory; a margin needs only `stream_accounts`.
    """
    return stream_accounts(_identity, contract_pnl(book, market, shocks), book.positions)


def _identity(pnl: Float[Array, "account scenario"]) -> Float[Array, "account scenario"]:
    return pnl


def stream_accounts(
    statistic: Callable[[Float[Array, "chunk scenario"]], _Statistic],
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    *,
    progress: Callable[[int, int], None] | None = None,
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
    """
    chunk, devices = _chunk_rows(pnl), 1
    if not isinstance(pnl, Tracer):
        devices = jax.local_device_count()
        pnl = _on_every_device(pnl, devices)
    total = sum(block.instrument.shape[0] for block in positions.blocks)
    done, parts = 0, []
    for block in slices(positions):
        part = _block_statistic(statistic, pnl, block, chunk, devices)
        if devices > 1:
            part = jax.device_put(part, jax.local_devices()[0])
        done += block.instrument.shape[0]
        if progress is not None:
            jax.block_until_ready(part)
            progress(done, total)
        parts.append(part)
    if not parts:  # no accounts
        row = jax.ShapeDtypeStruct((1, *pnl.shape[1:]), pnl.dtype)
        shapes = jax.eval_shape(statistic, row)
        return jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape[1:]), leaf.dtype), shapes)
    return jax.tree.map(lambda *rows: jnp.concatenate(rows)[positions.row], *parts)


def _mesh(devices: int) -> Mesh:
    axis = (AxisType.Auto,)
    return jax.make_mesh((devices,), ("account",), axis, devices=jax.local_devices())


def _on_every_device(
    pnl: Float[Array, "instrument scenario"], devices: int
) -> Float[Array, "instrument scenario"]:
    if devices == 1:
        return pnl
    return jax.device_put(pnl, NamedSharding(_mesh(devices), PartitionSpec()))


def _chunk_rows(pnl: Float[Array, "instrument scenario"]) -> int:
    """Accounts of one chunk: 8 to 64 on a CPU, up to 8,192 on an accelerator."""
    bytes_per_row = pnl.shape[1] * pnl.dtype.itemsize
    if jax.default_backend() == "cpu":
        return min(max(_CPU_CHUNK_BYTES // bytes_per_row, 8), 64)
    return min(max(_GPU_CHUNK_BYTES // bytes_per_row, 64), 8192)


@eqx.filter_jit
def _block_statistic(
    statistic: Callable[[Float[Array, "chunk scenario"]], _Statistic],
    pnl: Float[Array, "instrument scenario"],
    block: PositionBlock,
    chunk: int,
    devices: int,
) -> _Statistic:
    rows = block.instrument.shape[0]
    chunk = min(chunk, -(-rows // devices))
    chunks = -(-rows // (chunk * devices)) * devices
    padded = jax.tree.map(
        lambda leaf: jnp.pad(leaf, ((0, chunks * chunk - rows), (0, 0))).reshape(
            chunks, chunk, leaf.shape[1]
        ),
        block,
    )
    arrays, rest = eqx.partition(statistic, eqx.is_array)

    def own_chunks(arrays: PyTree, pnl: Array, share: PositionBlock) -> _Statistic:
        """Chunk by chunk on one device."""
        own: Any = eqx.combine(arrays, rest)
        return jax.lax.map(
            lambda part: own(aggregate_rows(pnl, part.instrument, part.quantity)), share
        )

    if devices > 1:
        own_chunks = jax.shard_map(
            own_chunks,
            mesh=_mesh(devices),
            in_specs=(PartitionSpec(), PartitionSpec(), PartitionSpec("account")),
            out_specs=PartitionSpec("account"),
            check_vma=False,
        )
    result = own_chunks(arrays, pnl, padded)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:rows], result)
