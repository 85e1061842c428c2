"""What some accounts hold, slot by slot, and sums over it."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from jaxmargin.book import DenseBlock, PositionBlock
from jaxmargin.margin._contract_terms import ContractKind, ContractTerms

__all__ = ["Holdings", "holdings_of", "sums_on_first"]


class Holdings(eqx.Module):
    """Positions of some accounts, padded with quantity zero.

    Attributes:
        quantity: contracts held; negative is short.
        terms: terms of each slot's contract.
        pnl: P&L of one contract of each slot.
        delta: coins of the underlying that one contract of each slot moves like; None for rules
            that do not ask for it.
    """

    quantity: Float[Array, "row slot"]
    terms: ContractTerms
    pnl: Float[Array, "row slot scenario"]
    delta: Float[Array, "row slot"] | None = None

    @property
    def coins(self) -> Float[Array, "row slot"]:
        """Units of the underlying, negative is short."""
        return self.quantity * self.terms.coins

    @property
    def value(self) -> Float[Array, "row slot"]:
        """Value of each position, in the numeraire."""
        return self.quantity * self.terms.value

    def of_kind(self, *kinds: ContractKind) -> Bool[Array, "row slot"]:
        """Whether each slot's contract is of one of `kinds`."""
        return self.terms.is_kind(*kinds)

    def merged_coins(self) -> Float[Array, "row slot"]:
        """`coins` of each contract on the first of its slots, and zero on the others."""
        return self.merged(self.coins)

    def merged(self, amount: Float[Array, "row slot"]) -> Float[Array, "row slot"]:
        """Sum of `amount` of each contract on the first of its slots, and zero on the others.

        Contracts are the same where all that a rule can see of them is, apart from their size.
        """
        terms = self.terms
        return sums_on_first(
            amount,
            terms.kind, terms.asset, terms.pillar, terms.settlement, terms.strike, terms.sign,
        )  # fmt: skip

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
    deltas: Float[Array, " instrument"] | None = None,
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
        delta=None if deltas is None else deltas[instrument],
    )


def sums_on_first(
    amount: Float[Array, "row slot *more"], *keys: Shaped[Array, "row slot"]
) -> Float[Array, "row slot *more"]:
    """Sum of `amount` over the slots with equal keys, on the first of them; zero on the others."""
    same = jnp.ones((*keys[0].shape, keys[0].shape[1]), bool)
    for key in keys:
        same &= key[:, :, None] == key[:, None, :]
    seen_before = jnp.any(jnp.tril(same, k=-1), axis=-1)
    more = (1,) * (amount.ndim - 2)
    every = jnp.where(same.reshape(same.shape + more), amount[:, None], 0.0)
    return jnp.where(seen_before.reshape(seen_before.shape + more), 0.0, jnp.sum(every, axis=2))
