"""Books that are backtested: the P&L of many portfolios from moves of the assets."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.numerics import exact_matmul

__all__ = ["AbstractBooks", "ConstantQuantities", "ConstantWeights", "RevaluedBooks"]


class AbstractBooks(eqx.Module):
    """Portfolios whose P&L over a horizon follows from the moves of the assets."""

    @abc.abstractmethod
    def pnl(
        self, moves: Float[Array, "scenario asset"], day: Int[Array, ""]
    ) -> Float[Array, "scenario portfolio"]:
        """P&L, gain positive, of what is held at the close of `day`, if assets make log `moves`."""


class ConstantWeights(AbstractBooks):
    """Portfolios brought back every day to the same money in each asset.

    Attributes:
        exposure: money in each asset, short negative.
    """

    exposure: Float[Array, "portfolio asset"]

    def pnl(
        self, moves: Float[Array, "scenario asset"], day: Int[Array, ""]
    ) -> Float[Array, "scenario portfolio"]:
        """See `AbstractBooks.pnl`."""
        del day
        return exact_matmul(jnp.expm1(moves), self.exposure.T)


class ConstantQuantities(AbstractBooks):
    """Portfolios that hold the same number of units all the time.

    Attributes:
        quantity: units of each asset, short negative.
        price: of each asset at the close of each day.
    """

    quantity: Float[Array, "portfolio asset"]
    price: Float[Array, "day asset"]

    def pnl(
        self, moves: Float[Array, "scenario asset"], day: Int[Array, ""]
    ) -> Float[Array, "scenario portfolio"]:
        """See `AbstractBooks.pnl`."""
        return exact_matmul(jnp.expm1(moves) * self.price[day][None, :], self.quantity.T)


class RevaluedBooks(AbstractBooks):
    """Portfolios of contracts that are not linear in the assets.

    Attributes:
        quantity: of each contract, short negative.
        unit_pnl: P&L of one unit of each contract, from log moves of the assets and the day; a
            function without state, or an `eqx.Module` that holds what it needs of each day.
    """

    quantity: Float[Array, "portfolio contract"]
    unit_pnl: Callable[
        [Float[Array, "scenario asset"], Int[Array, ""]], Float[Array, "scenario contract"]
    ]

    def pnl(
        self, moves: Float[Array, "scenario asset"], day: Int[Array, ""]
    ) -> Float[Array, "scenario portfolio"]:
        """See `AbstractBooks.pnl`."""
        return exact_matmul(self.unit_pnl(moves, day), self.quantity.T)
