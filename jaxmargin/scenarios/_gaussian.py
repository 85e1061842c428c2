"""Monte Carlo with normal moves."""

import equinox as eqx
import jax
from jaxtyping import Array, Key

from jaxmargin.market import Market
from jaxmargin.scenarios._covariance import Covariance
from jaxmargin.scenarios._draws import AbstractDraws, Draws, PseudoRandom
from jaxmargin.scenarios._factors import RiskFactors
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import (
    DAYS_PER_YEAR,
    AbstractScenarioSource,
    require_counts,
    require_fit,
)

__all__ = ["GaussianMonteCarlo"]


class GaussianMonteCarlo(AbstractScenarioSource):
    r"""Jointly normal moves with mean zero and $h$ times the one-day covariance.

    Attributes:
        factors: what each factor moves.
        covariance: covariance of one-day moves.
        scenarios: number of scenarios.
        horizon_days: $h$, days a scenario spans.
        components: principal components to keep, see `Covariance.root`; None for all.
        draws: where the normals come from.
    """

    factors: RiskFactors
    covariance: Covariance
    scenarios: int = eqx.field(static=True)
    horizon_days: int = eqx.field(static=True, default=1)
    components: int | None = eqx.field(static=True, default=None)
    draws: AbstractDraws = PseudoRandom()

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require_counts(self)

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`."""
        require_fit(self, self.factors, market)
        factors, drawn = _draw(self, key)
        return factors.shocks(
            drawn.normal,
            time=self.horizon_days / DAYS_PER_YEAR,
            weight=drawn.weight,
            overlap=drawn.overlap,
        )


@jax.jit
def _draw(source: GaussianMonteCarlo, key: Key[Array, ""]) -> tuple[RiskFactors, Draws]:
    root = source.covariance.root(source.components) * source.horizon_days**0.5
    return source.factors.rotate(root), source.draws.normals(key, root, source.scenarios)
