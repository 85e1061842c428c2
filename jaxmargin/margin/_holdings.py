"""What some accounts hold, slot by slot, and sums over it."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.book import DenseBlock, PositionBlock
from jaxmargin.margin._contract_terms import ContractTerms

__all__ = ["Holdings", "holdings_of"]


class Holdings(eqx.Module):
    """Positions of some accounts, padded with quantity zero.

    Attributes:
        quantity: contracts held; negative is short.
        terms: terms of each slot's contract.
        pnl: P&L of one contract of each slot.
    """

    quantity: Float[Array, "row slot"]
    terms: ContractTerms
    pnl: Float[Array, "row slot scenario"]

    @property
    def coins(self) -> Float[Array, "row slot"]:
        """Units of the underlying, negative is short."""
        return self.quantity * self.terms.coins

    @property
    def value(self) -> Float[Array, "row slot"]:
        """Value of each position, in the numeraire."""
        return self.quantity * self.terms.value

    def of_kind(self, *kinds: int) -> Bool[Array, "row slot"]:
        """Whether each slot's contract is of one of these `ContractKind`."""
        return self.terms.is_kind(*kinds)  # pyright: ignore[reportArgumentType]

    def merged_coins(self) -> Float[Array, "row slot"]:
        """`coins` of each contract on the first of its slots, and zero on the others.

        Contracts are the same where all that a rule can see of them is, apart from their size.
        """
        terms = self.terms
        same = jnp.ones((*self.quantity.shape, self.quantity.shape[1]), bool)
        for part in (
            terms.kind, terms.asset, terms.pillar, terms.settlement, terms.strike, terms.sign,
        ):  # fmt: skip
            same &= part[:, :, None] == part[:, None, :]
        seen_before = jnp.any(jnp.tril(same, k=-1), axis=-1)
        total = jnp.sum(jnp.where(same, self.coins[:, None, :], 0.0), axis=-1)
        return jnp.where(seen_before, 0.0, total)

    def by_group(
        self, amount: Float[Array, "row slot *more"], group: Int[Array, "row slot"], groups: int
    ) -> Float[Array, "row group *more"]:
        """Sum of `amount` over the slots of each group; those of no group, -1, are left out."""
        return jax.vmap(
            lambda values, of: jax.ops.segment_sum(
                values, jnp.where(of < 0, groups, of), num_segments=groups + 1
            )[:groups]
        )(amount, group)


def holdings_of(
    block: PositionBlock | DenseBlock,
    terms: ContractTerms,
    pnl: Float[Array, "instrument scenario"],
) -> Holdings:
    """Holdings of the accounts of a block; a dense row has a slot for each contract."""
    if isinstance(block, DenseBlock):
        columns = min(block.quantity.shape[1], pnl.shape[0])
        rows = block.quantity.shape[0]
        quantity = block.quantity[:, :columns]
        instrument = jnp.broadcast_to(jnp.arange(columns)[None, :], (rows, columns))
    else:
        quantity, instrument = block.quantity, block.instrument
    return Holdings(
        quantity=quantity,
        terms=jax.tree.map(lambda leaf: leaf[instrument], terms),
        pnl=pnl[instrument],
    )
