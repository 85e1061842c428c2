"""Margin as a fixed share of notional."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["FixedPercentage"]


class FixedPercentage(AbstractAccountRulebook):
    r"""Margin is a share of the notional of each coin's net position.

    Perpetuals and futures of one coin, whatever their expiry, offset each other with an
    `expiry_offset` share of the smaller side. Options are margined one by one: a short one by its
    share of the notional of the underlying, a long one by its value, neither offset by anything.
    Coins held count with `1 - share` of their value. This is the plain rule that portfolio margin
    is compared with; it has no venue.

    Attributes:
        initial: share of notional for initial margin, by asset.
        maintenance: share for maintenance margin, by asset; not above `initial`.
        expiry_offset: share of the smaller side of long and short futures and perpetuals of one
            coin that needs no margin, in [0, 1]; 1 nets them.
    """

    initial: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    maintenance: Float[Array, " asset"] = eqx.field(
        metadata={"entries": "share", "not above": "initial"}
    )
    expiry_offset: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        terms, coins, assets = holdings.terms, holdings.merged_coins(), market.spot.shape[0]
        linear = holdings.of_kind(ContractKind.PERPETUAL, ContractKind.FUTURE)
        notional = jnp.where(linear, coins * terms.price, 0.0)
        long = holdings.by_group(jnp.maximum(notional, 0.0), terms.asset, assets)
        short = holdings.by_group(jnp.maximum(-notional, 0.0), terms.asset, assets)
        charged = long + short - 2.0 * self.expiry_offset * jnp.minimum(long, short)
        spot = jnp.where(holdings.of_kind(ContractKind.SPOT), jnp.abs(coins) * terms.price, 0.0)
        option = holdings.of_kind(ContractKind.OPTION)
        sold = jnp.where(option, jnp.maximum(-coins, 0.0) * terms.price, 0.0)
        unit = terms.value / jnp.where(terms.coins > 0.0, terms.coins, 1.0)
        bought = jnp.sum(jnp.where(option, jnp.maximum(coins, 0.0) * unit, 0.0), axis=-1)

        def parts(share: Float[Array, " asset"]) -> dict[str, Float[Array, " row"]]:
            each = share[terms.asset]
            return {
                "futures": jnp.sum(charged * share[None, :], axis=-1),
                "short_options": jnp.sum(sold * each, axis=-1),
                "long_options": bought,
                "spot": jnp.sum(spot * each, axis=-1),
            }

        initial = parts(self.initial)
        return AccountCharge(
            initial=initial,
            maintenance=sum(parts(self.maintenance).values(), jnp.zeros_like(bought)),
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )
