"""What every rulebook is."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxmargin.book import Book, DenseBlock, Positions, pad_accounts
from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin._requirement import Requirement
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import Progress, contract_pnl, memory_errors, rows_not_finite

__all__ = [
    "AbstractRulebook",
    "charged",
    "on_padded",
    "require_finite",
    "require_known",
    "require_margins",
    "revalued",
]


class AbstractRulebook(eqx.Module):
    """A rule that sets the margin of every account of a book."""

    @abc.abstractmethod
    def shocks(self, market: Market) -> Shocks:
        """The scenarios in which contracts are revalued, padded to a bucket size."""

    @abc.abstractmethod
    def charge(
        self,
        pnl: Float[Array, "instrument scenario"],
        book: Book,
        market: Market,
        shocks: Shocks,
        *,
        progress: Progress | None = None,
    ) -> Requirement:
        """Margin of every account from the P&L of one contract of each row.

        An account's margin depends on its own positions alone, and is the same to the last bit
        whatever other accounts `book` has, as long as memory allows for chunks of one size.
        """

    def requirement(
        self, book: Book, market: Market, *, progress: Progress | None = None
    ) -> Requirement:
        """Margin of every account of `book` in today's `market`.

        Raises:
            InvalidInputError: a contract has no finite profit and loss in some scenario, an account
                no finite margin or a contract that the book does not have.
            MemoryError: memory ran out, and did so with ever smaller chunks too.
        """
        with memory_errors():
            shocks, pnl = revalued(self, book, market)
            return charged(self, pnl, book, market, shocks, progress=progress)


def revalued(
    rulebook: AbstractRulebook, book: Book, market: Market
) -> tuple[Shocks, Float[Array, "instrument scenario"]]:
    """The scenarios of a rulebook and the P&L of one contract of each row in them, checked."""
    shocks = rulebook.shocks(market)
    pnl = contract_pnl(book, market, shocks)
    require_finite(pnl, shocks.weight)
    return shocks, pnl


def charged(
    rulebook: AbstractRulebook,
    pnl: Float[Array, "instrument scenario"],
    book: Book,
    market: Market,
    shocks: Shocks,
    *,
    progress: Progress | None = None,
) -> Requirement:
    """Margins by `charge` on a padded number of accounts, so that one more compiles nothing."""

    def charge(padded: Book) -> list[Requirement]:
        return [rulebook.charge(pnl, padded, market, shocks, progress=progress)]

    return on_padded(charge, pnl.shape[0], book)[0]


def on_padded(
    charge: Callable[[Book], list[Requirement]], contracts: int, book: Book
) -> list[Requirement]:
    """What `charge` gives on `book` with accounts padded, cut to those that there are, checked."""
    accounts = book.positions.row
    if not isinstance(accounts, Tracer):
        require_known(book.positions, contracts)
        book = eqx.tree_at(lambda b: b.positions, book, pad_accounts(book.positions))
    results = jax.tree.map(lambda leaf: _first_rows(leaf, accounts.shape[0]), charge(book))
    for result in results:
        require_margins(result)
    return results


def _first_rows(leaf: Array | int, rows: int) -> Array | int:
    """Cut on the host where there are numbers: slicing there compiles nothing."""
    if isinstance(leaf, int) or leaf.ndim == 0:
        return leaf
    return leaf[:rows] if isinstance(leaf, Tracer) else jax.device_put(np.asarray(leaf)[:rows])


def require_finite(
    pnl: Float[Array, "instrument scenario"], weight: Float[Array, " scenario"]
) -> None:
    """A NaN would sort to one end and be ignored, so it is refused before any margin is taken."""
    if isinstance(pnl, Tracer) or isinstance(weight, Tracer):
        return
    weights = np.asarray(weight)
    if not (np.isfinite(weights).all() and weights.min() >= 0.0 and weights.sum() > 0.0):
        raise InvalidInputError(
            "The weights of the scenarios are not finite, or all zero, or some are negative. Check "
            "their source."
        )
    rows = rows_not_finite(pnl)
    if rows.size:
        raise InvalidInputError(
            f"The P&L of {rows.size} of {pnl.shape[0]} contracts is not finite in some scenario, "
            f"the first in row {rows[0]} of the book. Check its market data and the shocks."
        )


def require_margins(requirement: Requirement) -> None:
    """Refuse margins that are no numbers: quantities so large that sums overflow make them."""
    if isinstance(requirement.initial, Tracer):
        return
    finite = np.isfinite(requirement.initial) & np.isfinite(requirement.maintenance)
    if not finite.all():
        accounts = np.flatnonzero(~finite)
        raise InvalidInputError(
            f"The margin of {accounts.size} of {finite.size} accounts is not finite, the first "
            f"that of account {accounts[0]}, counted from 0. Check its quantities."
        )


def require_known(positions: Positions, rows: int) -> None:
    """Refuse positions in contracts beyond the `rows` of the book."""
    for block in positions.blocks:
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(block)):
            continue
        held = np.asarray(block.quantity) != 0.0
        if isinstance(block, DenseBlock):
            last = np.flatnonzero(held.any(axis=0)).max(initial=-1)
        else:
            last = np.asarray(block.instrument).max(initial=-1, where=held)
        require(
            int(last) < rows,
            f"An account holds the contract in row {last} of the book, which has {rows} rows, "
            "padding included. Add the contract, or correct the position.",
        )
