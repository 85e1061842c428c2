"""Derive's PMRM_2 for every account of a book."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.derive._account_parts import (
    AccountParts,
    OracleConfidence,
    account_parts,
    market_quotes,
    portfolio,
)
from jaxmargin.margin.derive._charged import HeldCoins, MarketQuotes
from jaxmargin.margin.derive._inputs import DeriveScenarios
from jaxmargin.margin.derive._pmrm2 import charge_pmrm2
from jaxmargin.margin.derive._pmrm2_parameters import Pmrm2Parameters
from jaxmargin.margin.derive._portfolio_shocks import portfolio_shocks
from jaxmargin.margin.derive._venue_account import ACCEPTED, RowCharge, stable_price, total_charge
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, pad_scenarios

__all__ = ["CoinHaircuts", "DerivePmrm2", "DerivePmrm2Coins"]


class CoinHaircuts(eqx.Module):
    """Shares of a coin's value that do not count as collateral; 1 for one that is not taken.

    Attributes:
        maintenance: for maintenance margin.
        initial: further share for initial margin.
    """

    maintenance: Float[Array, " asset"]
    initial: Float[Array, " asset"]


class DerivePmrm2Coins(eqx.Module):
    """What coins count for as collateral.

    Attributes:
        cancelling: whether a coin follows the one that it is based on closely enough to move in
            its scenarios.
        own: haircuts of coins that do so.
        other: haircuts in an account of another market, and of coins that do not.
    """

    cancelling: Bool[Array, " asset"]
    own: CoinHaircuts
    other: CoinHaircuts


class DerivePmrm2(AbstractAccountRulebook):
    r"""Portfolio margin PMRM_2 of the venue Derive; see `margin_pmrm2` for the formula.

    An account of the venue has one market: a coin with its options, perpetual and what follows it.
    Accounts that trade several are charged coin by coin, and the charges added. Coins held belong
    to the market of their base (`Market.base`); in an account that trades other markets and not
    that one they are collateral that does not move.

    Margins are in units of the stablecoin, in which the venue keeps its accounts: values of options
    and perpetuals in the numeraire count as such units, and coins are divided by the stablecoin's
    price. The part "marks" is what the book counts coins and options higher than the venue does,
    so that equity less margin is the venue's own net margin. Coins owed, which the venue does not
    know, are charged like those held.

    On the venue options are European and everything is linear; inverse contracts and American
    options count with the P&L and value that they have. Expired options settle at a forward that no
    longer moves on the venue; that needs `Market.fixed` of 1.

    Attributes:
        parameters: of each asset as a market.
        scenarios: of each asset; multiplier 1 and damping 0 where it is no market.
        covered: whether the settings are those of a market; an account that trades another is
            refused.
        coins: what coins count for.
        stable: row of the stablecoin in `Market.spot`, which counts as cash; -1 for a price of 1.
        confidence: of the venue's oracle; all ones where it is None.

    References:
        Derive, portfolio margin PM2: docs.derive.xyz, "pm2" and "portfolio-margin-parameters-new".
    """

    parameters: Pmrm2Parameters
    scenarios: DeriveScenarios
    covered: Bool[Array, " asset"]
    coins: DerivePmrm2Coins
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
        # the venue does not discount by negative rates
        growth = jnp.exp((market.rate - quotes.rate) * market.time)

        def one(row: Holdings) -> RowCharge:
            parts = account_parts(row, market)
            held = portfolio(parts, growth, self.scenarios.damping.shape[1])
            traded = (quotes.of_expiries(held.gross) > 0.0) | (held.perpetual != 0.0)
            coins = self._coins(parts, quotes, traded, market.base)
            charge = charge_pmrm2(quotes, held, coins, self.scenarios, self.parameters)
            refused = jnp.any(traded & ~self.covered)
            return total_charge(charge, parts, growth, price, refused)

        return AccountCharge(*jax.vmap(one)(holdings))

    def _coins(
        self,
        parts: AccountParts,
        quotes: MarketQuotes,
        traded: Bool[Array, " asset"],
        base: Int[Array, " asset"],
    ) -> HeldCoins:
        cash = jnp.arange(base.shape[0]) == self.stable
        value = jnp.where(cash, 0.0, parts.coin_value / quotes.stable_price)
        own = self.coins.cancelling & (traded[base] | ~jnp.any(traded))
        sure = jnp.minimum(quotes.spot_confidence, quotes.spot_confidence[base])
        lowest = jnp.min(jnp.where(traded, quotes.spot_confidence, 1.0))
        return HeldCoins(
            value=value,
            moving=jnp.where(own, value, 0.0),
            market=base,
            confidence=jnp.minimum(sure, lowest),
            maintenance_haircut=jnp.where(
                own, self.coins.own.maintenance, self.coins.other.maintenance
            ),
            initial_haircut=jnp.where(own, self.coins.own.initial, self.coins.other.initial),
        )
