"""Reverse stress tests: the worst of the plausible moves, and the most plausible bad move."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.numerics import ball_starts, maximize_in_ball, reach_in_ball
from jaxmargin.scenarios import RiskFactors
from jaxmargin.sensitivities._account_loss import Holding, account_holdings, factor_loss
from jaxmargin.sensitivities._principal_axes import principal_axes
from jaxmargin.sensitivities._reverse_scenario import ReverseStress, reverse_stress

__all__ = ["most_plausible_loss", "worst_loss"]


def worst_loss(
    book: Book,
    market: Market,
    factors: RiskFactors,
    root: Float[Array, "factor component"],
    *,
    account: int,
    radius: float,
    time: float,
    key: Key[Array, ""],
    mean: Float[Array, " factor"] | None = None,
    starts: int = 32,
    iterations: int = 500,
) -> ReverseStress:
    r"""The largest loss of an account among moves within a Mahalanobis radius, and its scenario.

    $$ \max_m L(m) \quad \text{subject to} \quad (m - \mu)^\top \Sigma^{-1} (m - \mu) \le r^2,
       \qquad m = \mu + R z, \quad R R^\top = \Sigma, \quad |z| \le r, $$

    with $L$ by full revaluation of the contracts that the account holds, and its gradient by
    autodiff; see `numerics.maximize_in_ball` for the search. The worst move may lie inside the
    ball: a long straddle loses most if nothing moves. A singular covariance is fine.

    Values are smooth in the moves except where contracts expire within `time`: a kink there, which
    is a jump for digitals, can stop the search early with `NOT_CONVERGED`. A maximum whose basin
    no start lies in is missed. It compiles once for each set of kinds held, with their numbers
    padded.

    Args:
        book: what is held.
        market: today's market.
        factors: what the moves do.
        root: $R$, the root of the covariance of the factors' moves over `time`.
        account: the account, as a row of `revalue`.
        radius: $r$, in standard deviations, positive.
        time: years that pass.
        key: random key of the starts.
        mean: $\mu$, mean of the moves; zero unless given.
        starts: random starts of the search, beside the systematic ones.
        iterations: most revaluations from each start.

    Raises:
        InvalidInputError: there is no such account, or a setting is out of range.

    References:
        Studer, G. (1999), "Market risk computation for nonlinear portfolios", Journal of Risk
        1(4), 33-53 (maximum loss). Breuer, T., Jandacka, M., Rheinberger, K. and Summer, M.
        (2009), "How to find plausible, severe, and useful stress scenarios", International
        Journal of Central Banking 5(3), 205-224.
    """
    _check(factors, root, "radius", radius, time, starts, iterations)
    return _worst(
        account_holdings(book, account), market, factors, root, _mean(mean, root),
        jnp.asarray(radius, root.dtype), jnp.asarray(time, root.dtype), key,
        starts=starts, iterations=iterations,
    )  # fmt: skip


def most_plausible_loss(
    book: Book,
    market: Market,
    factors: RiskFactors,
    root: Float[Array, "factor component"],
    *,
    account: int,
    amount: float,
    time: float,
    key: Key[Array, ""],
    mean: Float[Array, " factor"] | None = None,
    largest_radius: float = 10.0,
    starts: int = 32,
    iterations: int = 500,
) -> ReverseStress:
    """The most plausible move, that of the smallest radius, in which an account loses `amount`.

    If the mean move alone loses as much, the radius is zero. See `worst_loss` for the rest, and
    `numerics.reach_in_ball` for the search over radii.

    Args:
        book: what is held.
        market: today's market.
        factors: what the moves do.
        root: see `worst_loss`.
        account: the account, as a row of `revalue`.
        amount: loss to reach, in the numeraire: an account's equity, say.
        time: years that pass.
        key: random key of the starts.
        mean: mean of the moves; zero unless given.
        largest_radius: radius up to which to look, in standard deviations, positive; if the
            account does not lose `amount` within it, the status is `UNREACHED`.
        starts: random starts of the search, beside the systematic ones.
        iterations: most revaluations from each start.

    Raises:
        InvalidInputError: there is no such account, or a setting is out of range.
    """
    require(math.isfinite(amount), f"amount must be a finite number; got {amount!r}.")
    _check(factors, root, "largest_radius", largest_radius, time, starts, iterations)
    return _most_plausible(
        account_holdings(book, account), market, factors, root, _mean(mean, root),
        jnp.asarray(amount, root.dtype), jnp.asarray(largest_radius, root.dtype),
        jnp.asarray(time, root.dtype), key, starts=starts, iterations=iterations,
    )  # fmt: skip


def _check(
    factors: RiskFactors,
    root: Float[Array, "factor component"],
    name: str,
    radius: float,
    time: float,
    starts: int,
    iterations: int,
) -> None:
    count = factors.spot.shape[1]
    require(
        root.ndim == 2 and root.shape[0] == count,
        f"root needs one row per factor, {count}; its shape is {root.shape}.",
    )
    require(0.0 < radius < math.inf, f"{name} must be a positive number; got {radius!r}.")
    require(0.0 <= time < math.inf, f"time must not be negative, in years; got {time!r}.")
    require(starts >= 0, f"starts must not be negative; got {starts!r}.")
    require(iterations >= 1, f"iterations must be at least 1; got {iterations!r}.")


def _mean(
    mean: Float[Array, " factor"] | None, root: Float[Array, "factor component"]
) -> Float[Array, " factor"]:
    return jnp.zeros(root.shape[:1], root.dtype) if mean is None else mean.astype(root.dtype)


@jax.jit(static_argnames=("starts", "iterations"))
def _worst(
    holdings: tuple[Holding, ...],
    market: Market,
    factors: RiskFactors,
    root: Float[Array, "factor component"],
    mean: Float[Array, " factor"],
    radius: Float[Array, ""],
    time: Float[Array, ""],
    key: Key[Array, ""],
    *,
    starts: int,
    iterations: int,
) -> ReverseStress:
    axes = principal_axes(root, mean)

    def loss(z: Float[Array, " component"]) -> Float[Array, ""]:
        return factor_loss(holdings, market, factors, axes.moves(z), time)

    points = ball_starts(loss, radius, key, components=axes.size.shape[0], random=starts)
    maximum = maximize_in_ball(loss, radius, points, iterations=iterations)
    return reverse_stress(maximum, axes, jnp.ones((), bool))


@jax.jit(static_argnames=("starts", "iterations"))
def _most_plausible(
    holdings: tuple[Holding, ...],
    market: Market,
    factors: RiskFactors,
    root: Float[Array, "factor component"],
    mean: Float[Array, " factor"],
    amount: Float[Array, ""],
    largest: Float[Array, ""],
    time: Float[Array, ""],
    key: Key[Array, ""],
    *,
    starts: int,
    iterations: int,
) -> ReverseStress:
    axes = principal_axes(root, mean)

    def loss(z: Float[Array, " component"]) -> Float[Array, ""]:
        return factor_loss(holdings, market, factors, axes.moves(z), time)

    found = reach_in_ball(
        loss, amount, largest, key,
        components=axes.size.shape[0], random=starts, iterations=iterations,
    )  # fmt: skip
    return reverse_stress(found.maximum, axes, found.reached)
