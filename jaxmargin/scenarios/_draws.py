"""Draws: where the normals of a Monte Carlo source come from, and with what weights."""

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.numerics import exact_matmul, sobol_directions, sobol_uniforms, standard_normals

__all__ = ["AbstractDraws", "Antithetic", "Draws", "PseudoRandom", "Sobol", "TailMixture"]

_FARTHEST = 8.0  # standard deviations: farther, no unshifted draw says anything about the tails


class Draws(NamedTuple):
    """Normals of every scenario.

    Attributes:
        normal: one row per component of the source's root.
        extra: further normals, for mixing variables.
        weight: relative weight of each scenario; None for equal ones.
        overlap: how many scenarios count as one in a standard error.
    """

    normal: Float[Array, "component scenario"]
    extra: Float[Array, "extra scenario"]
    weight: Float[Array, " scenario"] | None
    overlap: float | Float[Array, ""]


class AbstractDraws(eqx.Module):
    """A way to draw the normals of a Monte Carlo source."""

    @abc.abstractmethod
    def normals(
        self,
        key: Key[Array, ""],
        root: Float[Array, "factor component"],
        scenarios: int,
        *,
        extra: int = 0,
    ) -> Draws:
        """Standard normals of `scenarios` scenarios.

        Args:
            key: random key.
            root: what turns the normals into moves of factors, `root @ normal`.
            scenarios: number of scenarios.
            extra: number of further normals wanted, for mixing variables.

        Raises:
            InvalidInputError: the number of scenarios does not suit these draws.
        """


class PseudoRandom(AbstractDraws):
    """Independent draws."""

    def normals(
        self,
        key: Key[Array, ""],
        root: Float[Array, "factor component"],
        scenarios: int,
        *,
        extra: int = 0,
    ) -> Draws:
        """See `AbstractDraws.normals`."""
        return Draws(*_normals(key, root, scenarios, extra), None, 1.0)


class Antithetic(AbstractDraws):
    """Every draw together with its opposite, which has the same extra normals.

    Odd moments of normal and t moves vanish exactly. Standard errors count a pair as one scenario:
    right for a book that loses the same on both sides, and too large for one that is linear.
    """

    def normals(
        self,
        key: Key[Array, ""],
        root: Float[Array, "factor component"],
        scenarios: int,
        *,
        extra: int = 0,
    ) -> Draws:
        """See `AbstractDraws.normals`; an odd number of scenarios is refused."""
        require(
            scenarios % 2 == 0,
            f"Antithetic draws come in pairs; got {scenarios} scenarios. Give an even number.",
        )
        normal, mixing = _normals(key, root, scenarios // 2, extra)
        return Draws(
            jnp.concatenate([normal, -normal], axis=1),
            jnp.concatenate([mixing, mixing], axis=1),
            None,
            2.0,
        )


class Sobol(AbstractDraws):
    """Sobol points with Owen's scrambling: evenly spread, and unbiased over keys.

    Standard errors are those of independent draws, mostly far above the true ones; for exact ones
    repeat with several keys.

    References:
        Owen, A. (1998), "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity
        14, 466-489.
    """

    def normals(
        self,
        key: Key[Array, ""],
        root: Float[Array, "factor component"],
        scenarios: int,
        *,
        extra: int = 0,
    ) -> Draws:
        """See `AbstractDraws.normals`; a number of scenarios that is no power of 2 is refused."""
        require(
            scenarios >= 2 and scenarios & (scenarios - 1) == 0,
            f"Sobol points are balanced in powers of 2 only; got {scenarios} scenarios. "
            f"Give {1 << max(scenarios - 1, 1).bit_length()}.",
        )
        bits = scenarios.bit_length() - 1
        components = root.shape[1]
        directions = sobol_directions(components + extra, bits)
        normal = ndtri(sobol_uniforms(directions, key, scenarios).astype(root.dtype))
        return Draws(normal[:components], normal[components:], None, 1.0)


class TailMixture(AbstractDraws):
    r"""Importance sampling: part of the draws are shifted to either tail of a given exposure.

    With the unit vector $u$ along $R^\top e$ for root $R$ and exposure $e$, a scenario's normals
    come from $N(0, I)$ with probability $c$ and from $N(\pm d u, I)$ with probability
    $(1 - c) / 2$ each. Its weight is the likelihood ratio to the whole mixture,

    $$ w(z) = \Big( c + (1 - c)\, e^{-d^2 / 2} \cosh(d\, u^\top z) \Big)^{-1} \le 1 / c, $$

    so that no single scenario can dominate. Each part has its stated share of the scenarios.

    Attributes:
        exposure: sensitivity of a typical book to each factor; only its direction matters.
        distance: $d$, standard deviations by which the tails are shifted; positive.
        center: $c$, share of draws that are not shifted, in (0, 1).

    References:
        Veach, E. and Guibas, L. (1995), "Optimally combining sampling techniques for Monte Carlo
        rendering", SIGGRAPH 95, 419-428 (the balance heuristic). Glasserman, P. (2003), "Monte
        Carlo Methods in Financial Engineering", section 4.6.
    """

    exposure: Float[Array, " factor"]
    distance: float = eqx.field(static=True, default=2.5)
    center: float = eqx.field(static=True, default=0.4)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            0.0 < self.distance <= _FARTHEST,
            f"TailMixture.distance must lie above 0 and up to {_FARTHEST} standard deviations; got "
            f"{self.distance!r}.",
        )
        require(
            0.0 < self.center < 1.0,
            f"TailMixture.center must lie in (0, 1); got {self.center!r}.",
        )

    def normals(
        self,
        key: Key[Array, ""],
        root: Float[Array, "factor component"],
        scenarios: int,
        *,
        extra: int = 0,
    ) -> Draws:
        """See `AbstractDraws.normals`."""
        normal, mixing = _normals(key, root, scenarios, extra)
        direction = jax.lax.stop_gradient(exact_matmul(self.exposure.astype(root.dtype), root))
        direction = direction / jnp.linalg.norm(direction)
        unshifted = round(self.center * scenarios)
        rest = jnp.arange(scenarios) - unshifted
        sign = jnp.where(rest < 0, 0.0, jnp.where(rest % 2 == 0, 1.0, -1.0)).astype(root.dtype)
        normal = normal + self.distance * direction[:, None] * sign[None, :]
        along = exact_matmul(direction, normal)
        share = unshifted / scenarios
        reach = self.distance * along
        log_tails = jnp.logaddexp(reach, -reach) - jnp.log(2.0) - 0.5 * self.distance**2
        log_weight = -jnp.logaddexp(jnp.log(share), jnp.log1p(-share) + log_tails)
        return Draws(normal, mixing, jnp.exp(log_weight), 1.0)


def _normals(
    key: Key[Array, ""], root: Float[Array, "factor component"], scenarios: int, extra: int
) -> tuple[Float[Array, "component scenario"], Float[Array, "extra scenario"]]:
    """Two arrays rather than slices of one, which would be copied."""
    first, second = jax.random.split(key)
    normal = standard_normals(first, root.shape[1], scenarios, root.dtype)
    return normal, standard_normals(second, extra, scenarios, root.dtype)
