"""The least margin of a contract."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn
from jaxmargin.market import Market

__all__ = ["MinimumPerContractAddOn"]


class MinimumPerContractAddOn(AbstractAddOn):
    """Margin is not less than an amount for each coin of each contract, long or short.

    A floor: it lifts a margin that is less, and adds nothing to one that is more. Spot has none.

    Attributes:
        minimum: in the numeraire for each coin of a contract, by asset.
        maintenance_share: share of the floor to which maintenance margin is lifted.

    References:
        FINRA rule 4210(g): 0.375 USD times the multiplier for each contract.
    """

    minimum: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}
    is_floor: ClassVar[bool] = True

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        del market
        spot = holdings.of_kind(ContractKind.SPOT)
        coins = jnp.where(spot, 0.0, jnp.abs(holdings.merged_coins()))
        return jnp.sum(self.minimum[holdings.terms.asset] * coins, axis=-1)
