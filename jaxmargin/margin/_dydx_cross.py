"""dYdX v4's margin of a subaccount, in real numbers."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge, unmoved
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks

__all__ = ["DydxCross"]


class DydxCross(AbstractAccountRulebook):
    r"""Margin of the net position in each perpetual, which grows with the market's open interest.

    With notional $N = |q| p$ at `Market.perpetual`, to be set to the chain's oracle price, initial
    margin fraction $f$, maintenance fraction $m$ and open interest $\mathrm{OI}$,

    $$ \mathrm{IM} = N f_\mathrm{eff}, \quad \mathrm{MM} = N f m, \quad f_\mathrm{eff} = f +
       (1 - f) \min\Big(\max\Big(\frac{\mathrm{OI}\, p - \mathrm{lower}}
       {\mathrm{upper} - \mathrm{lower}}, 0\Big), 1\Big), $$

    summed over coins. `dydx_margin` is the same in the chain's integers: it rounds notional down
    and margins up to 1e-6 USDC, and $f_\mathrm{eff}$ down to 1e-6. Not smooth where open interest
    meets a cap. Left out: isolated markets and funding; USDC counts as the numeraire.

    Components: `positions` at the fraction $f$, `open_interest` for what scaling adds.

    Attributes:
        initial_fraction: $f$ in [0, 1], by asset.
        maintenance_fraction: $m$, maintenance as a share of initial margin, in [0, 1], by asset.
        open_interest: of the market, in coins, by asset.
        lower_cap: notional of open interest where scaling starts, by asset.
        upper_cap: notional where initial margin is all of the notional, above `lower_cap`; zero for
            no scaling.

    References:
        dYdX, v4-chain, protocol/x/perpetuals/lib/lib.go and types/liquidity_tier.go, 2024.
    """

    initial_fraction: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    maintenance_fraction: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    open_interest: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    lower_cap: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    upper_cap: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset({ContractKind.PERPETUAL})

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; prices stay where they are."""
        return unmoved(market)

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        coins = holdings.by_group(holdings.coins, holdings.terms.asset, market.spot.shape[0])
        notional = jnp.abs(coins) * market.perpetual[None, :]
        scaled = self.upper_cap > 0.0
        width = self.upper_cap - self.lower_cap
        above = self.open_interest * market.perpetual - self.lower_cap
        # a width of zero is a step, as on the chain
        share = jnp.where(width > 0.0, above / jnp.where(width > 0.0, width, 1.0), above >= 0.0)
        grown = jnp.where(scaled, jnp.clip(share, 0.0, 1.0), 0.0) * (1.0 - self.initial_fraction)
        base = notional * self.initial_fraction[None, :]
        return AccountCharge(
            initial={
                "positions": jnp.sum(base, axis=-1),
                "open_interest": jnp.sum(notional * grown[None, :], axis=-1),
            },
            maintenance=jnp.sum(base * self.maintenance_fraction[None, :], axis=-1),
            worst_scenario=jnp.zeros(coins.shape[0], jnp.int32),
        )
