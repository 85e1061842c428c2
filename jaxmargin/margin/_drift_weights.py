"""Drift's weights of deposits and borrowings, in real numbers."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["DriftWeights"]


class DriftWeights(AbstractAccountRulebook):
    r"""What deposits count less, and borrowings more, than their value; large ones the most.

    The venue weighs the net amount of each coin: a deposit of $s$ coins with
    $\min(w, c / (1 + k \sqrt{s}))$, a borrowing with $\max(v, (1 - d)\, v + k \sqrt{s})$. In terms
    of equity, a deposit needs its value times one less its weight, a borrowing its value times its
    weight less one. Initial and maintenance margin have weights of their own. `drift_asset_weight`
    and `drift_liability_weight` are the same in the program's integers, where a weight is rounded
    to 1e-4. Not smooth where a weight starts to depend on size. Left out: perpetuals, isolated
    pools and the scaling by the deposits of all users together.

    Components: `deposits`, `borrowings`.

    Attributes:
        initial_asset_weight: $w$ for initial margin, in [0, 1], by asset.
        maintenance_asset_weight: $w$ for maintenance margin, in [0, 1], by asset.
        initial_liability_weight: $v$ for initial margin, not below 1, by asset.
        maintenance_liability_weight: $v$ for maintenance margin, not below 1, by asset.
        size_factor: $k$, the IMF factor, per root of a coin, by asset.
        asset_ceiling: $c$, a setting of the venue.
        liability_cut: $d$ in [0, 1], a setting of the venue.

    References:
        Drift, protocol-v2, programs/drift/src/math/margin.rs, 2022; docs, "Cross-collateral
        deposits".
    """

    initial_asset_weight: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    maintenance_asset_weight: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    initial_liability_weight: Float[Array, " asset"] = eqx.field(metadata={"entries": "from 1"})
    maintenance_liability_weight: Float[Array, " asset"] = eqx.field(metadata={"entries": "from 1"})
    size_factor: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    asset_ceiling: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    liability_cut: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset({ContractKind.SPOT})

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        coins = holdings.by_group(holdings.coins, holdings.terms.asset, market.spot.shape[0])
        some = coins != 0.0
        root = jnp.where(some, jnp.sqrt(jnp.where(some, jnp.abs(coins), 1.0)), 0.0)
        size = self.size_factor[None, :] * root

        def parts(
            asset_weight: Float[Array, " asset"], liability_weight: Float[Array, " asset"]
        ) -> dict[str, Float[Array, " row"]]:
            plain, owed = asset_weight[None, :], liability_weight[None, :]
            weight = jnp.minimum(plain, self.asset_ceiling / (1.0 + size))
            weight = jnp.where(self.size_factor[None, :] > 0.0, weight, plain)
            liability = jnp.maximum(owed, (1.0 - self.liability_cut) * owed + size)
            value = coins * market.spot[None, :]
            return {
                "deposits": jnp.sum(jnp.maximum(value, 0.0) * (1.0 - weight), axis=-1),
                "borrowings": jnp.sum(jnp.maximum(-value, 0.0) * (liability - 1.0), axis=-1),
            }

        least = parts(self.maintenance_asset_weight, self.maintenance_liability_weight)
        return AccountCharge(
            initial=parts(self.initial_asset_weight, self.initial_liability_weight),
            maintenance=least["deposits"] + least["borrowings"],
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )
