"""GARCH(1,1) by maximum likelihood, all factors at once."""

import enum
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require
from jaxmargin.scenarios._volatility_models import GarchVolatility, filter_variance

__all__ = ["GarchFit", "GarchStatus", "fit_garch"]

_FEWEST_DAYS = 50
_STARTS = ((0.05, 0.93), (0.10, 0.80), (0.30, 0.40), (0.25, 0.02))  # alpha, beta
_STEPS = 200  # Newton takes ten to thirty; along a boundary, where it is slow, up to a hundred
_ENOUGH = 1e-8  # gain in log-likelihood that the last step promises; it squares with each step
_ENOUGH_AT_EDGE = 1e-6  # where a parameter without effect makes it slow
_LONGEST_STEP = 2.0  # in any of the free parameters, which are logarithms and log-odds
_CEILING = 1.0 - 1e-6  # of alpha + beta; below one in single precision too
_EDGE = 1e-5  # at which alpha, beta or what they leave of the ceiling count as zero
_LOG_TWO_PI = 1.8378770664093453

_Parameters = Float[Array, " parameter"]


class GarchStatus(enum.IntEnum):
    """What became of the fit of one factor.

    Attributes:
        CONVERGED: a maximum within the bounds.
        AT_BOUNDARY: the maximum has alpha or beta zero, alpha + beta one, or omega zero beside the
            variance of the factor, all to 1e-5: the fit is usable, but standard errors have no
            meaning there and are NaN.
        NOT_CONVERGED: no maximum was found; all numbers are NaN.
    """

    CONVERGED = 0
    AT_BOUNDARY = 1
    NOT_CONVERGED = 2


class GarchFit(eqx.Module):
    """GARCH(1,1) with constant mean, fitted.

    Standard errors are in the order mean, omega, alpha, beta.

    Attributes:
        model: the variances about the mean.
        mean: return per day.
        log_likelihood: maximum of the Gaussian log-likelihood.
        standard_error: from the inverse Hessian; for Gaussian returns.
        robust_standard_error: from the sandwich of scores between inverse Hessians, which holds for
            other returns too.
        status: a `GarchStatus`.
    """

    model: GarchVolatility
    mean: Float[Array, " factor"]
    log_likelihood: Float[Array, " factor"]
    standard_error: Float[Array, "factor parameter"]
    robust_standard_error: Float[Array, "factor parameter"]
    status: Int[Array, " factor"]


def fit_garch(returns: Float[Array | np.ndarray, "day factor"]) -> GarchFit:
    r"""The GARCH(1,1) of each factor with the greatest Gaussian likelihood.

    $$ \max_{\mu, \omega, \alpha, \beta} \; -\tfrac12 \sum_t \Big( \ln 2 \pi + \ln \sigma_t^2
       + \frac{(r_t - \mu)^2}{\sigma_t^2} \Big), \qquad \omega > 0,\; \alpha, \beta \ge 0,\;
       \alpha + \beta < 1, $$

    with $\sigma_t^2$ of `filter_variance`. By damped Newton steps on $\mu$, $\ln \omega$ and the
    log-odds of $\alpha$ and $\beta$ from four starts; $\alpha + \beta \le 1 - 10^{-6}$. Works
    on the host's arrays in double precision, which the likelihood needs, whatever the precision of
    the caller; the result is in the caller's. Not for use within `jit`, `grad` or `vmap`.

    Args:
        returns: returns per day, oldest first; 50 days at least.

    Raises:
        InvalidInputError: if a return is not finite, a factor is constant or the history too short.

    References:
        Fiorentini, G., Calzolari, G. and Panattoni, L. (1996), "Analytic derivatives and the
        computation of GARCH estimates", Journal of Applied Econometrics 11, 399-417: likelihood.
        Bollerslev, T. and Wooldridge, J. (1992), "Quasi-maximum likelihood estimation and inference
        in dynamic models with time-varying covariances", Econometric Reviews 11, 143-172: robust
        standard errors.
    """
    values = np.asarray(returns, np.float64)
    _check(values)
    with jax.enable_x64(True):
        fit = jax.tree.map(np.asarray, _fit_all(values))
    return jax.tree.map(jnp.asarray, fit)


