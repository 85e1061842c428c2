"""What a reverse stress test finds."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import gammaincc
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.numerics import BallMaximum
from jaxmargin.sensitivities._principal_axes import PrincipalAxes

__all__ = ["ReverseStress", "StressStatus", "reverse_stress"]


class StressStatus(enum.IntEnum):
    """What became of a reverse stress test.

    Attributes:
        CONVERGED: no small move within the ball raises the loss, to first order; it is the largest
            loss that the search found.
        NOT_CONVERGED: the iterations did not suffice, or the loss has a kink there; the loss is
            that of the scenario, and a larger one may be near.
        UNREACHED: no scenario was found that loses the amount; this is the worst one found.
        INVALID: the loss is not finite somewhere in the ball; nothing is known.
    """

    CONVERGED = 0
    NOT_CONVERGED = 1
    UNREACHED = 2
    INVALID = 3


class ReverseStress(eqx.Module):
    r"""A scenario found by a reverse stress test.

    Attributes:
        loss: of the account in the scenario, in the numeraire.
        moves: move of each factor.
        radius: $|z|$, the Mahalanobis distance of the moves from their mean.
        contribution: share of each factor in the squared radius, $m_i (\Sigma^{-1} m)_i / |z|^2$
            with $m$ the moves less their mean: they sum to one, and may be negative where a
            factor moves against its correlations. Zero at radius zero.
        plausibility: probability that normal moves go as far or farther in any direction, from the
            chi-squared distribution with as many degrees of freedom as the covariance has rank; at
            the same radius it grows with their number.
        spread: largest loss less the least at which a start of the search ended; large if there
            are several local maxima.
        status: `StressStatus`, as integer.
    """

    loss: Float[Array, ""]
    moves: Float[Array, " factor"]
    radius: Float[Array, ""]
    contribution: Float[Array, " factor"]
    plausibility: Float[Array, ""]
    spread: Float[Array, ""]
    status: Int[Array, ""]


def reverse_stress(
    maximum: BallMaximum, axes: PrincipalAxes, reached: Bool[Array, ""]
) -> ReverseStress:
    """The scenario of a maximum of the loss in the coordinates of `axes`."""
    z = axes.shortest(maximum.point)
    squared = jnp.sum(jnp.square(z))
    half = 0.5 * jnp.maximum(jnp.sum(axes.size > 0.0), 1).astype(z.dtype)
    status = jnp.where(maximum.converged, StressStatus.CONVERGED, StressStatus.NOT_CONVERGED)
    status = jnp.where(reached, status, StressStatus.UNREACHED)
    status = jnp.where(maximum.finite, status, StressStatus.INVALID)
    return ReverseStress(
        loss=jnp.where(maximum.finite, maximum.value, jnp.nan),
        moves=axes.moves(z),
        radius=jnp.sqrt(squared),
        contribution=axes.contribution(z),
        plausibility=gammaincc(half, 0.5 * squared),
        spread=maximum.spread,
        status=status.astype(jnp.int32),
    )
