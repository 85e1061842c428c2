"""Positions as a list again, with a number of each."""

import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book._positions import DenseBlock, Positions

__all__ = ["list_positions"]


def list_positions(
    positions: Positions, values: tuple[Float[Array, "_ _"], ...]
) -> tuple[
    Int[np.ndarray, " position"],
    Int[np.ndarray, " position"],
    Float[np.ndarray, " position"],
    Float[np.ndarray, " position"],
]:
    """Account, contract, quantity and value of every position that is not zero, by account.

    Args:
        positions: what the accounts hold.
        values: a number for each slot of each block.
    """
    owner = np.full(sum(block.rows for block in positions.blocks), -1)
    owner[np.asarray(positions.row)] = np.arange(positions.accounts)
    parts, first = [], 0
    for block, value in zip(positions.blocks, values, strict=True):
        quantity = np.asarray(block.quantity)
        own = owner[first : first + block.rows]
        first += block.rows
        row, slot = np.nonzero((quantity != 0.0) & (own >= 0)[:, None])
        contract = (
            slot if isinstance(block, DenseBlock) else np.asarray(block.instrument)[row, slot]
        )
        parts.append((own[row], contract, quantity[row, slot], np.asarray(value)[row, slot]))
    if not parts:
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros(0)
    account, contract, quantity, value = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(account, kind="stable")
    return account[order], contract[order], quantity[order], value[order]