def _check(returns: Float[np.ndarray, "day factor"]) -> None:
    days = returns.shape[0]
    require(
        days >= _FEWEST_DAYS,
        f"fit_garch: returns must cover {_FEWEST_DAYS} days at least; got {days}.",
    )
    bad = np.argwhere(~np.isfinite(returns))
    require(
        bad.size == 0,
        f"fit_garch: returns must be finite; {len(bad)} are not, the first at "
        f"[day, factor] {bad[:1].tolist()}. Leave these days out of all factors.",
    )
    constant = np.flatnonzero(np.ptp(returns, axis=0) == 0.0)
    require(
        constant.size == 0,
        f"fit_garch: returns must vary; those of factors {constant.tolist()} are constant. "
        "Leave these factors out.",
    )


class _Factor(NamedTuple):
    """The fit of one factor; see `GarchFit`."""

    natural: _Parameters
    log_likelihood: Float[Array, ""]
    standard_error: _Parameters
    robust_standard_error: _Parameters
    status: Int[Array, ""]


@jax.jit
def _fit_all(returns: Float[Array, "day factor"]) -> GarchFit:
    fit = jax.vmap(_fit_one, in_axes=1)(returns)
    mean, omega, alpha, beta = fit.natural.T
    return GarchFit(
        model=GarchVolatility(omega, alpha, beta),
        mean=mean,
        log_likelihood=fit.log_likelihood,
        standard_error=fit.standard_error,
        robust_standard_error=fit.robust_standard_error,
        status=fit.status,
    )


def _fit_one(returns: Float[Array, " day"]) -> _Factor:
    scale = jnp.std(returns)
    scaled = returns / scale
    starts = jnp.stack([_free(jnp.mean(scaled), *start) for start in _STARTS])
    ends = jax.vmap(lambda start: _maximize(scaled, start))(starts)
    best = jax.tree.map(lambda x: x[jnp.argmin(ends.loss)], ends)
    natural = _natural(best.parameters)
    found, inside = best.converged, best.converged & ~_at_edge(natural)
    status = jnp.where(inside, GarchStatus.CONVERGED, GarchStatus.AT_BOUNDARY)
    classical, robust = _standard_errors(natural, scaled)
    unit = jnp.stack([scale, scale**2, jnp.ones_like(scale), jnp.ones_like(scale)])
    log_likelihood = -best.loss - returns.size * jnp.log(scale)
    return _Factor(
        natural=jnp.where(found, unit * natural, jnp.nan),
        log_likelihood=jnp.where(found, log_likelihood, jnp.nan),
        standard_error=jnp.where(inside, unit * classical, jnp.nan),
        robust_standard_error=jnp.where(inside, unit * robust, jnp.nan),
        status=jnp.where(found, status, GarchStatus.NOT_CONVERGED).astype(jnp.int32),
    )


def _free(mean: Float[Array, ""], alpha: float, beta: float) -> _Parameters:
    """Unbounded parameters of a GARCH with the given `alpha` and `beta` and unit variance."""
    rest = 1.0 - alpha - beta
    odds = jnp.log(jnp.array([rest, alpha / rest, beta / rest], mean.dtype))
    return jnp.concatenate([mean[None], odds])


def _natural(free: _Parameters) -> _Parameters:
    """Mean, omega, alpha and beta of the unbounded parameters."""
    share = _CEILING * jax.nn.softmax(jnp.append(free[2:], 0.0))
    return jnp.stack([free[0], jnp.exp(free[1]), share[0], share[1]])


