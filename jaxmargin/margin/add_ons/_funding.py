"""Funding that is about to be paid."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn
from jaxmargin.market import Market
from jaxmargin.scenarios import DAYS_PER_YEAR

__all__ = ["FundingAddOn"]

_HOURS_PER_YEAR = 24.0 * DAYS_PER_YEAR


class FundingAddOn(AbstractAddOn):
    r"""Expected funding of the next hours, where it is to be paid.

    With the net notional $N_a$ of perpetuals on asset $a$ and the annual funding rate $f_a$,

    $$ \sum_a \max(N_a f_a,\, 0) \times \text{hours} / 8760. $$

    What is received for one asset pays for no other. Scenarios that let time pass have funding in
    their P&L: do not charge it twice. Linear in size; a kink where the payment changes side.

    Attributes:
        hours: hours to cover; 8 on most venues.
        maintenance_share: see `AbstractAddOn`; 1 where a venue adds it to both.

    References:
        Paradex, docs.paradex.trade/risk/portfolio-margin, "Funding Provision".
    """

    hours: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        terms, swap = holdings.terms, holdings.of_kind(ContractKind.PERPETUAL)
        notional = jnp.where(swap, holdings.coins * terms.price, 0.0)
        by_asset = holdings.by_group(notional, terms.asset, market.spot.shape[0])
        yearly = jnp.maximum(by_asset * market.funding[None, :], 0.0)
        return jnp.sum(yearly, axis=-1) * self.hours / _HOURS_PER_YEAR
