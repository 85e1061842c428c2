"""A book of one account, so that questions about it do not revalue all the others."""

import numpy as np

from jaxmargin.book import Book, build_positions
from jaxmargin.sensitivities._account_pnl import held_contracts

__all__ = ["one_account"]


def one_account(book: Book, account: int) -> Book:
    """What `account` holds, and nothing else; contracts are in other rows than in `book`.

    Raises:
        InvalidInputError: the book has no such account.
    """
    held = held_contracts(book, account)
    batches = tuple(holding.contracts for holding in held.holdings)
    quantity = [np.asarray(holding.quantity, np.float64) for holding in held.holdings]
    quantities = np.concatenate([np.zeros(0), *quantity])[held.slot]
    owner = np.zeros(held.slot.size, np.int64)
    return Book(batches, build_positions(owner, held.slot, quantities, accounts=1))