def _at_edge(natural: _Parameters) -> Bool[Array, ""]:
    _, omega, alpha, beta = natural
    return jnp.min(jnp.stack([omega, alpha, beta, _CEILING - alpha - beta])) < _EDGE


def _log_likelihoods(natural: _Parameters, returns: Float[Array, " day"]) -> Float[Array, " day"]:
    """Logarithm of the density of each return given those before."""
    mean, omega, alpha, beta = natural
    gap = returns - mean
    model = GarchVolatility(omega[None], alpha[None], beta[None])
    variance = filter_variance(model, gap[:, None])[:-1, 0]
    return -0.5 * (_LOG_TWO_PI + jnp.log(variance) + jnp.square(gap) / variance)


def _standard_errors(
    natural: _Parameters, returns: Float[Array, " day"]
) -> tuple[_Parameters, _Parameters]:
    hessian = jax.jacfwd(jax.jacfwd(lambda p: jnp.sum(_log_likelihoods(p, returns))))(natural)
    score = jax.jacfwd(_log_likelihoods)(natural, returns)
    inverse = jnp.linalg.inv(-hessian)
    sandwich = inverse @ (score.T @ score) @ inverse
    return jnp.sqrt(jnp.diag(inverse)), jnp.sqrt(jnp.diag(sandwich))


class _Point(NamedTuple):
    """A point with minus the log-likelihood there and its derivatives."""

    parameters: _Parameters
    loss: Float[Array, ""]
    slope: Float[Array, " parameter"]
    curvature: Float[Array, "parameter parameter"]


class _End(NamedTuple):
    """Where the iteration ended."""

    parameters: _Parameters
    loss: Float[Array, ""]
    converged: Bool[Array, ""]


_State = tuple[_Point, Float[Array, ""], Float[Array, ""], Int[Array, ""]]


def _maximize(returns: Float[Array, " day"], start: _Parameters) -> _End:
    """Newton's method with the absolute values of the eigenvalues, so that each step descends."""

    def loss(free: _Parameters) -> Float[Array, ""]:
        return -jnp.sum(_log_likelihoods(_natural(free), returns))

    def slope(free: _Parameters) -> tuple[_Parameters, tuple[Float[Array, ""], _Parameters]]:
        value, found = jax.value_and_grad(loss)(free)
        return found, (value, found)

    def at(free: _Parameters) -> _Point:
        curvature, (value, found) = jax.jacfwd(slope, has_aux=True)(free)
        return _Point(free, jnp.where(jnp.isfinite(value), value, jnp.inf), found, curvature)

    def step(state: _State) -> _State:
        point, damping, _, count = state
        values, vectors = jnp.linalg.eigh(point.curvature)
        size = jnp.maximum(jnp.abs(values), 1e-12 * jnp.max(jnp.abs(values)))
        along = vectors.T @ point.slope
        promise = 0.5 * jnp.sum(jnp.square(along) / size)
        move = -vectors @ (along / (size * (1.0 + damping)))
        move = move * jnp.minimum(1.0, _LONGEST_STEP / jnp.max(jnp.abs(move)))
        moved = at(point.parameters + move)
        better = moved.loss < point.loss
        point = jax.tree.map(lambda new, old: jnp.where(better, new, old), moved, point)
        damping = jnp.where(better, 0.1 * damping, 4.0 * damping + 1e-3)
        return point, damping, promise, count + 1

    def arrived(state: _State) -> Bool[Array, ""]:
        point, _, promise, _ = state
        return promise <= jnp.where(_at_edge(_natural(point.parameters)), _ENOUGH_AT_EDGE, _ENOUGH)

    def goes_on(state: _State) -> Bool[Array, ""]:
        return ~arrived(state) & (state[3] < _STEPS)

    zero = jnp.zeros((), start.dtype)
    first = (at(start), zero, zero + jnp.inf, jnp.zeros((), jnp.int32))
    last = jax.lax.while_loop(goes_on, step, first)
    return _End(last[0].parameters, last[0].loss, arrived(last))
