"""Stablecoins that have lost their peg."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn
from jaxmargin.market import Market

__all__ = ["DepegAddOn"]


class DepegAddOn(AbstractAddOn):
    r"""A charge on what is paid in, or held of, stablecoins below a threshold.

    With the notional $N_i$ of contracts that are paid in stablecoin $a$, and of the coin itself,

    $$ \sum_a \text{factor}_a \max(\text{threshold}_a - S_a,\, 0) \sum_{i \in a} |N_i|. $$

    Longs and shorts of different contracts do not offset: a venue whose coin breaks cannot say who
    will pay. Linear in size; a kink at the threshold.

    Attributes:
        threshold: price in the numeraire from which nothing is charged, by asset; 0 for coins
            without a peg.
        factor: share of notional for each unit that the price is below, by asset.
        maintenance_share: see `AbstractAddOn`.

    References:
        Derive's portfolio margin raises the factor of its scenarios by such a term.
    """

    threshold: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    factor: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        terms = holdings.terms
        rate = self.factor * jnp.maximum(self.threshold - market.spot, 0.0)
        spot = holdings.of_kind(ContractKind.SPOT)
        coin = jnp.where(spot, terms.asset, terms.settlement)
        notional = jnp.abs(holdings.merged_coins()) * terms.price
        return jnp.sum(rate[coin] * notional, axis=-1)
