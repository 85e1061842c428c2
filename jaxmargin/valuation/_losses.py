"""Weighted losses of accounts, with derivatives that touch only the scenarios of the tail."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.book import DenseBlock, PositionBlock, Positions
from jaxmargin.numerics import add_tails, compact_rows, tail_products
from jaxmargin.valuation._accounts import Progress, over_blocks
from jaxmargin.valuation._execution import Execution

__all__ = ["ScenarioWeights", "Weighting", "compact_weights", "stream_losses"]

_MOST_TIES = 8  # scenarios at the edge of a tail that derivatives tell apart


class ScenarioWeights(NamedTuple):
    """Weights of scenarios in a measure: not negative, each row of the sum adds up to one.

    Attributes:
        inside: of scenarios whose part in the measure no small move can end.
        boundary: of scenarios at the edge of the tail; more than one of a row only if their
            losses are equal.
    """

    inside: Float[Array, "account scenario"]
    boundary: Float[Array, "account scenario"]


Weighting = Callable[[Float[Array, "account scenario"]], tuple[tuple[ScenarioWeights, ...], PyTree]]
"""P&L of some accounts to the weights of scenarios in each measure, and to what else is kept."""


def stream_losses(
    weighting: Weighting,
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    *,
    most_inside: tuple[int, ...],
    progress: Progress | None = None,
) -> tuple[Float[Array, "account measure"], PyTree, Execution]:
    r"""Weighted losses $-\sum_s w_s \mathrm{P\&L}_s$ of all accounts, a chunk at a time.

    Weights depend on the order of the losses alone, so derivatives take them as constant. A
    derivative keeps of each account only the scenarios that have weight, and is one pass over
    those: by quantity $-\sum_s w_s P_{is}$, by contract P&L $-q_i w_s$. Of more than eight equal
    losses at the edge of a tail it takes the first eight, each with an equal share. Dense rows are
    differentiated over all scenarios and ties.

    Args:
        weighting: see `Weighting`; an `equinox.Module`.
        pnl: P&L of one contract of each row; see `contract_pnl`.
        positions: what the accounts hold.
        most_inside: for each measure, most scenarios of a row that `inside` can give weight.
        progress: see `stream_accounts`.

    Returns:
        The losses, what else `weighting` keeps, and how it was carried out.

    Raises:
        MemoryError: see `stream_accounts`.
    """
    work = _Losses(weighting, most_inside)
    (losses, kept), execution = over_blocks(work, pnl, positions, progress=progress)
    return losses, kept, execution


class _Losses(eqx.Module):
    """Losses of the accounts of a block."""

    weighting: Weighting
    most_inside: tuple[int, ...] = eqx.field(static=True)

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> PyTree:
        if isinstance(chunks, DenseBlock):
            return jax.lax.map(lambda chunk: self.of(chunk.account_pnl(pnl))[:2], chunks)
        arrays, rest = eqx.partition(self, eqx.is_array)

        @jax.custom_vjp
        def run(arrays: PyTree, pnl: Array, instrument: Array, quantity: Array) -> PyTree:
            own: Any = eqx.combine(arrays, rest)

            def one(chunk: tuple[Array, Array]) -> PyTree:
                return own.of(PositionBlock(*chunk).account_pnl(pnl))[:2]

            return jax.lax.map(one, (instrument, quantity))

        def forward(
            arrays: PyTree, pnl: Array, instrument: Array, quantity: Array
        ) -> tuple[PyTree, PyTree]:
            own: Any = eqx.combine(arrays, rest)
            chunks = (instrument, quantity)
            result, tails = jax.lax.map(lambda c: own.with_tails(PositionBlock(*c), pnl), chunks)
            return result, (pnl, instrument, quantity, tails)

        def backward(saved: PyTree, slopes: PyTree) -> PyTree:
            pnl, instrument, quantity, tails = saved

            def one(total: Array, chunk: tuple[Array, Array, PyTree, Array]) -> PyTree:
                return _pull_back(total, pnl, chunk[0], chunk[1], chunk[2], chunk[3])

            chunks = (instrument, quantity, tails, slopes[0])
            by_pnl, by_quantity = jax.lax.scan(one, jnp.zeros_like(pnl), chunks)
            return None, by_pnl, None, by_quantity

        run.defvjp(forward, backward)
        return run(arrays, pnl, chunks.instrument, chunks.quantity)

    def of(
        self, pnl: Float[Array, "account scenario"]
    ) -> tuple[Float[Array, "account measure"], PyTree, tuple[ScenarioWeights, ...]]:
        """Losses, what else is kept, and the weights."""
        weights, kept = self.weighting(jax.lax.stop_gradient(pnl))
        losses = [-jnp.sum((one.inside + one.boundary) * pnl, axis=-1) for one in weights]
        return jnp.stack(losses, axis=-1), kept, weights

    def with_tails(
        self, chunk: PositionBlock, pnl: Float[Array, "instrument scenario"]
    ) -> tuple[PyTree, PyTree]:
        """The result of a chunk, and for each measure the scenarios with weight."""
        losses, kept, weights = self.of(chunk.account_pnl(pnl))
        tails = tuple(
            compact_weights(one, most) for one, most in zip(weights, self.most_inside, strict=True)
        )
        return (losses, kept), tails


def compact_weights(
    weights: ScenarioWeights, most_inside: int
) -> tuple[Int[Array, "account place"], Float[Array, "account place"]]:
    """Scenarios with weight and their weights; equal shares of at most eight at the edge."""
    scenario, weight = compact_rows(weights.boundary, _MOST_TIES)
    kept = jnp.sum(weight, axis=-1)
    whole = jnp.sum(weights.boundary, axis=-1)
    weight = weight * (whole / jnp.where(kept > 0.0, kept, 1.0))[:, None]
    if most_inside == 0:
        return scenario, weight
    inside = compact_rows(weights.inside, most_inside)
    return (
        jnp.concatenate([inside[0], scenario], axis=1),
        jnp.concatenate([inside[1], weight], axis=1),
    )


def _pull_back(
    total: Float[Array, "instrument scenario"],
    pnl: Float[Array, "instrument scenario"],
    instrument: Int[Array, "account slot"],
    quantity: Float[Array, "account slot"],
    tails: PyTree,
    slopes: Float[Array, "account measure"],
) -> tuple[Float[Array, "instrument scenario"], Float[Array, "account slot"]]:
    """Derivatives by contract P&L, added to `total`, and by quantity."""
    by_quantity = jnp.zeros_like(quantity)
    for measure, (scenario, weight) in enumerate(tails):
        slope = -slopes[:, measure, None] * weight
        by_quantity += tail_products(pnl, instrument, scenario, slope)
        total = add_tails(total, instrument, quantity, scenario, slope)
    return total, by_quantity
