"""Deribit's portfolio margin of every coin in which an account holds contracts."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require
from jaxmargin.margin._account_rulebook import AbstractAccountRulebook, AccountCharge
from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.venues import (
    deribit_dampened_pnl,
    deribit_extended_pnl,
    deribit_moves,
    deribit_roll_shock,
)
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, TenorScaledGrid, VolatilityMode, pad_scenarios

__all__ = ["DeribitPortfolio"]

_COLUMNS = (VolatilityMode.DOWN, VolatilityMode.NONE, VolatilityMode.UP)
_DELTA_SHOCK = (
    "its delta in a coin exceeds the threshold of Deribit's delta shock, whose formula is not "
    "established, so that its margin would be too low. Take the account out of the book, or use "
    "another rulebook."
)


class DeribitPortfolio(AbstractAccountRulebook):
    r"""Margin by Deribit's portfolio margin engine of one currency (S:PM), coin by coin.

    $$ R_c = \max\big(0, \max_s L_{cs}\big) + \sum_i |\delta_i| \max(a_c, b_c t_i) S_c, \quad
       \mathrm{IM} = \sum_c R_c, \quad \mathrm{MM} = k \, \mathrm{IM}. $$

    - Losses $L_{cs}$ are those of a standard table, `buckets` moves to either side of none with
      volatilities down, same and up, and of an extended table, whose far moves with volatilities
      up are scaled back to the range and dampened (`deribit_extended_pnl`,
      `deribit_dampened_pnl`). Contracts settled in their own coin are margined in coins, so that
      their P&L is divided by the price of the scenario and their margin is worth $S_c$ a coin.
    - What settles in anything else, such as USDC, lies in another currency at the venue: it has a
      table of its own in USD, with the coin's settings (assumed), and offsets nothing.
    - Gains never count: no gain is the worst case of one coin, so that the venue's share of gains,
      pnl_offset, changes nothing here.

    Left out, since their formulas are not established: the delta shock, which is zero up to its
    threshold, while accounts with a larger delta are refused; the correlation contingency, taken
    as zero; offsets between coins, and haircuts of coins held, which are refused as contracts and
    count as collateral. The worst case is not rounded. `worst_scenario` is that of the coin with
    the largest loss. Not smooth where the worst scenario changes, a contract changes side or a
    volatility meets its minimum.

    Components: `worst_case` and `roll_shock`.

    Attributes:
        price_range: largest relative move of the standard table, by asset.
        extended_moves: relative moves of the extended table, above -1 and not 0.
        extended_factor: share of the extended table that counts, before scaling.
        extended_dampener: in the numeraire.
        range_up: relative rise of a 30-day volatility.
        range_down: relative fall of a 30-day volatility.
        minimum_up: lowest volatility after a rise, annualized.
        short_power: power of tenor up to 30 days.
        long_power: power of tenor beyond.
        annualized_move_risk: $b$, roll risk per year as a share of delta.
        least_annualized_move: $a$, smallest roll risk as a share of delta.
        delta_threshold: delta in the numeraire above which an account is refused.
        floor_days: days to expiry below which the scaling does not grow, positive.
        maintenance_factor: $k$, in (0, 1].
        buckets: moves of the standard table on each side of none.

    References:
        Deribit, API documentation, private/pme/simulate, 2024; support article 25944756247837.
    """

    price_range: Float[Array, " asset"] = eqx.field(metadata={"entries": "inside (0, 1)"})
    extended_moves: Float[Array, "asset extended"] = eqx.field(metadata={"entries": "above -1"})
    extended_factor: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    extended_dampener: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    range_up: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    range_down: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    minimum_up: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    short_power: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    long_power: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    annualized_move_risk: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    least_annualized_move: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    delta_threshold: Float[Array, " asset"] = eqx.field(metadata={"entries": "positive"})
    floor_days: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    maintenance_factor: Float[Array, ""] = eqx.field(metadata={"entries": "inside (0, 1]"})
    buckets: int = eqx.field(static=True)

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(
        {ContractKind.PERPETUAL, ContractKind.FUTURE, ContractKind.OPTION}
    )
    uses_deltas: ClassVar[bool] = True

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `buckets` is below 1."""
        require(
            self.buckets >= 1,
            f"DeribitPortfolio.buckets must be at least 1; got {self.buckets!r}.",
        )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`; every coin moves by its own range."""
        return pad_scenarios(self._shocks(market))

    @eqx.filter_jit  # one program, in place of one for each step
    def _shocks(self, market: Market) -> Shocks:
        extended = self.extended_moves.shape[1]
        modes = _COLUMNS * (2 * self.buckets + 1) + (VolatilityMode.UP,) * extended

        def of_coin(
            move: Array, up: Array, down: Array, minimum: Array, short: Array, long: Array
        ) -> Shocks:
            grid = TenorScaledGrid(
                spot_move=move,
                damping=jnp.ones_like(move),
                sensitivity=jnp.ones_like(market.spot),
                range_up=up,
                range_down=down,
                short_power=short,
                long_power=long,
                floor_days=self.floor_days,
                minimum_up=minimum,
                skew=None,
                mode=modes,
            )
            return grid.shocks(market, jax.random.key(0))

        each = jax.vmap(of_coin)(
            self._moves(), self.range_up, self.range_down, self.minimum_up,
            self.short_power, self.long_power,
        )  # fmt: skip
        assert each.volatility is not None  # a grid moves them
        own, coin = jnp.arange(market.spot.shape[0]), market.base[market.asset]
        pillar = jnp.arange(coin.shape[0])
        return Shocks(
            spot=jnp.where((market.base != own)[:, None], 0.0, each.spot[own, own]),
            volatility=each.volatility[coin, pillar],
            time=each.time[0],
            weight=each.weight[0],
            overlap=each.overlap[0],
            tilt=jax.tree.map(lambda table: table[coin, pillar], each.tilt),
        )

    def account_charge(self, holdings: Holdings, market: Market, shocks: Shocks) -> AccountCharge:
        """See `AbstractAccountRulebook.account_charge`."""
        del shocks
        assert holdings.delta is not None  # see `uses_deltas`
        terms, assets = holdings.terms, market.spot.shape[0]
        table = terms.base + assets * (terms.settlement != terms.base)
        loss = self._losses(holdings, table, market)
        scan = jnp.maximum(jnp.max(loss, axis=-1), 0.0)
        delta = holdings.quantity * holdings.delta * market.spot[terms.base]
        roll = deribit_roll_shock(
            holdings.merged(delta),
            terms.years,
            self.annualized_move_risk[terms.base],
            self.least_annualized_move[terms.base],
        )
        risk_matrix = jnp.sum(scan, axis=-1) + roll
        largest = jnp.argmax(scan, axis=-1)[:, None]
        worst = jnp.take_along_axis(jnp.argmax(loss, axis=-1), largest, axis=1)[:, 0]
        return AccountCharge(
            initial={"worst_case": jnp.sum(scan, axis=-1), "roll_shock": roll},
            maintenance=self.maintenance_factor * risk_matrix,
            worst_scenario=worst.astype(jnp.int32),
            refused={_DELTA_SHOCK: self._beyond(holdings.by_group(delta, table, 2 * assets))},
        )

    def _beyond(self, delta: Float[Array, "row table"]) -> Bool[Array, " row"]:
        """Whether the delta of a coin, both of its tables added up, exceeds its threshold."""
        rows = delta.shape[0]
        size = jnp.sum(jnp.abs(delta).reshape(rows, 2, -1), axis=1)
        return jnp.any(size > self.delta_threshold[None, :], axis=-1)

    def _moves(self) -> Float[Array, "asset scenario"]:
        """Moves of every coin: three columns of the standard table each, then the extended one."""
        standard = jax.vmap(lambda reach: deribit_moves(reach, self.buckets))(self.price_range)
        return jnp.concatenate([jnp.repeat(standard, 3, axis=1), self.extended_moves], axis=1)

    def _losses(
        self, holdings: Holdings, table: Int[Array, "row slot"], market: Market
    ) -> Float[Array, "row table scenario"]:
        """Losses in the numeraire: tables of what settles in each coin, then of all else on it."""
        moves, assets = self._moves(), market.spot.shape[0]
        usd = holdings.quantity[:, :, None] * holdings.pnl[:, :, : moves.shape[1]]
        price = jnp.tile(market.spot[:, None] * (1.0 + moves), (2, 1))
        coins = holdings.by_group(usd, table, 2 * assets) / price[None]
        # coins without settings have a range of zero, and nothing to scale
        reach = jnp.where(self.price_range > 0.0, self.price_range, 1.0)
        far = jnp.where(self.extended_moves == 0.0, 1.0, self.extended_moves)
        regular = moves.shape[1] - far.shape[1]

        def extended(
            pnl: Array, move: Array, reach: Array, factor: Array, dampener: Array, index: Array
        ) -> Array:
            scaled = deribit_extended_pnl(pnl, move, price_range=reach, factor=factor)
            return deribit_dampened_pnl(
                scaled, move, index=index[None], price_range=reach, dampener=dampener
            )

        settings = (far, reach, self.extended_factor, self.extended_dampener, market.spot)
        tails = jax.vmap(extended, in_axes=(1, 0, 0, 0, 0, 0), out_axes=1)(
            coins[:, :, regular:], *(jnp.concatenate([each, each]) for each in settings)
        )
        coins = jnp.concatenate([coins[:, :, :regular], tails], axis=-1)
        # what is paid in coins is worth today's price, all else its own amount in the scenario
        edge = 1.0 + jnp.clip(moves, -self.price_range[:, None], self.price_range[:, None])
        today = jnp.broadcast_to(market.spot[:, None], edge.shape)
        return -coins * jnp.concatenate([today, today * edge])[None]
