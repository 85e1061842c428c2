"""Binance's portfolio margin: brackets of each contract, loans, and collateral at its rate."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin.venues import binance_margin_ratio, tier_deductions, tier_of, tiered_margin
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["BinancePortfolio", "Brackets", "binance_unified_ratio"]


class Brackets(eqx.Module):
    """Leverage and rates of maintenance by the size of a position in one contract.

    Attributes:
        lower: lower edges, rising from zero, by asset.
        rate: share of the position for maintenance margin, by asset.
        leverage: largest leverage, positive, by asset; zero stands for an asset that has no
            contract.
    """

    lower: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "edges"})
    rate: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "share"})
    leverage: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "positive"})

    def charge(
        self, size: Float[Array, "row slot"], asset: Int[Array, "row slot"]
    ) -> tuple[Float[Array, "row slot"], Float[Array, "row slot"]]:
        """Initial and maintenance margin of positions, in the unit of their size."""
        lower, listed = self.lower[asset], self.leverage > 0.0
        leverage = jnp.where(listed, self.leverage, 1.0)[asset]
        deduction = tier_deductions(self.lower, self.rate)[asset]
        return (
            jnp.abs(size) / tier_of(size, lower, leverage),
            tiered_margin(size, lower, self.rate[asset], deduction),
        )


class BinancePortfolio(AbstractAccountRulebook):
    r"""Sum of the margins of contracts and loans, and what collateral counts less than its value.

    The venue compares adjusted equity $E - h$ with maintenance margin $M$ and liquidates where
    their ratio falls to `liquidation_ratio` $\ell$. In terms of equity, maintenance is
    $h + \ell M$ and initial $h$ plus initial margin, with

    - $h$: of each coin held net, its value times one less its collateral rate; what is owed counts
      in full, $\min(A S k, A S)$;
    - contracts: each by the brackets of its kind, $|N| r - d$ for maintenance, with the deductions
      that the venue calls "cum", and $|N|$ over the leverage of its bracket for initial margin.
      Contracts do not offset each other. Those settled in their own coin are sized, and their
      margin is, in coins; all others in the numeraire;
    - loans: of each coin owed net, its value times its rate for maintenance; for initial margin
      over the leverage of loans less one.

    Not smooth at the edges of brackets, where initial margin jumps, and where a coin's balance is
    zero. Left out: tiers of collateral rates (since September 2024), the loss of open orders,
    options, and the leverage that a user chose below the largest. Below a ratio of 1.2 the venue
    lets positions only be reduced, which no bracket known reaches before its initial margin.

    Components: `contracts`, `loans`, `collateral`.

    Attributes:
        perpetual: brackets of perpetuals settled in another coin, in the numeraire.
        future: the same for futures.
        coin: brackets of perpetuals and futures settled in their own coin, in coins.
        collateral_rate: $k$ in [0, 1], by asset.
        loan_rate: share of a loan for maintenance margin, by asset.
        loan_leverage: leverage of loans, above 1.
        liquidation_ratio: $\ell$, from 1.

    References:
        Binance, "Portfolio margin", unified maintenance margin ratio, 2026.
    """

    perpetual: Brackets
    future: Brackets
    coin: Brackets
    collateral_rate: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    loan_rate: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    loan_leverage: Float[Array, ""] = eqx.field(metadata={"entries": "above 1"})
    liquidation_ratio: Float[Array, ""] = eqx.field(metadata={"entries": "from 1"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(
        {ContractKind.SPOT, ContractKind.PERPETUAL, ContractKind.FUTURE}
    )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        terms, coins = holdings.terms, holdings.merged_coins()
        spot = holdings.of_kind(ContractKind.SPOT)
        inverse = ~spot & (terms.settlement == terms.asset)
        perpetual = ~inverse & holdings.of_kind(ContractKind.PERPETUAL)
        future = ~inverse & holdings.of_kind(ContractKind.FUTURE)
        one = jnp.ones_like(coins)

        def of(
            brackets: Brackets,
            chosen: Bool[Array, "row slot"],
            size: Float[Array, "row slot"],
            unit: Float[Array, "row slot"],
        ) -> tuple[Float[Array, " row"], Float[Array, " row"]]:
            initial, maintenance = brackets.charge(jnp.where(chosen, size, 0.0), terms.asset)
            return jnp.sum(initial * unit, axis=-1), jnp.sum(maintenance * unit, axis=-1)

        parts = [
            of(self.perpetual, perpetual, coins * terms.price, one),
            of(self.future, future, coins * terms.price, one),
            of(self.coin, inverse, coins, market.spot[terms.asset]),
        ]
        contracts = [sum(each, jnp.zeros_like(each[0])) for each in zip(*parts, strict=True)]
        held = jnp.where(spot, holdings.coins, 0.0)
        balance = holdings.by_group(held, terms.asset, market.spot.shape[0]) * market.spot[None, :]
        lent = jnp.maximum(-balance, 0.0)
        haircut = jnp.sum(
            jnp.maximum(balance, 0.0) * (1.0 - self.collateral_rate)[None, :], axis=-1
        )
        loans = jnp.sum(lent * self.loan_rate[None, :], axis=-1)
        return AccountCharge(
            initial={
                "contracts": contracts[0],
                "loans": jnp.sum(lent, axis=-1) / (self.loan_leverage - 1.0),
                "collateral": haircut,
            },
            maintenance=haircut + self.liquidation_ratio * (contracts[1] + loans),
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )


def binance_unified_ratio(
    rulebook: BinancePortfolio, requirement: Requirement, equity: Float[Array, " account"]
) -> Float[Array, " account"]:
    """The venue's uniMMR of accounts: adjusted equity over maintenance margin.

    Args:
        rulebook: with the ratio at which the venue liquidates.
        requirement: of the rulebook.
        equity: of the accounts with every contract at its mark, in the numeraire. Of what the
            book does not hold, such as cash, it must contain what collateral counts.

    Returns:
        The ratio; infinite where nothing is required.
    """
    haircut = requirement.components["collateral"]
    needed = (requirement.maintenance - haircut) / rulebook.liquidation_ratio
    return binance_margin_ratio(equity - haircut, needed)
