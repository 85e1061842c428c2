"""Jump diffusion: small moves every day, and rare days on which everything jumps."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.numerics import normal_cdf
from jaxmargin.scenarios._covariance import (
    Covariance,
    ledoit_wolf_covariance,
    sample_covariance,
)
from jaxmargin.scenarios._draws import AbstractDraws, PseudoRandom
from jaxmargin.scenarios._factors import RiskFactors
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import (
    DAYS_PER_YEAR,
    AbstractScenarioSource,
    require_counts,
    require_fit,
)

__all__ = ["JumpDiffusion", "JumpFit", "JumpMonteCarlo", "fit_jumps"]

_NEGLIGIBLE = 1e-12  # probability of more jumps than are told apart


class JumpDiffusion(eqx.Module):
    r"""Normal moves, and jumps that are common to all factors.

    Attributes:
        diffusion: covariance of one-day moves without jumps.
        jump_mean: mean size of a jump in each factor.
        jump: covariance of the sizes of one jump.
        per_day: $\lambda$, mean number of jumps a day, positive.
    """

    diffusion: Covariance
    jump_mean: Float[Array, " factor"]
    jump: Covariance
    per_day: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `per_day` is not positive."""
        require(
            0.0 < self.per_day < math.inf,
            f"JumpDiffusion.per_day must be positive; got {self.per_day!r}.",
        )


class JumpMonteCarlo(AbstractScenarioSource):
    r"""Merton's jump diffusion in several factors, with mean zero.

    Over $h$ days, with $N$ Poisson with mean $\lambda h$, common to all factors,

    $$ x = \sqrt h\, R z + (N - \lambda h)\, m + \sqrt N\, J z'. $$

    Attributes:
        factors: what each factor moves.
        model: the jump diffusion.
        scenarios: number of scenarios.
        horizon_days: $h$, days a scenario spans.
        draws: where the normals come from.

    References:
        Merton, R. (1976), "Option pricing when underlying stock returns are discontinuous",
        Journal of Financial Economics 3, 125-144.
    """

    factors: RiskFactors
    model: JumpDiffusion
    scenarios: int = eqx.field(static=True)
    horizon_days: int = eqx.field(static=True, default=1)
    draws: AbstractDraws = PseudoRandom()

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require_counts(self)

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`."""
        require_fit(self, self.factors, market)
        return _jumps(self, key)


@jax.jit
def _jumps(source: JumpMonteCarlo, key: Key[Array, ""]) -> Shocks:
    model, horizon = source.model, source.horizon_days
    root, jump_root = model.diffusion.root() * horizon**0.5, model.jump.root()
    factors = root.shape[1]
    drawn = source.draws.normals(key, root, source.scenarios, extra=factors + 1)
    uniform = normal_cdf(drawn.extra[0])
    at_most = jnp.asarray(_cumulated_poisson(model.per_day * horizon), root.dtype)
    jumps = jnp.sum(uniform[None, :] > at_most[:, None], axis=0).astype(root.dtype)
    whole = jnp.concatenate([root, model.jump_mean.astype(root.dtype)[:, None], jump_root], axis=1)
    components = jnp.concatenate(
        [
            drawn.normal,
            (jumps - model.per_day * horizon)[None, :],
            jnp.sqrt(jumps)[None, :] * drawn.extra[1:],
        ]
    )
    return source.factors.rotate(whole).shocks(
        components,
        time=horizon / DAYS_PER_YEAR,
        weight=drawn.weight,
        overlap=drawn.overlap,
    )


def _cumulated_poisson(mean: float) -> np.ndarray:
    """Probabilities of at most 0, 1, 2, ... jumps, up to all but a negligible rest."""
    import scipy.stats

    most = int(scipy.stats.poisson.isf(_NEGLIGIBLE, mean))
    return scipy.stats.poisson.cdf(np.arange(most + 1), mean)


class JumpFit(eqx.Module):
    """A jump diffusion and the days it took for jumps.

    Attributes:
        model: the fitted model.
        is_jump: whether each day counts as one.
    """

    model: JumpDiffusion
    is_jump: np.ndarray


def fit_jumps(moves: Float[Array | np.ndarray, "day factor"], *, threshold: float = 4.0) -> JumpFit:
    """A jump diffusion by threshold: a jump is a day on which most factors move far together.

    The score of a day is its leading principal component, of moves scaled to unit variance. It is
    a jump if the score lies more than `threshold` robust standard deviations (1.4826 x median
    absolute deviation) from the median. Jump sizes have a Ledoit-Wolf covariance, since jumps are
    few. Diffusion is counted within the jumps too, so that variance is not understated.

    Args:
        moves: one-day moves.
        threshold: robust standard deviations, positive.

    Raises:
        InvalidInputError: fewer than 5 days are jumps, or a factor does not move.
    """
    require(threshold > 0.0, f"fit_jumps: threshold must be positive; got {threshold!r}.")
    whole = sample_covariance(moves)
    table = np.asarray(moves, np.float64)
    leading = np.linalg.eigh(np.asarray(whole.correlation, np.float64))[1][:, -1]
    score = (table - table.mean(axis=0)) / np.asarray(whole.volatility, np.float64) @ leading
    distance = np.abs(score - np.median(score))
    is_jump = distance > threshold * 1.4826 * np.median(distance)
    found = int(is_jump.sum())
    require(
        found >= 5,
        f"fit_jumps: {found} of {len(table)} days lie beyond {threshold} robust standard "
        "deviations, and 5 are needed. Lower the threshold or give a longer history.",
    )
    jump, _ = ledoit_wolf_covariance(jnp.asarray(table[is_jump]))
    model = JumpDiffusion(
        diffusion=sample_covariance(jnp.asarray(table[~is_jump])),
        jump_mean=jnp.asarray(table[is_jump].mean(axis=0)),
        jump=jump,
        per_day=found / len(table),
    )
    return JumpFit(model, is_jump)
