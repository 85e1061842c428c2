"""Rulebooks that margin each account from its positions, as venues do."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.book import Book, DenseBlock, PositionBlock
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin._contract_terms import (
    ContractKind,
    ContractTerms,
    contract_terms,
    rows_of_kinds,
)
from jaxmargin.margin._holdings import Holdings, holdings_of
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, pad_scenarios
from jaxmargin.valuation import Progress, over_blocks

__all__ = ["AbstractAccountRulebook", "AccountCharge", "unmoved"]


class AccountCharge(eqx.Module):
    """Margin of some accounts, in the numeraire, loss positive.

    Attributes:
        initial: named parts of initial margin; their sum may be negative, it is then lifted to 0.
        maintenance: maintenance margin; a negative one is lifted to zero.
        worst_scenario: the scenario that decides; 0 where the rule has none.
    """

    initial: dict[str, Float[Array, " row"]]
    maintenance: Float[Array, " row"]
    worst_scenario: Int[Array, " row"]


class AbstractAccountRulebook(AbstractRulebook):
    """A rule that reads an account's positions one by one.

    Margins are what an account's equity must reach, where equity counts every contract at its
    mark: premium paid counts in it, and premium received is owed. A venue that keeps the value of
    options out of its margin balance has its own figure changed by that value.
    """

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind)
    """Kinds of contracts that the rule knows; a book with others is refused."""

    @abc.abstractmethod
    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """Margin of some accounts; pure, differentiable where the rule is."""

    def charge(
        self,
        pnl: Float[Array, "instrument scenario"],
        book: Book,
        market: Market,
        shocks: Shocks,
        *,
        progress: Progress | None = None,
    ) -> Requirement:
        """See `AbstractRulebook.charge`."""
        _require_accepted(self, book)
        work = _Charge(self, contract_terms(book, market), market, shocks)
        charge, execution = over_blocks(work, pnl, book.positions, progress=progress)
        total = sum(charge.initial.values(), jnp.zeros_like(charge.maintenance))
        initial = jnp.maximum(total, 0.0)
        unknown = jnp.full_like(initial, jnp.nan)
        return Requirement(
            initial=initial,
            maintenance=jnp.maximum(charge.maintenance, 0.0),
            components={**charge.initial, "floor": initial - total},
            standard_error=unknown,
            tail_count=unknown,
            worst_scenario=charge.worst_scenario,
            execution=execution,
        )


class _Charge(eqx.Module):
    """A rule on the chunks of a block."""

    rulebook: AbstractAccountRulebook
    terms: ContractTerms
    market: Market
    shocks: Shocks

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> AccountCharge:
        def one(chunk: PositionBlock | DenseBlock) -> AccountCharge:
            held = holdings_of(chunk, self.terms, pnl)
            return self.rulebook.account_charge(held, self.market, self.shocks)

        return jax.lax.map(one, chunks)


def unmoved(market: Market) -> Shocks:
    """One scenario in which nothing moves, for rules that need no revaluation; padded."""
    one, still = jnp.ones(1, market.spot.dtype), jnp.zeros(1, market.spot.dtype)
    spot = jnp.zeros((market.spot.shape[0], 1), market.spot.dtype)
    return pad_scenarios(Shocks(spot=spot, time=still, weight=one, overlap=one[0]))


def _require_accepted(rulebook: AbstractAccountRulebook, book: Book) -> None:
    refused = rows_of_kinds(book, rulebook.accepts)
    if refused:
        names = ", ".join(f"{count} {name}" for name, count in refused)
        kinds = ", ".join(kind.name.lower() for kind in sorted(rulebook.accepts))
        raise InvalidInputError(
            f"{type(rulebook).__name__} margins contracts of the kinds {kinds}; the book has "
            f"{names}. Take them out of the book, or use another rulebook."
        )
