"""Models of the variance of tomorrow's return, and their filter through a history."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["AbstractVolatilityModel", "EwmaVolatility", "GarchVolatility", "filter_variance"]


class AbstractVolatilityModel(eqx.Module):
    """How the conditional variance of each factor goes on from one day to the next.

    Returns are taken about zero: subtract a mean first. Variances are per day.
    """

    @abc.abstractmethod
    def next_variance(
        self, variance: Float[Array, "*path factor"], squared_return: Float[Array, "*path factor"]
    ) -> Float[Array, "*path factor"]:
        """Variance of the next day's return.

        Args:
            variance: variance of today's return, as it was known yesterday.
            squared_return: square of today's return.
        """

    def initial_variance(
        self, squared_returns: Float[Array, "day factor"]
    ) -> Float[Array, " factor"]:
        r"""Variance of the first day: the mean $m$ of the squares, one step on from itself.

        That is `next_variance(m, m)`: $m$ for `EwmaVolatility`,
        $\omega + (\alpha + \beta)\,m$ for `GarchVolatility`.

        References:
            Fiorentini, G., Calzolari, G. and Panattoni, L. (1996), "Analytic derivatives and the
            computation of GARCH estimates", Journal of Applied Econometrics 11, 399-417.
        """
        mean = jnp.mean(squared_returns, axis=0)
        return self.next_variance(mean, mean)


class EwmaVolatility(AbstractVolatilityModel):
    r"""Exponentially weighted moving average of squared returns, one decay for all factors.

    $$ \sigma_t^2 = \lambda\,\sigma_{t-1}^2 + (1 - \lambda)\,r_{t-1}^2. $$

    Attributes:
        decay: $\lambda$, in (0, 1); 0.94 for daily returns.

    References:
        J.P. Morgan/Reuters (1996), "RiskMetrics: technical document", 4th edition, section 5.2.
    """

    decay: Float[Array, ""]

    def next_variance(
        self, variance: Float[Array, "*path factor"], squared_return: Float[Array, "*path factor"]
    ) -> Float[Array, "*path factor"]:
        """See `AbstractVolatilityModel.next_variance`."""
        return self.decay * variance + (1.0 - self.decay) * squared_return


class GarchVolatility(AbstractVolatilityModel):
    r"""GARCH(1,1), each factor with parameters of its own.

    $$ \sigma_t^2 = \omega + \alpha\,r_{t-1}^2 + \beta\,\sigma_{t-1}^2. $$

    In the long run the variance is $\omega / (1 - \alpha - \beta)$.

    Attributes:
        omega: $\omega$, variance per day, positive.
        alpha: weight of the last squared return, not negative.
        beta: weight of the last variance, not negative; $\alpha + \beta < 1$.

    References:
        Bollerslev, T. (1986), "Generalized autoregressive conditional heteroskedasticity", Journal
        of Econometrics 31, 307-327.
    """

    omega: Float[Array, " factor"]
    alpha: Float[Array, " factor"]
    beta: Float[Array, " factor"]

    def next_variance(
        self, variance: Float[Array, "*path factor"], squared_return: Float[Array, "*path factor"]
    ) -> Float[Array, "*path factor"]:
        """See `AbstractVolatilityModel.next_variance`."""
        omega, alpha, beta = (
            jnp.broadcast_to(x, variance.shape) for x in (self.omega, self.alpha, self.beta)
        )
        return omega + alpha * squared_return + beta * variance


def filter_variance(
    model: AbstractVolatilityModel,
    returns: Float[Array, "day factor"],
    *,
    start_days: int | None = None,
) -> Float[Array, "day_and_next factor"]:
    """Variance of each day's return given the days before, and last that of the day after the end.

    The first is `model.initial_variance` of the squares. Differentiable in both arguments.

    Args:
        model: how the variance goes on.
        returns: returns about zero, oldest first.
        start_days: days whose squares the first variance is of, all unless given; from the last of
            them on, no variance knows a later return.
    """
    squares = jnp.square(returns)

    def step(
        variance: Float[Array, " factor"], square: Float[Array, " factor"]
    ) -> tuple[Float[Array, " factor"], Float[Array, " factor"]]:
        following = model.next_variance(variance, square)
        return following, following

    first = model.initial_variance(squares[:start_days])
    _, rest = jax.lax.scan(step, first, squares, unroll=8)  # a step is little work: fewer loops
    return jnp.concatenate([first[None], rest])
