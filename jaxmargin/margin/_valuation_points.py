"""Margin as TIMS has it: the worst of some valuation points by group of coins."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin._scan_grid_shocks import range_shocks
from jaxmargin.market import Market
from jaxmargin.numerics import exact_einsum
from jaxmargin.scenarios import Shocks

__all__ = ["ValuationPoints"]


class ValuationPoints(AbstractAccountRulebook):
    r"""Margin from valuation points between a fall and a rise, in the manner of OCC's TIMS.

    A coin, with what follows it, is a class: its positions offset each other in full. At the point
    with `position` $p$ its price moves by $-\text{down} + p\,(\text{down} + \text{up})$. With P&L
    $V_{cp}$ of class $c$ and coins $q_{ci}$ of its contracts,

    $$ M = \sum_g \max\Big( \max_p \sum_{c \in g} \big( V_{cp}^- - \text{offset}_c V_{cp}^+ \big),\
       \sum_{c \in g} \text{minimum}_c \sum_i |q_{ci}| \Big) $$

    over product groups $g$, whose classes stand at the same point. Volatilities do not move.
    Assets in which contracts are paid move as well, unless their `down` and `up` are zero.
    Maintenance margin is a share of initial margin; `worst_scenario` is the point at which the
    group with the largest loss stands. Not smooth where the worst point or a gain changes side.

    Components: `worst_point`, and `minimum`, which it lifts.

    Attributes:
        down: largest relative fall of the price, by asset, below 1.
        up: largest relative rise, by asset.
        offset: share of a class's gain that counts against losses of other classes of its group,
            in [0, 1].
        group: product group of each asset; those with equal numbers are one group.
        minimum: least margin for each coin of each contract but spot, long or short, in the
            numeraire.
        position: where the points lie between the fall, 0, and the rise, 1.
        horizon_days: days that pass at every point.
        maintenance_ratio: maintenance margin as a share of initial margin, in (0, 1].

    References:
        FINRA rule 4210(g); The Options Clearing Corporation, Customer Portfolio Margin User Guide.
    """

    down: Float[Array, " asset"] = eqx.field(metadata={"entries": "inside [0, 1)"})
    up: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    offset: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    group: Float[Array, " asset"]
    minimum: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    position: Float[Array, " point"] = eqx.field(metadata={"entries": "share"})
    horizon_days: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    maintenance_ratio: Float[Array, ""] = eqx.field(metadata={"entries": "inside (0, 1]"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`."""
        whole = (self.up + self.down)[:, None]
        price = whole * self.position[None, :] - self.down[:, None]
        return range_shocks(market, price, self.horizon_days)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        terms, assets = holdings.terms, market.spot.shape[0]
        points = holdings.pnl[:, :, : self.position.shape[0]]
        gain = holdings.by_group(holdings.quantity[:, :, None] * points, terms.base, assets)
        lost = jnp.maximum(-gain, 0.0) - self.offset[None, :, None] * jnp.maximum(gain, 0.0)
        contract = ~holdings.of_kind(ContractKind.SPOT)
        coins = jnp.where(contract, jnp.abs(holdings.merged_coins()), 0.0)
        least = self.minimum[None, :] * holdings.by_group(coins, terms.base, assets)
        # each group in the row of its first asset, the other rows zero
        same = self.group[:, None] == self.group[None, :]
        first = ~jnp.any(jnp.tril(same, k=-1), axis=1)
        member = (same & first[:, None]).astype(gain.dtype)
        loss = exact_einsum("gc,rcp->rgp", member, lost)
        worst = jnp.maximum(jnp.max(loss, axis=-1), 0.0)
        minimum = exact_einsum("gc,rc->rg", member, least)
        initial = {
            "worst_point": jnp.sum(worst, axis=-1),
            "minimum": jnp.sum(jnp.maximum(minimum - worst, 0.0), axis=-1),
        }
        largest = jnp.argmax(worst, axis=-1)[:, None]
        point = jnp.take_along_axis(jnp.argmax(loss, axis=-1), largest, axis=1)[:, 0]
        return AccountCharge(
            initial=initial,
            maintenance=self.maintenance_ratio * sum(initial.values()),
            worst_scenario=point.astype(jnp.int32),
        )
