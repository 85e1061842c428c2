"""Value at risk and expected shortfall smoothed by a kernel: for second derivatives."""

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.numerics import normal_cdf, normal_pdf
from jaxmargin.risk._base import tail_mass, tail_share
from jaxmargin.risk._confidence import require_level

__all__ = ["AbstractSmoothMeasure", "KernelExpectedShortfall", "KernelValueAtRisk"]

_NEGLIGIBLE_DEVIATION = 16.0  # in units of rounding of the largest loss: a constant P&L


class AbstractSmoothMeasure(eqx.Module):
    """A risk measure with derivatives of every order by P&L, of degree one in it.

    It stands beside an `AbstractRiskMeasure`, whose second derivatives are zero or do not exist.
    """

    @abc.abstractmethod
    def __call__(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, " account"]:
        """The measure: loss positive, in the unit of `pnl`. `weight` has no derivative.

        Where an account's P&L does not vary, it is minus that P&L, and the derivative is that of
        the mean: zero P&L is the one point without a unique one.

        Args:
            pnl: profit and loss, gain positive; finite.
            weight: relative weight of each scenario, see `Shocks.weight`.
        """


class KernelValueAtRisk(AbstractSmoothMeasure):
    r"""The quantile of losses spread by normal kernels: the root $v$ of a smooth equation.

    $$ \sum_s p_s\, \Phi\Big(\frac{L_s - v}{h}\Big) = 1 - \alpha, \qquad
       h = \text{bandwidth} \times \Big(\sum_s p_s (L_s - \bar L)^2\Big)^{1/2}, $$

    with the probabilities $p_s$ of the scenarios. Because $h$ scales with the P&L, the measure
    does too, and Euler's sum over positions holds exactly. It tends to `ValueAtRisk` as the
    bandwidth goes to zero. A bandwidth below 1/80 of a gap between two losses at the quantile, in
    deviations, smooths nothing there.

    Attributes:
        level: confidence level $\alpha$, in (0, 1).
        bandwidth: deviation of the kernel, in standard deviations of the account's P&L; positive.

    References:
        Gourieroux, C., Laurent, J. P. and Scaillet, O. (2000), "Sensitivity analysis of values at
        risk", Journal of Empirical Finance 7, 225-245.
    """

    level: float = eqx.field(static=True)
    bandwidth: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        _require_kernel("KernelValueAtRisk", self.level, self.bandwidth)

    def __call__(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, " account"]:
        """See `AbstractSmoothMeasure.__call__`."""
        weight = jax.lax.stop_gradient(weight)
        standard = _standardized(pnl, weight)
        quantile = _quantile(standard.loss, weight, self.level, self.bandwidth)
        return standard.mean + standard.deviation * quantile


class KernelExpectedShortfall(AbstractSmoothMeasure):
    r"""The expected shortfall of losses spread by normal kernels, in closed form.

    $$ v + \frac{1}{1 - \alpha} \sum_s p_s \big( (L_s - v)\, \Phi(z_s) + h\, \phi(z_s) \big),
       \qquad z_s = \frac{L_s - v}{h}, $$

    with $v$ and $h$ of `KernelValueAtRisk`, for which see the rest. It tends to
    `ExpectedShortfall` as the bandwidth goes to zero, from above.

    Attributes:
        level: confidence level $\alpha$, in (0, 1).
        bandwidth: deviation of the kernel, in standard deviations of the account's P&L; positive.

    References:
        Scaillet, O. (2004), "Nonparametric estimation and sensitivity analysis of expected
        shortfall", Mathematical Finance 14, 115-129.
    """

    level: float = eqx.field(static=True)
    bandwidth: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        _require_kernel("KernelExpectedShortfall", self.level, self.bandwidth)

    def __call__(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, " account"]:
        """See `AbstractSmoothMeasure.__call__`."""
        weight = jax.lax.stop_gradient(weight)
        standard = _standardized(pnl, weight)
        quantile = _quantile(standard.loss, weight, self.level, self.bandwidth)
        excess = standard.loss - quantile[:, None]
        z = excess / self.bandwidth
        tail = excess * normal_cdf(z) + self.bandwidth * normal_pdf(z)
        mean = jnp.sum(weight[None, :] * tail, axis=-1) / tail_mass(tail_share(self.level), weight)
        return standard.mean + standard.deviation * (quantile + mean)


