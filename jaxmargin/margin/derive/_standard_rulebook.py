"""Derive's Standard manager for every account of a book."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.derive._account_parts import OracleConfidence, account_parts, market_quotes
from jaxmargin.margin.derive._standard import charge_standard
from jaxmargin.margin.derive._standard_parameters import StandardParameters
from jaxmargin.margin.derive._venue_account import (
    ACCEPTED,
    RowCharge,
    account_charge_of,
    stable_price,
)
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["DeriveStandard"]


class DeriveStandard(AbstractAccountRulebook):
    """The Standard manager of the venue Derive; see `margin_standard` for the formula.

    One account may hold several markets, each asset being one; coins that no market trades have
    settings of their own, of which the share that counts as collateral matters. Units and the part
    "marks" are as in `DerivePmrm2`; the venue does not discount options here. It has no scenarios.

    Attributes:
        parameters: of each asset as a market.
        covered: whether the settings are those of a market; an account that trades another is
            refused.
        stable: row of the stablecoin in `Market.spot`, which counts as cash; -1 for a price of 1.
        confidence: of the venue's oracle, that of rates without effect; all ones where it is None.

    References:
        Derive, "Standard margin": docs.derive.xyz, "standard-margin-parameters".
    """

    parameters: StandardParameters
    covered: Bool[Array, " asset"]
    stable: Int[Array, ""]
    confidence: OracleConfidence | None = None

    accepts: ClassVar[frozenset[ContractKind]] = ACCEPTED

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        price = stable_price(market, self.stable)
        quotes = market_quotes(market, price, self.confidence, rates=False)
        growth = jnp.exp(market.rate * market.time)
        cash = jnp.arange(market.spot.shape[0]) == self.stable

        def one(row: Holdings) -> RowCharge:
            parts = account_parts(row, market)
            charge = charge_standard(
                quotes,
                parts.legs,
                parts.unit_value * growth[parts.legs.expiry],
                market.forward,
                parts.perpetual,
                market.perpetual,
                jnp.where(cash, 0.0, parts.coin_value / market.spot),
                self.parameters,
            )
            held = jnp.abs(parts.legs.quantity)
            coins = jax.ops.segment_sum(held, parts.legs.expiry, market.forward.shape[0])
            traded = (quotes.of_expiries(coins) > 0.0) | (parts.perpetual != 0.0)
            return account_charge_of(
                charge.initial,
                charge.maintenance,
                jnp.zeros((), jnp.int32),
                parts,
                growth,
                price,
                jnp.any(traded & ~self.covered),
            )

        return AccountCharge(*jax.vmap(one)(holdings))
