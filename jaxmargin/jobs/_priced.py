"""Contracts priced in all scenarios once, for margins of any accounts that hold them."""

from dataclasses import dataclass

from jaxtyping import Array, Float

from jaxmargin.book import Book, Positions
from jaxmargin.jobs._calculation import Calculation
from jaxmargin.margin import Requirement, charged, revalued
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import Progress, memory_errors

__all__ = ["Priced", "price", "priced_margins"]


@dataclass(frozen=True)
class Priced:
    """A calculation and what does not depend on who holds its contracts.

    Attributes:
        calculation: market, contracts, scenarios and rulebook.
        shocks: the scenarios of the rulebook.
        pnl: of one contract of each row.
    """

    calculation: Calculation
    shocks: Shocks
    pnl: Float[Array, "instrument scenario"]


def price(calculation: Calculation) -> Priced:
    """Price the contracts of a calculation.

    Raises:
        InvalidInputError: a contract has no finite profit and loss in some scenario.
        MemoryError: memory ran out.
    """
    with memory_errors():
        return Priced(
            calculation, *revalued(calculation.rulebook, calculation.book, calculation.market)
        )


def priced_margins(
    priced: Priced, positions: Positions, *, progress: Progress | None = None
) -> Requirement:
    """Margins of positions in priced contracts, bit for bit those of the rulebook's `requirement`.

    Raises:
        InvalidInputError: an account has no finite margin.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    made = priced.calculation
    book = Book(made.book.instruments, positions)
    with memory_errors():
        return charged(
            made.rulebook, priced.pnl, book, made.market, priced.shocks, progress=progress
        )
