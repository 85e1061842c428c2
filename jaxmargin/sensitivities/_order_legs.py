"""Legs of orders and orders of accounts, laid end to end."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["OrderLegs"]


@dataclass(frozen=True)
class OrderLegs:
    """Legs sorted by order, and orders sorted by account; accounts count from 0 without gaps."""

    instrument: Int[np.ndarray, " leg"]
    quantity: Float[np.ndarray, " leg"]
    legs: Int[np.ndarray, " order"]
    by_account: Int[np.ndarray, " order"]
    count: Int[np.ndarray, " account"]

    @staticmethod
    def of(
        instrument: Int[np.ndarray, " leg"],
        quantity: Float[np.ndarray, " leg"],
        order: Int[np.ndarray, " leg"],
        row: Int[np.ndarray, " order"],
    ) -> "OrderLegs":
        by_order = np.argsort(order, kind="stable")
        return OrderLegs(
            instrument[by_order],
            quantity[by_order],
            np.bincount(order),
            np.argsort(row, kind="stable"),
            np.bincount(row),
        )

    def position(self, rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " order"]:
        """0, 1, ... for the orders of each of some accounts."""
        return _counted(self.count[rows])

    def of_accounts(self, rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " order"]:
        """All orders of some accounts, one account after the other."""
        first = np.cumsum(self.count) - self.count
        return self.by_account[np.repeat(first[rows], self.count[rows]) + self.position(rows)]

    def legs_of(
        self, order: Int[np.ndarray, " some"]
    ) -> tuple[Int[np.ndarray, " leg"], Float[np.ndarray, " leg"], Int[np.ndarray, " some"]]:
        """Contracts and quantities of some orders, one order after the other; legs of each."""
        many, first = self.legs[order], np.cumsum(self.legs) - self.legs
        leg = np.repeat(first[order], many) + _counted(many)
        return self.instrument[leg], self.quantity[leg], many


def _counted(sizes: Int[np.ndarray, " group"]) -> Int[np.ndarray, " member"]:
    """0, 1, ... in groups of these sizes."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
