"""Bybit's unified trading account in cross margin mode."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.venues import (
    bybit_option_margin,
    tier_deductions,
    tier_of,
    tiered_collateral_value,
    tiered_margin,
)
from jaxmargin.market import Market
from jaxmargin.numerics import upper_edges
from jaxmargin.scenarios import Shocks

__all__ = ["BybitUnified"]


class BybitUnified(AbstractAccountRulebook):
    r"""Margin by Bybit's unified trading account, in cross margin mode: nothing offsets.

    - A perpetual or future is margined by the tier of its notional: initial margin at the tier's
      rate of all of it, maintenance margin at each part's own, through the venue's deduction.
    - A short option is margined by `bybit_option_margin`. A book does not say at what price it was
      sold: its mark stands for it, so that what the premium was above the mark is not held back.
    - The venue's margin balance leaves out the value of options, which equity here counts. So a
      short option's margin is the venue's less its mark, and a long option, which the venue asks
      nothing for, needs its whole value.
    - Coins held need what they do not count as collateral, by marginal tiers of their quantity.
      Coins owed need a rate by the tier of all of the debt.

    With $S$ the index, $q$ coins and $v$ the mark of one option,
    $\text{short option} = |q| (m(S, K, v) - v)$ and $\text{coin} = q S - \text{collateral}(q)$.

    Left out: portfolio margin mode, whose grid is not established; orders, and the loss of
    collateral they may bring. Prices do not move, `worst_scenario` is 0. Initial margin jumps at
    edges of tiers; not smooth where a position changes side or a maximum its branch.

    Components: `perpetuals`, `short_options`, `long_options`, `collateral` (of coins held), `debt`.

    Attributes:
        position_lower: lower edges of tiers of notional in the numeraire, from 0, by asset.
        position_initial: initial margin rate of each tier, not falling.
        position_maintenance: maintenance margin rate of each tier; not above the initial one.
        collateral_lower: lower edges of tiers of coins held, from 0.
        collateral_ratio: share of the value that counts in each tier, in [0, 1].
        debt_lower: lower edges of tiers of coins owed, from 0.
        debt_initial: initial margin rate of each tier of debt, not falling.
        debt_maintenance: maintenance margin rate of each tier of debt.
        initial_rate: of short options, as a share of the index, as those that follow.
        least_initial_rate: of short options far out of the money.
        maintenance_rate: of short options.
        liquidation_fee: of short options.

    References:
        Bybit Help Center, "Initial and Maintenance Margin Calculation (Options)", 2023, and
        "Understanding Collateral Value Ratios in Unified Trading Account", 2025.
    """

    position_lower: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "edges"})
    position_initial: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "share"})
    position_maintenance: Float[Array, "asset tier"] = eqx.field(
        metadata={"entries": "share", "not above": "position_initial"}
    )
    collateral_lower: Float[Array, "asset layer"] = eqx.field(metadata={"entries": "edges"})
    collateral_ratio: Float[Array, "asset layer"] = eqx.field(metadata={"entries": "share"})
    debt_lower: Float[Array, "asset step"] = eqx.field(metadata={"entries": "edges"})
    debt_initial: Float[Array, "asset step"] = eqx.field(metadata={"entries": "share"})
    debt_maintenance: Float[Array, "asset step"] = eqx.field(metadata={"entries": "share"})
    initial_rate: Float[Array, ""] = eqx.field(metadata={"entries": "share"})
    least_initial_rate: Float[Array, ""] = eqx.field(metadata={"entries": "share"})
    maintenance_rate: Float[Array, ""] = eqx.field(metadata={"entries": "share"})
    liquidation_fee: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        coins = holdings.merged_coins()
        positions = self._positions(holdings, coins)
        options = self._options(holdings, coins, market)
        spot = self._spot(holdings, coins, market)
        none = jnp.zeros_like(spot["collateral"][0])
        initial, maintenance = (
            {name: pair[side] for name, pair in (positions | options | spot).items()}
            for side in (0, 1)
        )
        return AccountCharge(
            initial=initial,
            maintenance=sum(maintenance.values(), none),
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )

    def _positions(
        self, holdings: Holdings, coins: Float[Array, "row slot"]
    ) -> dict[str, tuple[Array, Array]]:
        """Initial and maintenance margin of perpetuals and futures."""
        terms, asset = holdings.terms, holdings.terms.asset
        linear = holdings.of_kind(ContractKind.PERPETUAL, ContractKind.FUTURE)
        notional = jnp.where(linear, jnp.abs(coins) * terms.price, 0.0)
        lower, rate = self.position_lower, self.position_maintenance
        initial = notional * tier_of(notional, lower[asset], self.position_initial[asset])
        maintenance = tiered_margin(
            notional, lower[asset], rate[asset], tier_deductions(lower, rate)[asset]
        )
        return {"perpetuals": (jnp.sum(initial, axis=-1), jnp.sum(maintenance, axis=-1))}

    def _options(
        self, holdings: Holdings, coins: Float[Array, "row slot"], market: Market
    ) -> dict[str, tuple[Array, Array]]:
        """Initial and maintenance margin of options, in terms of equity with their value."""
        terms = holdings.terms
        held = jnp.where(holdings.of_kind(ContractKind.OPTION), coins, 0.0)
        mark = terms.value / jnp.where(terms.coins > 0.0, terms.coins, 1.0)
        margin = bybit_option_margin(
            held,
            index=market.spot[terms.asset],
            strike=terms.strike,
            mark=mark,
            entry=mark,
            call=terms.sign > 0.0,
            initial_rate=self.initial_rate,
            least_initial_rate=self.least_initial_rate,
            maintenance_rate=self.maintenance_rate,
            liquidation_fee=self.liquidation_fee,
        )
        owed = jnp.sum(jnp.minimum(held, 0.0) * mark, axis=-1)
        bought = jnp.sum(jnp.maximum(held, 0.0) * mark, axis=-1)
        return {
            "short_options": (
                jnp.sum(margin.initial, axis=-1) + owed,
                jnp.sum(margin.maintenance, axis=-1) + owed,
            ),
            "long_options": (bought, bought),
        }

    def _spot(
        self, holdings: Holdings, coins: Float[Array, "row slot"], market: Market
    ) -> dict[str, tuple[Array, Array]]:
        """What coins held do not count, and margin of coins owed, each coin's positions in one."""
        spot, assets = holdings.of_kind(ContractKind.SPOT), market.spot.shape[0]
        balance = holdings.by_group(jnp.where(spot, coins, 0.0), holdings.terms.asset, assets)
        price = market.spot[None, :]
        held, owed = jnp.maximum(balance, 0.0), jnp.maximum(-balance, 0.0)
        counted = tiered_collateral_value(
            held, price, upper_edges(self.collateral_lower)[None], self.collateral_ratio[None]
        )
        lost = jnp.sum(held * price - counted, axis=-1)

        def debt(rate: Float[Array, "asset step"]) -> Float[Array, " row"]:
            return jnp.sum(owed * price * tier_of(owed, self.debt_lower[None], rate[None]), axis=-1)

        return {
            "collateral": (lost, lost),
            "debt": (debt(self.debt_initial), debt(self.debt_maintenance)),
        }
