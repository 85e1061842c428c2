"""Monte Carlo with a t-copula: each factor keeps its own distribution, extremes come together."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.market import Market
from jaxmargin.numerics import exact_matmul
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
from jaxmargin.scenarios._student import student_stretch

__all__ = ["REACH", "CopulaMonteCarlo", "Marginals"]

REACH = 9.0  # asinh of the largest Student-t variable that the table tells apart: 4,051


class Marginals(eqx.Module):
    r"""Distribution of each factor, as a table of what a Student-t variable is turned into.

    Row `j` holds $F_j^{-1}(T_\nu(x))$ at nodes spaced evenly in $\operatorname{asinh} x$ from -9
    to 9; straight lines between them.

    Attributes:
        move: one-day move at each node.
        degrees: $\nu$ of the variable that is turned into moves.
    """

    move: Float[Array, "factor node"]
    degrees: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "factor scenario"]) -> Float[Array, "factor scenario"]:
        """The move that belongs to each Student-t variable."""
        nodes = self.move.shape[1]
        place = (jnp.arcsinh(x) + REACH) * ((nodes - 1) / (2.0 * REACH))
        place = jnp.clip(place, 0.0, nodes - 1.0)
        left = jnp.minimum(place.astype(jnp.int32), nodes - 2)
        table = self.move.astype(x.dtype).reshape(-1)
        row = (jnp.arange(self.move.shape[0], dtype=jnp.int32) * nodes)[:, None]
        low = table.at[row + left].get(mode="promise_in_bounds")
        high = table.at[row + left + 1].get(mode="promise_in_bounds")
        # in the coordinate of the nodes the table is smooth, in the middle and in the tails
        return low + (high - low) * (place - left)


class CopulaMonteCarlo(AbstractScenarioSource):
    r"""Moves with given distributions of each factor, joined by a Student-t copula.

    Over $h$ days moves are $\sqrt{h}$ times one-day ones.

    Attributes:
        factors: what each factor moves.
        correlation: correlation matrix of the copula; see `Covariance.correlation`.
        marginals: distribution of each factor's one-day move.
        scenarios: number of scenarios.
        horizon_days: $h$, days a scenario spans.
        draws: where the normals come from.

    References:
        Demarta, S. and McNeil, A. (2005), "The t copula and related copulas", International
        Statistical Review 73, 111-129.
    """

    factors: RiskFactors
    correlation: Float[Array, "factor factor"]
    marginals: Marginals
    scenarios: int = eqx.field(static=True)
    horizon_days: int = eqx.field(static=True, default=1)
    draws: AbstractDraws = PseudoRandom()

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require_counts(self)

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`."""
        require_fit(self, self.factors, market)
        root, drawn = _draw(self, key)
        return self.factors.shocks(
            _moves(self, root, drawn),
            time=self.horizon_days / DAYS_PER_YEAR,
            weight=drawn.weight,
            overlap=drawn.overlap,
        )


@jax.jit
def _draw(
    source: CopulaMonteCarlo, key: Key[Array, ""]
) -> tuple[Float[Array, "factor factor"], Draws]:
    unit = jnp.ones(source.correlation.shape[:1], source.correlation.dtype)
    root = Covariance(unit, source.correlation).root()
    one = jnp.ones((unit.shape[0], 1), unit.dtype)
    size = 0.5 * (source.marginals(one) - source.marginals(-one))  # of a typical move
    drawn = source.draws.normals(key, size * root, source.scenarios, extra=source.marginals.degrees)
    return root, drawn


@jax.jit
def _moves(
    source: CopulaMonteCarlo, root: Float[Array, "factor factor"], drawn: Draws
) -> Float[Array, "factor scenario"]:
    """A program of its own, or XLA would compute the normals within the product."""
    student = exact_matmul(root, drawn.normal) * student_stretch(drawn.extra)[None, :]
    return source.marginals(student) * source.horizon_days**0.5
