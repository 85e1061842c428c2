"""Depegs: rare losses of a stablecoin or a wrapped coin on top of any other scenarios."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import AbstractScenarioSource

__all__ = ["DepegJumps"]


class DepegJumps(AbstractScenarioSource):
    r"""Every scenario of another source twice: without a depeg, and with one.

    Depegs of asset $i$ come $\lambda_i$ times a year, $m$ times as often where the leading asset
    falls further than `crash`. Over the years $h$ of a scenario one happens with probability
    $p = 1 - \exp(-h \sum_i \lambda_i m_s)$; the copy without it keeps the weight $1 - p$ and the
    copy with it has $p$, so that rare events are there without drawing many scenarios. Which asset
    it is follows the $\lambda_i$; its log change is $-$`size` times a unit exponential. Depegs of
    two assets within one horizon are left out. Standard errors take the two copies as independent,
    which matters only where $p$ is not small.

    Attributes:
        source: scenarios without depegs.
        asset: assets that may depeg, as rows of `Market.spot`.
        per_year: $\lambda_i$, mean depegs of each a year, not negative.
        size: mean log fall of each, positive; 0.05 is about 5 %.
        leader: asset whose falls make depegs more frequent.
        crash: log fall of the leader beyond which they are, positive.
        crash_multiple: $m$, how many times more frequent they are then, at least 1.
    """

    source: AbstractScenarioSource
    asset: tuple[int, ...] = eqx.field(static=True)
    per_year: Float[Array, " depeg"]
    size: Float[Array, " depeg"]
    leader: int = eqx.field(static=True, default=0)
    crash: float = eqx.field(static=True, default=0.1)
    crash_multiple: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the settings do not fit together."""
        require(
            len(self.asset) >= 1 and self.per_year.shape == self.size.shape == (len(self.asset),),
            f"DepegJumps needs one per_year and one size for each of {len(self.asset)} assets; got "
            f"{self.per_year.shape} and {self.size.shape}.",
        )
        require(
            0.0 < self.crash < math.inf,
            f"DepegJumps.crash is a log fall and must be positive; got {self.crash!r}.",
        )
        require(
            1.0 <= self.crash_multiple < math.inf,
            f"DepegJumps.crash_multiple must be at least 1; got {self.crash_multiple!r}.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; twice the scenarios of `source`."""
        assets = market.spot.shape[0]
        require(
            all(0 <= row < assets for row in (*self.asset, self.leader)),
            f"DepegJumps: the market has assets 0 to {assets - 1}; got {self.asset} and leader "
            f"{self.leader}.",
        )
        made_key, which_key, size_key = jax.random.split(key, 3)
        made = self.source.shocks(market, made_key)
        scenarios, dtype = made.weight.shape[0], made.spot.dtype
        rate, size = self.per_year.astype(dtype), self.size.astype(dtype)
        base = market.base[self.leader]
        fall = made.spot[self.leader] + jnp.where(base != self.leader, made.spot[base], 0.0)
        crash = fall < -self.crash
        multiple = jnp.where(crash, self.crash_multiple, 1.0)
        probability = -jnp.expm1(-made.time * multiple * jnp.sum(rate))
        which = jax.random.categorical(which_key, jnp.log(rate), shape=(scenarios,))
        drop = size[which] * jax.random.exponential(size_key, (scenarios,), dtype)
        row = jnp.asarray(self.asset)[which]
        depegged = made.spot.at[row, jnp.arange(scenarios)].add(-drop)
        twice = jax.tree.map(
            lambda leaf: jnp.concatenate([leaf, leaf], axis=-1) if leaf.ndim else leaf, made
        )
        weight = jnp.concatenate([made.weight * (1.0 - probability), made.weight * probability])
        return eqx.tree_at(
            lambda s: (s.spot, s.weight),
            twice,
            (jnp.concatenate([made.spot, depegged], axis=-1), weight / jnp.mean(weight)),
        )
