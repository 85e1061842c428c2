"""Monte Carlo with Student-t moves."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
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

__all__ = ["StudentMonteCarlo", "student_stretch"]


class StudentMonteCarlo(AbstractScenarioSource):
    r"""Jointly Student-t moves with mean zero and $h$ times the one-day covariance.

    One mixing variable stretches all factors together, so that extremes come together:

    $$ x = \sqrt{h \frac{\nu - 2}{\chi^2_\nu}}\, R z. $$

    The horizon is one step of the same $\nu$; the sum of $h$ independent days would have thinner
    tails.

    Attributes:
        factors: what each factor moves.
        covariance: covariance of one-day moves.
        scenarios: number of scenarios.
        degrees: $\nu$, degrees of freedom, a whole number from 3.
        horizon_days: $h$, days a scenario spans.
        components: principal components to keep, see `Covariance.root`; None for all.
        draws: where the normals come from.
    """

    factors: RiskFactors
    covariance: Covariance
    scenarios: int = eqx.field(static=True)
    degrees: int = eqx.field(static=True)
    horizon_days: int = eqx.field(static=True, default=1)
    components: int | None = eqx.field(static=True, default=None)
    draws: AbstractDraws = PseudoRandom()

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require_counts(self)
        require(
            self.degrees >= 3,
            "StudentMonteCarlo.degrees must be a whole number from 3, so that there is a "
            f"covariance; got {self.degrees!r}.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`."""
        require_fit(self, self.factors, market)
        factors, drawn, stretch = _draw(self, key)
        return factors.shocks(
            drawn.normal,
            time=self.horizon_days / DAYS_PER_YEAR,
            stretch=stretch,
            weight=drawn.weight,
            overlap=drawn.overlap,
        )


@jax.jit
def _draw(
    source: StudentMonteCarlo, key: Key[Array, ""]
) -> tuple[RiskFactors, Draws, Float[Array, " scenario"]]:
    root = source.covariance.root(source.components) * source.horizon_days**0.5
    drawn = source.draws.normals(key, root, source.scenarios, extra=source.degrees)
    stretch = student_stretch(drawn.extra) * (1.0 - 2.0 / source.degrees) ** 0.5
    return source.factors.rotate(root), drawn, stretch


def student_stretch(normal: Float[Array, "degree scenario"]) -> Float[Array, " scenario"]:
    r"""$\sqrt{\nu / \chi^2_\nu}$ from $\nu$ normals: what makes normals Student-t."""
    return jnp.sqrt(normal.shape[0] / jnp.sum(jnp.square(normal), axis=0))
