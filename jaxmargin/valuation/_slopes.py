"""Weighted losses of accounts and, in the same pass, their derivatives by every position."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxmargin.book import DenseBlock, PositionBlock, Positions
from jaxmargin.numerics import tail_products
from jaxmargin.valuation._accounts import Progress, over_blocks
from jaxmargin.valuation._losses import ScenarioWeights, Weighting, compact_weights

__all__ = ["stream_slopes"]


def stream_slopes(
    weighting: Weighting,
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    *,
    most_inside: int,
    progress: Progress | None = None,
) -> tuple[tuple[Float[Array, " _"], ...], tuple[Float[Array, "_ _"], ...]]:
    r"""Losses $-\sum_s w_s \mathrm{P\&L}_s$ and slopes $-\sum_s w_s P_{is}$ of all positions.

    The slopes are the derivatives that `stream_losses` has, without a second pass: the weights of
    a chunk are at hand. Padding slots have the slope of the contract in row 0.

    Args:
        weighting: see `Weighting`; of one measure.
        pnl: P&L of one contract of each row; see `contract_pnl`.
        positions: what the accounts hold.
        most_inside: see `stream_losses`.
        progress: see `stream_accounts`.

    Returns:
        For each block of `positions`, the loss of each row, and the slope of each slot.

    Raises:
        MemoryError: see `stream_accounts`.
    """
    losses, slopes = [], []
    total, before = sum(block.rows for block in positions.blocks), 0
    for block in positions.blocks:
        work = _Slopes(weighting, most_inside)
        alone = Positions((block,), jnp.arange(block.rows))
        (loss, slope), _ = over_blocks(work, pnl, alone, progress=_shifted(progress, before, total))
        losses.append(loss)
        slopes.append(slope)
        before += block.rows
    return tuple(losses), tuple(slopes)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Counts the blocks before this one."""
    return None if progress is None else lambda done, _: progress(before + done, total)


class _Slopes(eqx.Module):
    """Losses and slopes of the accounts of a block."""

    weighting: Weighting
    most_inside: int = eqx.field(static=True)

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> PyTree:
        return jax.lax.map(lambda chunk: self._of(chunk, pnl), chunks)

    def _of(
        self, chunk: PositionBlock | DenseBlock, pnl: Float[Array, "instrument scenario"]
    ) -> tuple[Float[Array, " row"], Float[Array, "row slot"]]:
        account_pnl: Any = chunk.account_pnl(pnl)
        weights: ScenarioWeights = self.weighting(account_pnl)[0][0]
        whole = weights.inside + weights.boundary
        loss = -jnp.sum(whole * account_pnl, axis=-1)
        if isinstance(chunk, DenseBlock):
            columns = min(chunk.quantity.shape[1], pnl.shape[0])
            slope = -jnp.matmul(whole, pnl[:columns].T, precision=jax.lax.Precision.HIGHEST)
            return loss, jnp.pad(slope, ((0, 0), (0, chunk.quantity.shape[1] - columns)))
        scenario, weight = compact_weights(weights, self.most_inside)
        return loss, tail_products(pnl, chunk.instrument, scenario, -weight)
