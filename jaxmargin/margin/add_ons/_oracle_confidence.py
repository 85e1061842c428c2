"""Prices that the oracle is not sure of."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn
from jaxmargin.market import Market

__all__ = ["OracleConfidenceAddOn"]


class OracleConfidenceAddOn(AbstractAddOn):
    r"""A charge on the notional of contracts whose prices have little confidence.

    Each contract has the least confidence $c$ of its coin's spot and, if it has one, of its
    perpetual or expiry; with its coins $|n|$ and spot $S$,

    $$ \sum |n|\, S\, g(c), \qquad g(c) = (1 - c) \times \text{factor}
       \text{ if } c < \text{threshold}, \quad 0 \text{ otherwise}. $$

    Longs and shorts of different contracts do not offset. Linear in size. It jumps by confidence:
    at the threshold from nothing to `factor` times one minus the threshold.

    Attributes:
        spot: confidence in each asset's price, in [0, 1].
        perpetual: confidence in each asset's perpetual.
        expiry: confidence in the forward, rate and volatilities of each pillar, the least of them.
        threshold: confidence from which nothing is charged.
        factor: see above.
        maintenance_share: see `AbstractAddOn`.

    References:
        Derive's portfolio margin, which charges initial margin alone and lets a perpetual's
        confidence lower that of options too.
    """

    spot: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    perpetual: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    expiry: Float[Array, " pillar"] = eqx.field(metadata={"entries": "share"})
    threshold: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    factor: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        terms = holdings.terms
        own = jnp.minimum(self.spot[terms.asset], self.spot[terms.base])
        swap = holdings.of_kind(ContractKind.PERPETUAL)
        own = jnp.where(swap, jnp.minimum(own, self.perpetual[terms.asset]), own)
        certain = jnp.ones(1, self.expiry.dtype)  # last, for what has no expiry
        own = jnp.minimum(own, jnp.concatenate([self.expiry, certain])[terms.pillar])
        rate = jnp.where(own < self.threshold, (1.0 - own) * self.factor, 0.0)
        notional = jnp.abs(holdings.merged_coins()) * market.spot[terms.asset]
        return jnp.sum(rate * notional, axis=-1)
