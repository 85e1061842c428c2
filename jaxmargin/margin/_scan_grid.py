"""Margin as SPAN has it: the worst of sixteen scenarios by coin, and spreads."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin._scan_grid_shocks import range_shocks
from jaxmargin.market import Market
from jaxmargin.numerics import exact_matmul
from jaxmargin.scenarios import Shocks

__all__ = ["ScanGrid"]


class ScanGrid(AbstractAccountRulebook):
    r"""Margin from scenarios of price and volatility by coin, in the manner of SPAN.

    A coin, with what follows it, is a combined commodity $c$. With its weighted losses $L_{cs}$,

    $$ M = \sum_c \max\big( \text{scan}_c + \text{spread}_c - \text{credit}_c,\ \text{minimum}_c
       \big), \qquad \text{scan}_c = \max(0, \max_s L_{cs}). $$

    - Deltas $D_{ce}$ by expiry $e$ (spot and perpetuals are one of their own) are the slope of P&L
      by the relative price move, in the numeraire, over the scenarios by `delta_weight`: a weighted
      mean of chords in place of SPAN's mean of slopes, equal for what is linear in the price.
    - spread: `calendar_charge` $\times \min(\sum_e D_{ce}^+, \sum_e D_{ce}^-)$; one tier.
    - credit: spreads between coins are formed from net deltas $D_c$ in the order of `legs`, as
      many as the deltas allow that earlier ones leave. Each gives every leg its rate times the
      delta it uses times the price risk per delta, $P_c / |D_c|$. The price risk $P_c$ is the
      loss in the worst scenario, averaged over the volatility moves at that price, less the mean
      loss where the price does not move; it lies in $[0, \text{scan}_c]$.
    - minimum: `short_option_minimum` of the price of every coin that options are sold on, calls
      and puts added up.

    All assets stand in the same scenario when contracts are revalued, those in which contracts are
    paid too: give stablecoins and the numeraire a range of zero, unless they are meant to move.
    Maintenance margin is a share of initial margin. `worst_scenario` is that of the coin with the
    largest scan. Not smooth where the worst scenario, the side of a delta or the scarcer leg of a
    spread changes; it jumps where a net delta with price risk changes sign within a spread.

    Components: `scan`, `spread_charge`, `inter_commodity_credit` (not positive),
    `short_option_minimum` (what the minimum lifts).

    Attributes:
        price_range: relative price move of a full scan, by asset; times the largest fall of
            `price_move` it must stay below 1.
        volatility_range: relative change of volatilities of a full scan, by asset, in [0, 1).
        calendar_charge: charge for a spread between expiries, as a share of its delta, by asset.
        short_option_minimum: share of the price, by asset.
        legs: deltas that one spread between coins needs, in the numeraire; the sign is the side,
            so that (1, -1) offsets long against short. Zero for coins that are not in the spread.
        credit_rate: share of the price risk that each spread gives back, in [0, 1].
        price_move: multiples of the price range.
        volatility_move: multiples of the volatility range.
        weight: share of the loss that counts.
        delta_weight: weight of each scenario in the delta; zero where `weight` is not 1.
        horizon_days: days that pass in every scenario.
        maintenance_ratio: maintenance margin as a share of initial margin, in (0, 1].

    References:
        CME Group, "Components of SPAN", cme.com/clearing/rmspan/span/components.html, and "Risk
        Arrays", "Inter Spreads" and "Combined Commodities" of its SPAN documentation.
    """

    price_range: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    volatility_range: Float[Array, " asset"] = eqx.field(metadata={"entries": "inside [0, 1)"})
    calendar_charge: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    short_option_minimum: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    legs: Float[Array, "asset spread"]
    credit_rate: Float[Array, " spread"] = eqx.field(metadata={"entries": "share"})
    price_move: Float[Array, " scenario"]
    volatility_move: Float[Array, " scenario"]
    weight: Float[Array, " scenario"] = eqx.field(metadata={"entries": "share"})
    delta_weight: Float[Array, " scenario"] = eqx.field(metadata={"entries": "not negative"})
    horizon_days: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    maintenance_ratio: Float[Array, ""] = eqx.field(metadata={"entries": "inside (0, 1]"})

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind) - {ContractKind.EXOTIC}

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if scenarios or spreads do not fit together."""
        names = ("price_move", "volatility_move", "weight", "delta_weight")
        counts = {name: getattr(self, name).shape[0] for name in names}
        require(
            len(set(counts.values())) == 1,
            f"ScanGrid needs one entry per scenario in each of its lists; got {counts}.",
        )
        spreads = self.legs.shape[1], self.credit_rate.shape[0]
        require(
            spreads[0] == spreads[1],
            f"ScanGrid.legs and credit_rate need as many spreads; got {spreads}.",
        )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`."""
        return range_shocks(
            market,
            self.price_range[:, None] * self.price_move[None, :],
            self.horizon_days,
            volatility=self.volatility_range[:, None] * self.volatility_move[None, :],
            share=self.weight,
        )

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        terms, assets = holdings.terms, market.spot.shape[0]
        pnl = holdings.quantity[:, :, None] * holdings.pnl[:, :, : self.weight.shape[0]]
        loss = -holdings.by_group(pnl, terms.base, assets)
        scan = jnp.maximum(jnp.max(loss, axis=-1), 0.0)
        worst = jnp.argmax(loss, axis=-1)
        long, short = self._deltas(pnl, holdings, market)
        spread = self.calendar_charge[None, :] * jnp.minimum(long, short)
        credit = self._credit(long - short, self._price_risk(loss, scan, worst))
        risk = scan + spread - credit
        sold = jnp.where(
            holdings.of_kind(ContractKind.OPTION), jnp.maximum(-holdings.merged_coins(), 0.0), 0.0
        )
        minimum = self.short_option_minimum[None, :] * holdings.by_group(
            sold * terms.price, terms.base, assets
        )
        initial = {
            "scan": jnp.sum(scan, axis=-1),
            "spread_charge": jnp.sum(spread, axis=-1),
            "inter_commodity_credit": -jnp.sum(credit, axis=-1),
            "short_option_minimum": jnp.sum(jnp.maximum(minimum - risk, 0.0), axis=-1),
        }
        largest = jnp.argmax(scan, axis=-1)[:, None]
        return AccountCharge(
            initial=initial,
            maintenance=self.maintenance_ratio * sum(initial.values()),
            worst_scenario=jnp.take_along_axis(worst, largest, axis=1)[:, 0].astype(jnp.int32),
        )

    def _deltas(
        self, pnl: Float[Array, "row slot scenario"], holdings: Holdings, market: Market
    ) -> tuple[Float[Array, "row asset"], Float[Array, "row asset"]]:
        """Long and short deltas of each coin's expiries, in the numeraire, neither negative."""
        terms, assets = holdings.terms, market.spot.shape[0]
        share = self.delta_weight / jnp.sum(self.delta_weight)
        centered = self.price_move - jnp.sum(share * self.price_move)
        slope = share * centered / jnp.sum(share * centered**2)
        moves = self.price_range > 0.0
        per_range = jnp.where(moves, 1.0 / jnp.where(moves, self.price_range, 1.0), 0.0)
        delta = jnp.sum(pnl * slope[None, None, :], axis=-1) * per_range[terms.base]
        # columns: each coin without expiry, then the pillars
        column = jnp.where(terms.pillar < 0, terms.base, assets + terms.pillar)
        by_expiry = holdings.by_group(delta, column, assets + market.time.shape[0])
        coin = jnp.concatenate([jnp.arange(assets), market.base[market.asset]])
        coin = jnp.broadcast_to(coin[None, :], by_expiry.shape)
        long = holdings.by_group(jnp.maximum(by_expiry, 0.0), coin, assets)
        short = holdings.by_group(jnp.maximum(-by_expiry, 0.0), coin, assets)
        return long, short

    def _price_risk(
        self,
        loss: Float[Array, "row asset scenario"],
        scan: Float[Array, "row asset"],
        worst: Int[Array, "row asset"],
    ) -> Float[Array, "row asset"]:
        """Loss in the worst scenario that comes from the price alone."""
        same = (self.price_move[:, None] == self.price_move[None, :]).astype(loss.dtype)
        mean = exact_matmul(loss, same / jnp.sum(same, axis=0, keepdims=True))
        still = (self.price_move == 0.0).astype(loss.dtype)
        time = jnp.sum(loss * (still / jnp.maximum(jnp.sum(still), 1.0))[None, None, :], axis=-1)
        at_worst = jnp.take_along_axis(mean, worst[:, :, None], axis=-1)[:, :, 0]
        return jnp.minimum(jnp.maximum(at_worst - time, 0.0), scan)

    def _credit(
        self, net: Float[Array, "row asset"], price_risk: Float[Array, "row asset"]
    ) -> Float[Array, "row asset"]:
        """Credits of the spreads between coins, formed in their order."""
        some = net != 0.0
        per_delta = jnp.where(some, price_risk / jnp.where(some, jnp.abs(net), 1.0), 0.0)

        def form(
            left: Float[Array, "row asset"],
            spread: tuple[Float[Array, " asset"], Float[Array, ""]],
        ) -> tuple[Float[Array, "row asset"], Float[Array, "row asset"]]:
            leg, rate = spread
            used = leg != 0.0
            each = left / jnp.where(used, leg, 1.0)[None, :]  # of one sign if a spread can be had
            least = jnp.min(jnp.where(used[None, :], each, jnp.inf), axis=-1)
            most = jnp.max(jnp.where(used[None, :], each, -jnp.inf), axis=-1)
            count = jnp.maximum(least, 0.0) + jnp.minimum(most, 0.0)
            count = jnp.where(jnp.any(used), count, 0.0)[:, None]
            taken = count * leg[None, :]
            return left - taken, rate * per_delta * jnp.abs(taken)

        _, credits = jax.lax.scan(form, net, (self.legs.T, self.credit_rate))
        return jnp.sum(credits, axis=0)
