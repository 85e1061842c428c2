"""Historical simulation: what happened on every past day happens again from today's prices."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._factors import FactorHistory
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import DAYS_PER_YEAR, AbstractScenarioSource, require_fit

__all__ = ["HistoricalSimulation", "age_weights", "overlapping_sums"]


class HistoricalSimulation(AbstractScenarioSource):
    r"""Overlapping moves over the horizon, all factors on the same dates.

    A scenario for every window of `horizon_days` successive days: the sum of its one-day moves.
    A scenario whose window ends $a$ days before the last has weight $\lambda^a$.

    Attributes:
        history: past one-day moves.
        decay: $\lambda$, in (0, 1]; 1 weights all dates the same. 0.995 halves in 138 days.
        horizon_days: days a scenario spans.

    References:
        Boudoukh, J., Richardson, M. and Whitelaw, R. (1998), "The best of both worlds", Risk
        11(5), 64-67 (age weights).
    """

    history: FactorHistory
    decay: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1.0)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the horizon is not within the history."""
        days = self.history.moves.shape[0]
        require(
            self.horizon_days >= 1,
            f"HistoricalSimulation.horizon_days must be at least 1; got {self.horizon_days!r}.",
        )
        require(
            days >= self.horizon_days,
            f"HistoricalSimulation needs moves of at least horizon_days = {self.horizon_days} "
            f"days; got {days}. Give a longer history or a shorter horizon.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used."""
        require_fit(self, self.history.factors, market)
        moves = overlapping_sums(self.history.moves.T, self.horizon_days)
        return self.history.factors.shocks(
            moves,
            time=self.horizon_days / DAYS_PER_YEAR,
            weight=age_weights(self.decay.astype(moves.dtype), moves.shape[1]),
            overlap=float(self.horizon_days),
        )


def overlapping_sums(
    one_day: Float[Array, "row day"], horizon_days: int
) -> Float[Array, "row scenario"]:
    """Sums over every window of `horizon_days` successive days, oldest first."""
    return jax.lax.reduce_window(
        one_day,
        jnp.zeros((), one_day.dtype),
        jax.lax.add,
        window_dimensions=(1, horizon_days),
        window_strides=(1, 1),
        padding="valid",
    )


def age_weights(decay: Float[Array, ""], scenarios: int) -> Float[Array, " scenario"]:
    """`decay` to the power of the age, which is zero for the last."""
    age = jnp.arange(scenarios - 1, -1, -1)
    return jnp.power(decay, age.astype(decay.dtype))
