"""Rulebooks that margin each account from its positions, as venues do."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.book import Book, DenseBlock, PositionBlock, Positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin._contract_terms import (
    ContractKind,
    ContractTerms,
    contract_deltas,
    contract_terms,
    require_kinds,
)
from jaxmargin.margin._holdings import Holdings, holdings_of
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, pad_scenarios
from jaxmargin.valuation import Progress, over_blocks

__all__ = ["AbstractAccountRulebook", "AccountCharge", "require_accepted", "unmoved"]


class AccountCharge(eqx.Module):
    """Margin of some accounts, in the numeraire, loss positive.

    Attributes:
        initial: named parts of initial margin; their sum may be negative, it is then lifted to 0.
        maintenance: maintenance margin; a negative one is lifted to zero.
        worst_scenario: the scenario that decides; 0 where the rule has none.
        refused: accounts that the rule cannot margin, by the reason: a clause about an account,
            then what to do.
    """

    initial: dict[str, Float[Array, " row"]]
    maintenance: Float[Array, " row"]
    worst_scenario: Int[Array, " row"]
    refused: dict[str, Bool[Array, " row"]] = eqx.field(default_factory=dict)


class AbstractAccountRulebook(AbstractRulebook):
    """A rule that reads an account's positions one by one.

    Margins are what an account's equity must reach, where equity counts every contract at its
    mark: premium paid counts in it, and premium received is owed. A venue that keeps the value of
    options out of its margin balance has its own figure changed by that value.
    """

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind)
    """Kinds of contracts that the rule knows; a book with others is refused."""
    uses_deltas: ClassVar[bool] = False
    """Whether the rule reads `Holdings.delta`, which takes a program of its own."""

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
        """See `AbstractRulebook.charge`.

        Raises:
            InvalidInputError: the book has contracts or accounts that the rule cannot margin. Where
                that is not known yet, as in a `jit`, such accounts' margins are NaN.
        """
        require_accepted(self, book)
        deltas = contract_deltas(book, market) if self.uses_deltas else None
        work = _Charge(self, contract_terms(book, market), deltas, market, shocks)
        charge, execution = over_blocks(work, pnl, book.positions, progress=progress)
        _require_margined(self, charge, book.positions)
        total = sum(charge.initial.values(), jnp.zeros_like(charge.maintenance))
        initial = _known(total, charge)
        unknown = jnp.full_like(initial, jnp.nan)
        return Requirement(
            initial=initial,
            maintenance=_known(charge.maintenance, charge),
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
    deltas: Float[Array, " instrument"] | None
    market: Market
    shocks: Shocks

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> AccountCharge:
        def one(chunk: PositionBlock | DenseBlock) -> AccountCharge:
            held = holdings_of(chunk, self.terms, pnl, self.deltas)
            return self.rulebook.account_charge(held, self.market, self.shocks)

        return jax.lax.map(one, chunks)


def unmoved(market: Market) -> Shocks:
    """One scenario in which nothing moves, for rules that need no revaluation; padded."""
    one, still = jnp.ones(1, market.spot.dtype), jnp.zeros(1, market.spot.dtype)
    spot = jnp.zeros((market.spot.shape[0], 1), market.spot.dtype)
    return pad_scenarios(Shocks(spot=spot, time=still, weight=one, overlap=one[0]))


def _require_margined(
    rulebook: AbstractAccountRulebook, charge: AccountCharge, positions: Positions
) -> None:
    """Refuse accounts that the rule cannot margin, where that is known already."""
    for reason, accounts in charge.refused.items():
        if isinstance(accounts, Tracer):
            continue
        refused = np.flatnonzero(np.asarray(accounts))
        if refused.size:
            row = np.asarray(positions.row)  # that of the first account again for padding
            count, every = np.unique(row[refused]).size, np.unique(row).size
            raise InvalidInputError(
                f"{type(rulebook).__name__} cannot margin {count} of {every} accounts, the first "
                f"of them account {refused[0]}, counted from 0: {reason}"
            )


def _known(margin: Float[Array, " row"], charge: AccountCharge) -> Float[Array, " row"]:
    """Margins not below zero, and NaN for the accounts that the rule cannot margin."""
    margin = jnp.maximum(margin, 0.0)
    for accounts in charge.refused.values():
        margin = jnp.where(accounts, jnp.nan, margin)
    return margin


def require_accepted(rulebook: AbstractRulebook, book: Book) -> None:
    """Refuse a book with contracts that the rule does not know; any other rule knows them all."""
    if not isinstance(rulebook, AbstractAccountRulebook):
        return
    name = type(rulebook).__name__
    require_kinds(book, rulebook.accepts, name, verb="margins", instead="use another rulebook")
