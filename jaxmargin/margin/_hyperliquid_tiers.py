"""Hyperliquid's margin of perpetuals, whose leverage falls with size."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin.venues import hyperliquid_margin, hyperliquid_withdrawal_margin
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["HyperliquidTiers", "hyperliquid_withdrawal"]


class HyperliquidTiers(AbstractAccountRulebook):
    """Margin of the net position in each coin's perpetuals, by tiers of its notional.

    Coins held net times `Market.perpetual` are the notional; see `hyperliquid_margin` for the
    formula. The leverage that a user chose below the tier's largest is not known, so that initial
    margin is the least that the venue asks. Not smooth at the edges of tiers, where initial margin
    jumps. Left out: spot, isolated positions and portfolio margin.

    Components: `positions`.

    Attributes:
        lower: lower edges of tiers in the numeraire, rising from zero, by asset.
        leverage: largest leverage of each tier, positive, by asset; zero stands for an asset that
            has no perpetual.
        withdrawal_share: of notional; see `hyperliquid_withdrawal`.

    References:
        Hyperliquid, docs, "Margin tiers" and "Margining", 2026.
    """

    lower: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "edges"})
    leverage: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "positive"})
    withdrawal_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset({ContractKind.PERPETUAL})

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        coins = holdings.by_group(holdings.coins, holdings.terms.asset, market.spot.shape[0])
        listed = self.leverage > 0.0  # of the others nobody holds any
        margin = hyperliquid_margin(
            coins * market.perpetual[None, :], self.lower, jnp.where(listed, self.leverage, 1.0)
        )
        return AccountCharge(
            initial={"positions": jnp.sum(margin.initial, axis=-1)},
            maintenance=jnp.sum(margin.maintenance, axis=-1),
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )


def hyperliquid_withdrawal(
    rulebook: HyperliquidTiers, requirement: Requirement, notional: Float[Array, " account"]
) -> Float[Array, " account"]:
    """What equity must be left after a withdrawal: initial margin, or a share of all notional.

    Args:
        rulebook: with the share.
        requirement: of the rulebook.
        notional: size of all positions, such as `gross_notional` where no coin is held twice.
    """
    return hyperliquid_withdrawal_margin(
        requirement.initial, notional, share=rulebook.withdrawal_share
    )
