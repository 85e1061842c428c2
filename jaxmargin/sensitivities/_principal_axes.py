"""Moves of risk factors in independent standard units."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.numerics import exact_matmul

__all__ = ["PrincipalAxes", "principal_axes"]


class PrincipalAxes(eqx.Module):
    r"""A covariance in its principal components: $m = \mu + D\,U S\,z$ with $|z|$ the distance.

    $D U S$ is a root of the covariance of the moves $m$, with $D$ their volatilities, $U$
    orthonormal columns and $S$ diagonal, so that $|z|$ is the Mahalanobis distance of $m$.

    Attributes:
        mean: $\mu$.
        volatility: $D$.
        left: $U$.
        size: $S$; zero for components that move nothing.
    """

    mean: Float[Array, " factor"]
    volatility: Float[Array, " factor"]
    left: Float[Array, "factor component"]
    size: Float[Array, " component"]

    def moves(self, z: Float[Array, " component"]) -> Float[Array, " factor"]:
        """Move of each factor."""
        return self.mean + self.volatility * exact_matmul(self.left, self.size * z)

    def shortest(self, z: Float[Array, " component"]) -> Float[Array, " component"]:
        """The nearest to zero of all points with the moves of `z`."""
        return jnp.where(self.size > 0.0, z, 0.0)

    def contribution(self, z: Float[Array, " component"]) -> Float[Array, " factor"]:
        r"""Share of each factor in $|z|^2$: $m_i (\Sigma^{-1} m)_i / |z|^2$; zero at zero.

        Of `shortest` points. Where the covariance is singular the inverse is the generalized one
        $D^{-1} U S^{-2} U^\top D^{-1}$ over the components that move something.
        """
        squared = jnp.sum(jnp.square(z))
        moved = exact_matmul(self.left, self.size * z)
        inverse = exact_matmul(self.left, z / jnp.where(self.size > 0.0, self.size, 1.0))
        return moved * inverse / jnp.where(squared > 0.0, squared, 1.0)


def principal_axes(
    root: Float[Array, "factor component"], mean: Float[Array, " factor"]
) -> PrincipalAxes:
    """Principal components of the covariance `root @ root.T`, at most one per factor.

    Of unit volatilities, so that factors in different units count alike.
    """
    volatility = jnp.linalg.norm(root, axis=1)
    unit = root / jnp.where(volatility > 0.0, volatility, 1.0)[:, None]
    left, size, _ = jnp.linalg.svd(unit, full_matrices=False)
    least = 8.0 * max(root.shape) * jnp.finfo(root.dtype).eps * size[0]
    return PrincipalAxes(mean, volatility, left, jnp.where(size > least, size, 0.0))
