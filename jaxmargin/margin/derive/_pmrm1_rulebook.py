"""Derive's PMRM v1 for every account of a book."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.derive._account_parts import (
    OracleConfidence,
    account_parts,
    market_quotes,
    portfolio,
)
from jaxmargin.margin.derive._inputs import DeriveScenarios
from jaxmargin.margin.derive._pmrm1 import charge_pmrm1
from jaxmargin.margin.derive._pmrm1_parameters import Pmrm1Parameters
from jaxmargin.margin.derive._portfolio_shocks import portfolio_shocks
from jaxmargin.margin.derive._venue_account import ACCEPTED, RowCharge, stable_price, total_charge
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, pad_scenarios

__all__ = ["DerivePmrm1"]


class DerivePmrm1(AbstractAccountRulebook):
    """Portfolio margin PMRM v1 of the venue Derive; see `margin_pmrm1` for the formula.

    Markets, units and the part "marks" are as in `DerivePmrm2`. The venue does not discount
    options here. The coin of a covered market is collateral; any other coin but the stablecoin
    counts for nothing.

    Attributes:
        parameters: of each asset as a market.
        scenarios: of each asset; multiplier 1 and damping 0 where it is no market.
        covered: whether the settings are those of a market; an account that trades another is
            refused.
        stable: row of the stablecoin in `Market.spot`, which counts as cash; -1 for a price of 1.
        confidence: of the venue's oracle; all ones where it is None.

    References:
        Derive (then Lyra), "Portfolio margin", documentation of protocol V2.
    """

    parameters: Pmrm1Parameters
    scenarios: DeriveScenarios
    covered: Bool[Array, " asset"]
    stable: Int[Array, ""]
    confidence: OracleConfidence | None = None

    accepts: ClassVar[frozenset[ContractKind]] = ACCEPTED

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`: the scenarios, then two moves of the basis."""
        return pad_scenarios(portfolio_shocks(market, self.scenarios, self.parameters))

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        price = stable_price(market, self.stable)
        quotes = market_quotes(market, price, self.confidence)
        growth = jnp.exp(market.rate * market.time)
        cash = jnp.arange(market.spot.shape[0]) == self.stable

        def one(row: Holdings) -> RowCharge:
            parts = account_parts(row, market)
            held = portfolio(parts, growth, self.scenarios.damping.shape[1])
            taken, value = self.covered & ~cash, parts.coin_value
            base = jnp.where(taken, value / market.spot, 0.0)
            charge = charge_pmrm1(quotes, held, base, self.scenarios, self.parameters)
            nothing = jnp.abs(jnp.where(taken | cash, 0.0, value / price))
            for parts_of in (charge.initial, charge.maintenance):
                parts_of["collateral"] = parts_of["collateral"] + nothing
            traded = (quotes.of_expiries(held.gross) > 0.0) | (held.perpetual != 0.0)
            refused = jnp.any(traded & ~self.covered)
            return total_charge(charge, parts, growth, price, refused)

        return AccountCharge(*jax.vmap(one)(holdings))
