"""Grids as venues' portfolio margin uses them: scaled by tenor, dampened tails, skew modes."""

import enum

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks, TiltShocks
from jaxmargin.scenarios._source import DAYS_PER_YEAR, AbstractScenarioSource

__all__ = ["SkewScenarios", "TenorScaledGrid", "VolatilityMode", "tenor_scale"]

_SMALLEST = 1e-9  # factor that stands for a volatility of zero; its logarithm is finite


class VolatilityMode(enum.Enum):
    """What a scenario does to volatilities.

    Attributes:
        UP: raised, by tenor, and to a minimum.
        NONE: as they are.
        DOWN: lowered, by tenor.
        LINEAR: turned about the forward: up on the side of high strikes, down on the other.
        ABSOLUTE: raised on both sides of the forward.
    """

    UP = "up"
    NONE = "none"
    DOWN = "down"
    LINEAR = "linear"
    ABSOLUTE = "absolute"


def tenor_scale(
    days: Float[Array, "*pillar"],
    short_power: Float[Array, "*#pillar"] | float,
    long_power: Float[Array, "*#pillar"] | float,
    floor_days: Float[Array, "*#pillar"] | float,
) -> Float[Array, "*pillar"]:
    r"""How much more a volatility moves than one of 30 days.

    With days to expiry $D$, $(30 / \max(D, \text{floor}))^p$, where $p$ is `short_power` up to
    30 days and `long_power` beyond. Not differentiable at the floor and at 30 days.

    Args:
        days: $D$, not negative.
        short_power: power for up to 30 days.
        long_power: power for more than 30 days.
        floor_days: days below which the scaling does not grow, positive.
    """
    power = jnp.where(days <= 30.0, short_power, long_power)
    return jnp.power(30.0 / jnp.maximum(days, floor_days), power)


class SkewScenarios(eqx.Module):
    r"""Size of the linear and the absolute skew scenario, by years $t$ to expiry.

    The full move is $c_0 + c_1 \sqrt t$, reached at the log-moneyness
    $\max(k_0, \sqrt t\, \omega (v_0 + v_1 \sqrt t))$; see `SmileTilt`.

    Attributes:
        cap: $c_0$.
        cap_slope: $c_1$.
        smallest_width: $k_0$, positive.
        width_scale: $\omega$.
        volatility: $v_0$.
        volatility_slope: $v_1$.

    References:
        Derive, portfolio margin PM2: docs.derive.xyz, "portfolio-margin-parameters-new".
    """

    cap: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    cap_slope: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    smallest_width: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    width_scale: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility_slope: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)

    def cap_and_width(
        self, root: Float[Array, "*pillar"]
    ) -> tuple[Float[Array, "*pillar"], Float[Array, "*pillar"]]:
        """The full move, and the log-moneyness at which it is reached, by root of the years."""
        typical = self.volatility + self.volatility_slope * root
        width = jnp.maximum(self.smallest_width, root * self.width_scale * typical)
        return self.cap + self.cap_slope * root, width


class TenorScaledGrid(AbstractScenarioSource):
    r"""Stated spot moves and volatility modes, with volatility moves scaled by tenor.

    With days to expiry $D$ and $x = (30 / \max(D, \text{floor}))^p$, where $p$ is `short_power` up
    to 30 days and `long_power` beyond, volatilities are multiplied by $1 + \text{up}\,x$, and not
    below `minimum_up`, or by $\max(1 - \text{down}\,x, 0)$.

    Attributes:
        spot_move: relative change of spot prices in each scenario, above -1.
        damping: share of the P&L that counts in each scenario.
        sensitivity: share of the spot move that each asset makes, in logs.
        range_up: relative rise of a 30-day volatility.
        range_down: relative fall of a 30-day volatility.
        short_power: power for up to 30 days.
        long_power: power for more than 30 days.
        floor_days: days to expiry below which the scaling does not grow, positive.
        minimum_up: lowest volatility after a rise, annualized; 0 for none.
        skew: the skew scenarios; None if `mode` has none.
        mode: what each scenario does to volatilities.
        horizon_days: days that pass in every scenario.

    References:
        Derive's PM2 (docs.derive.xyz, "pm2"), Deribit's portfolio margin engine (docs.deribit.com,
        private/pme/simulate) and Paradex (docs.paradex.trade, "portfolio-margin") share the form.
    """

    spot_move: Float[Array, " scenario"]
    damping: Float[Array, " scenario"]
    sensitivity: Float[Array, " asset"]
    range_up: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    range_down: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    short_power: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    long_power: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    floor_days: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    minimum_up: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    skew: SkewScenarios | None
    mode: tuple[VolatilityMode, ...] = eqx.field(static=True)
    horizon_days: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the parts do not fit together."""
        counts = (self.spot_move.shape[0], self.damping.shape[0], len(self.mode))
        require(
            len(set(counts)) == 1,
            f"TenorScaledGrid needs one spot_move, damping and mode per scenario; got {counts}.",
        )
        tilted = {VolatilityMode.LINEAR, VolatilityMode.ABSOLUTE} & set(self.mode)
        require(
            self.skew is not None or not tilted,
            "TenorScaledGrid.skew is needed for the modes linear and absolute.",
        )
        require(
            self.horizon_days >= 0.0,
            f"TenorScaledGrid.horizon_days must not be negative; got {self.horizon_days!r}.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used."""
        require(
            self.sensitivity.shape == market.spot.shape,
            "TenorScaledGrid.sensitivity needs one entry per asset of the market; got "
            f"{self.sensitivity.shape[0]} for {market.spot.shape[0]} assets.",
        )
        spot = self.sensitivity[:, None] * jnp.log1p(self.spot_move)[None, :]
        days = market.time * DAYS_PER_YEAR
        scale = tenor_scale(days, self.short_power, self.long_power, self.floor_days)[:, None]
        up, down = self._is(VolatilityMode.UP), self._is(VolatilityMode.DOWN)
        factor = 1.0 + scale * (self.range_up * up - self.range_down * down)
        return Shocks(
            spot=spot,
            volatility=jnp.log(jnp.maximum(factor, _SMALLEST)),
            time=jnp.full_like(self.spot_move, self.horizon_days / DAYS_PER_YEAR),
            weight=jnp.ones_like(self.spot_move),
            overlap=jnp.ones((), self.spot_move.dtype),
            tilt=self._tilt(market, jnp.zeros_like(factor) + self.minimum_up * up),
            damping=self.damping,
        )

    def _is(self, mode: VolatilityMode) -> Float[Array, "1 scenario"]:
        row = np.array([[each is mode for each in self.mode]])
        return jnp.asarray(row, self.spot_move.dtype)

    def _tilt(self, market: Market, floor: Float[Array, "pillar scenario"]) -> TiltShocks:
        still = jnp.zeros_like(floor)
        if self.skew is None:
            return TiltShocks(jnp.ones_like(floor), still, still, floor)
        root = jnp.sqrt(jnp.maximum(market.time, 0.0))[:, None]
        cap, width = self.skew.cap_and_width(root)
        return TiltShocks(
            width=width + still,
            skew=cap * self._is(VolatilityMode.LINEAR),
            wings=cap * self._is(VolatilityMode.ABSOLUTE),
            floor=floor,
        )
