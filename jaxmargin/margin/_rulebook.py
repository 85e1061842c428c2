"""What every rulebook is."""

import abc

import equinox as eqx

from jaxmargin.book import Book
from jaxmargin.margin._requirement import Requirement
from jaxmargin.market import Market
from jaxmargin.valuation import Progress

__all__ = ["AbstractRulebook"]


class AbstractRulebook(eqx.Module):
    """A rule that sets the margin of every account of a book."""

    @abc.abstractmethod
    def requirement(
        self, book: Book, market: Market, *, progress: Progress | None = None
    ) -> Requirement:
        """Margin of every account of `book` in today's `market`.

        Raises:
            InvalidInputError: a contract has no finite profit and loss in some scenario.
        """