def _require_kernel(name: str, level: float, bandwidth: float) -> None:
    require_level(name, level)
    require(
        0.0 < bandwidth < float("inf"),
        f"{name}.bandwidth must be a positive number of standard deviations; got {bandwidth!r}.",
    )


class _Standardized(NamedTuple):
    """Losses in standard deviations from their mean; zero where there is no deviation."""

    loss: Float[Array, "account scenario"]
    mean: Float[Array, " account"]
    deviation: Float[Array, " account"]


def _standardized(
    pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
) -> _Standardized:
    probability = (weight / jnp.sum(weight))[None, :]
    mean = -jnp.sum(probability * pnl, axis=-1)
    centered = -pnl - mean[:, None]
    variance = jnp.sum(probability * jnp.square(centered), axis=-1)
    largest = jnp.max(jnp.where(probability > 0.0, jnp.abs(pnl), 0.0), axis=-1)
    least = jnp.square(_NEGLIGIBLE_DEVIATION * jnp.finfo(pnl.dtype).eps * largest)
    varies = variance > jax.lax.stop_gradient(least)
    root = jnp.sqrt(jnp.where(varies, variance, 1.0))
    loss = jnp.where(varies[:, None], centered / root[:, None], 0.0)
    return _Standardized(loss, mean, jnp.where(varies, root, 0.0))


def _quantile(
    loss: Float[Array, "account scenario"],
    weight: Float[Array, " scenario"],
    level: float,
    bandwidth: float,
) -> Float[Array, " account"]:
    """The quantile of the mixture of normals; its derivatives are those of the implicit root."""

    @jax.custom_jvp
    def root(loss: Float[Array, "account scenario"]) -> Float[Array, " account"]:
        return _bisect(loss, weight, level, bandwidth)

    @root.defjvp
    def _root_jvp(
        primals: tuple[Float[Array, "account scenario"]],
        tangents: tuple[Float[Array, "account scenario"]],
    ) -> tuple[Float[Array, " account"], Float[Array, " account"]]:
        (loss,), (change,) = primals, tangents
        quantile = root(loss)  # itself differentiable, so that every order is exact
        z = (loss - quantile[:, None]) / bandwidth
        # a softmax, because all densities may underflow
        density = jax.nn.softmax(jnp.log(weight)[None, :] - 0.5 * jnp.square(z), axis=-1)
        return quantile, jnp.sum(density * change, axis=-1)

    return root(loss)


def _bisect(
    loss: Float[Array, "account scenario"],
    weight: Float[Array, " scenario"],
    level: float,
    bandwidth: float,
) -> Float[Array, " account"]:
    """Halve the bracket until it is as wide as rounding."""
    mass = tail_mass(tail_share(level), weight)
    possible = (weight > 0.0)[None, :]
    center = bandwidth * jax.scipy.special.ndtri(jnp.asarray(level, loss.dtype))
    # the quantile of a mixture lies between those of its parts
    low = jnp.min(jnp.where(possible, loss, jnp.inf), axis=-1) + center
    high = jnp.max(jnp.where(possible, loss, -jnp.inf), axis=-1) + center

    def halve(
        _: Int[Array, ""], bracket: tuple[Float[Array, " account"], Float[Array, " account"]]
    ) -> tuple[Float[Array, " account"], Float[Array, " account"]]:
        low, high = bracket
        middle = 0.5 * (low + high)
        z = (loss - middle[:, None]) / bandwidth
        # what lies above, and the small parts of either side: their sum would round these away
        small = jnp.where(z > 0.0, -normal_cdf(-jnp.abs(z)), normal_cdf(-jnp.abs(z)))
        whole = jnp.sum(jnp.where(z > 0.0, weight[None, :], 0.0), axis=-1) - mass
        above = whole + jnp.sum(weight[None, :] * small, axis=-1) > 0.0
        return jnp.where(above, middle, low), jnp.where(above, high, middle)

    steps = jnp.finfo(loss.dtype).nmant + 8
    low, high = jax.lax.fori_loop(0, steps, halve, (low, high))
    return 0.5 * (low + high)
