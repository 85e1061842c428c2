"""OKX's portfolio margin of perpetuals and futures, by risk units."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings, sums_on_first
from jaxmargin.margin._scan_grid_shocks import range_shocks
from jaxmargin.margin.venues import okx_minimum_charge, okx_unit_charge, okx_unit_maintenance
from jaxmargin.market import Market
from jaxmargin.numerics import upper_edges
from jaxmargin.scenarios import Shocks

__all__ = ["OkxPortfolio"]


class OkxPortfolio(AbstractAccountRulebook):
    r"""Margin by OKX's portfolio margin mode, for perpetuals and futures.

    A coin is a risk unit $u$. With notionals $N_i$ of its contracts and years $t_i$ to expiry,

    $$ \mathrm{MMR} = \sum_u \max\Big( \max(\mathrm{MR1}_u, \mathrm{MR6}_u)
       + \sum_{i \in u} |N_i| \max(a_u, b_u t_i),\ m_u\big(\sum_{i \in u} r_u |N_i|\big) \Big),
       \qquad \mathrm{IMR} = f\, \mathrm{MMR}. $$

    - MR1 is the worst loss over `spot_moves`, MR6 a share of that in a move twice as large.
    - MR4, the sum of the first line, is established for perpetuals, where $a$ decides. That it
      grows in time as the venue's annualized move says, and that contracts do not offset each
      other in it, is assumed.
    - MR7 scales the raw minimum by marginal tiers $m_u$. That futures have the rate of perpetuals
      is assumed.
    - The venue merges contracts of a coin whatever they settle in, and charges what may come
      between the currencies (MR9). That charge is not established; instead what settles in
      different currencies does not offset in MR1 and MR6 here, which gives no less than the merged
      unit without that charge.

    Left out: MR2, MR3 and MR5, which concern options, are not established, so that options are
    refused; so are coins held, which count as collateral. MR8 is a charge for negative balances,
    which are not part of a book. `worst_scenario` is that of the unit with the largest loss. Not
    smooth where the worst scenario or the larger of two charges changes, at edges of tiers, and
    where a contract changes side.

    Components: `price_move` (MR1 and MR6), `basis` (MR4), `minimum_charge` (what MR7 lifts), all
    as they are in maintenance margin, and `initial_factor` (what initial margin is above it).

    Attributes:
        spot_moves: relative moves of MR1, above -1, by asset.
        extreme_move: relative move of MR6, either way, in (0, 1), by asset.
        least_basis_move: $a$, as a share of notional.
        annualized_basis_move: $b$ per year, as a share of notional.
        minimum_rate: $r$, raw minimum charge as a share of notional.
        minimum_lower: lower edges of the tiers of the raw minimum in the numeraire, from 0.
        minimum_multiplier: of each tier.
        extreme_share: share of the loss that counts in MR6.
        initial_factor: $f$, from 1.

    References:
        OKX Help Center, article 4417291853837, and "OKX will update margin calculation rules for
        the portfolio margin mode", 2024; API documentation, position-builder, 2025.
    """

    spot_moves: Float[Array, "asset move"] = eqx.field(metadata={"entries": "above -1"})
    extreme_move: Float[Array, " asset"] = eqx.field(metadata={"entries": "inside (0, 1)"})
    least_basis_move: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    annualized_basis_move: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    minimum_rate: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    minimum_lower: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "edges"})
    minimum_multiplier: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "from 1"})
    extreme_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})
    initial_factor: Float[Array, ""] = eqx.field(metadata={"entries": "from 1"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(
        {ContractKind.PERPETUAL, ContractKind.FUTURE}
    )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; MR1's moves, then a rise and a fall for MR6."""
        extreme = self.extreme_move[:, None]
        moves = jnp.concatenate([self.spot_moves, extreme, -extreme], axis=1)
        return range_shocks(market, moves, jnp.zeros((), market.spot.dtype))

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        terms, assets = holdings.terms, market.spot.shape[0]
        moves = self.spot_moves.shape[1]
        # what settles in one currency, on the first of its slots
        pnl = holdings.quantity[:, :, None] * holdings.pnl[:, :, : moves + 2]
        loss = -sums_on_first(pnl, terms.base, terms.settlement)
        zero = jnp.zeros_like(loss[:, :, 0])
        shock = jnp.maximum(jnp.max(loss[:, :, :moves], axis=-1), 0.0)
        extreme = self.extreme_share * jnp.maximum(jnp.max(loss[:, :, moves:], axis=-1), 0.0)
        larger = okx_unit_charge(
            spot_shock=shock, extreme_move=extreme, theta=zero, vega=zero, basis=zero, rate=zero
        )
        notional = jnp.abs(holdings.merged_coins()) * terms.price
        move = jnp.maximum(
            self.least_basis_move[terms.base],
            self.annualized_basis_move[terms.base] * terms.years,
        )
        each = jnp.stack([larger, notional * move, notional * self.minimum_rate[terms.base]], -1)
        units = holdings.by_group(each, terms.base, assets)
        minimum = okx_minimum_charge(
            units[:, :, 2], upper_edges(self.minimum_lower)[None], self.minimum_multiplier[None]
        )
        charge = units[:, :, 0] + units[:, :, 1]
        maintenance = jnp.sum(okx_unit_maintenance(charge, minimum), axis=-1)
        largest = jnp.argmax(larger, axis=-1)[:, None, None]
        share = jnp.concatenate([jnp.ones(moves), jnp.full(2, self.extreme_share)])
        weighted = jnp.take_along_axis(loss * share[None, None, :], largest, axis=1)[:, 0]
        return AccountCharge(
            initial={
                "price_move": jnp.sum(units[:, :, 0], axis=-1),
                "basis": jnp.sum(units[:, :, 1], axis=-1),
                "minimum_charge": maintenance - jnp.sum(charge, axis=-1),
                "initial_factor": (self.initial_factor - 1.0) * maintenance,
            },
            maintenance=maintenance,
            worst_scenario=jnp.argmax(weighted, axis=-1).astype(jnp.int32),
        )
