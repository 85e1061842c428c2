"""A rulebook with charges on top."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book, DenseBlock, PositionBlock
from jaxmargin.errors import require
from jaxmargin.margin._account_rulebook import require_accepted
from jaxmargin.margin._contract_terms import (
    ContractTerms,
    contract_deltas,
    contract_terms,
    require_kinds,
)
from jaxmargin.margin._holdings import holdings_of
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.margin.add_ons._add_on import AbstractAddOn
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import Progress, over_blocks

__all__ = ["WithAddOns", "add_charge", "require_accepted_by_all"]


class WithAddOns(AbstractRulebook):
    """A rulebook whose margins are raised by add-ons.

    Each adds its charge to initial margin, as a component of its name, and a share of it to
    maintenance margin. Floors lift what the rulebook and the add-ons before them make.

    Attributes:
        rulebook: the rule.
        add_ons: one of each kind at most.
    """

    rulebook: AbstractRulebook
    add_ons: tuple[AbstractAddOn, ...]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if two add-ons are of one kind."""
        names = sorted(add_on.name for add_on in self.add_ons)
        twice = {name for name in names if names.count(name) > 1}
        require(
            not twice,
            f"WithAddOns.add_ons has more than one of {', '.join(sorted(twice))}. Put their "
            "settings into one.",
        )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; those of the rule."""
        return self.rulebook.shocks(market)

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
            InvalidInputError: the book has contracts that an add-on cannot charge, or the rule
                cannot margin.
        """
        require_accepted_by_all(self, book)
        result = self.rulebook.charge(pnl, book, market, shocks, progress=progress)
        terms, deltas = contract_terms(book, market), contract_deltas(book, market)
        work = _Charges(self.add_ons, terms, deltas, market)
        charges, _ = over_blocks(work, pnl[:, :1], book.positions)  # no scenarios are read
        for add_on, charge in zip(self.add_ons, charges, strict=True):
            initial, maintenance = charge, add_on.maintenance_share * charge
            if add_on.is_floor:
                initial = jnp.maximum(initial - result.initial, 0.0)
                maintenance = jnp.maximum(maintenance - result.maintenance, 0.0)
            result = add_charge(result, add_on.name, initial, maintenance)
        return result


def add_charge(
    requirement: Requirement,
    name: str,
    initial: Float[Array, " account"],
    maintenance: Float[Array, " account"],
) -> Requirement:
    """A requirement with one more component, for charges that are known by account.

    Open orders are one: `initial` is what `open_order_margins` finds above the margin without
    them, zero for accounts without orders. A rulebook cannot hold such arrays, because it may be
    asked to margin only some of the accounts.

    Args:
        requirement: margins of all accounts.
        name: of the component.
        initial: added to initial margin, in the numeraire.
        maintenance: added to maintenance margin.

    Raises:
        InvalidInputError: the requirement has a component of that name, or another number of
            accounts.
    """
    require(
        name not in requirement.components,
        f"add_charge: the requirement has a component {name!r} already. Choose another name.",
    )
    counts = {part.shape for part in (initial, maintenance, requirement.initial)}
    require(
        len(counts) == 1,
        f"add_charge: {name} needs one entry per account in both charges; the requirement has "
        f"{requirement.initial.shape[0]} accounts, the charges {initial.shape[0]} and "
        f"{maintenance.shape[0]}.",
    )
    return eqx.tree_at(
        lambda r: (r.initial, r.maintenance, r.components),
        requirement,
        (
            requirement.initial + initial,
            requirement.maintenance + maintenance,
            {**requirement.components, name: initial},
        ),
    )


class _Charges(eqx.Module):
    """Add-ons on the chunks of a block."""

    add_ons: tuple[AbstractAddOn, ...]
    terms: ContractTerms
    deltas: Float[Array, " instrument"]
    market: Market

    def __call__(
        self, pnl: Float[Array, "instrument scenario"], chunks: PositionBlock | DenseBlock
    ) -> tuple[Float[Array, "chunk row"], ...]:
        def one(chunk: PositionBlock | DenseBlock) -> tuple[Float[Array, " row"], ...]:
            held = holdings_of(chunk, self.terms, pnl, self.deltas)
            return tuple(add_on.charge(held, self.market) for add_on in self.add_ons)

        return jax.lax.map(one, chunks)


def require_accepted_by_all(rulebook: AbstractRulebook, book: Book) -> None:
    """Refuse a book with contracts that a rule, or any add-on on it, does not know."""
    while isinstance(rulebook, WithAddOns):
        for add_on in rulebook.add_ons:
            name, instead = type(add_on).__name__, "leave the add-on out"
            require_kinds(book, add_on.accepts, name, verb="charges", instead=instead)
        rulebook = rulebook.rulebook
    require_accepted(rulebook, book)
