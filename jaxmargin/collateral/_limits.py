"""Concentration limits: how much of one asset, issuer, class or currency counts."""

import enum
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.errors import require

__all__ = ["ConcentrationLimits", "LimitBasis", "limited_value"]


class LimitBasis(enum.Enum):
    """What the size of a limit is a share of.

    Attributes:
        AMOUNT: nothing; it is an amount of the numeraire.
        REQUIREMENT: the account's requirement.
        POSTED: everything of the account that counts in the end.
    """

    AMOUNT = "amount"
    REQUIREMENT = "requirement"
    POSTED = "posted"


class ConcentrationLimits(eqx.Module):
    """Upper bounds of the value after haircuts that groups of assets count for together.

    A group may be one asset, or the assets of an issuer, a class or a currency.

    Attributes:
        member: which assets each limit is on.
        size: an amount in the numeraire or a share, see `basis`; not negative, infinite for no
            limit. One row for all accounts, or one each.
        basis: of each limit.
    """

    member: Bool[Array, "limit asset"]
    size: Float[Array, "#account limit"]
    basis: tuple[LimitBasis, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the number of limits differs, or is zero."""
        counts = (self.member.shape[0], self.size.shape[1], len(self.basis))
        require(
            len(set(counts)) == 1,
            "ConcentrationLimits needs one row of member, one column of size and one basis for "
            f"each limit; got {counts}.",
        )
        require(counts[0] > 0, "ConcentrationLimits needs a limit; give None where there is none.")

    def caps(
        self, requirement: Float[Array, " account"], total: Float[Array, " account"]
    ) -> Float[Array, "account limit"]:
        """Each limit as an amount, if `total` is what counts in the end."""
        none = jnp.isinf(self.size)
        size = jnp.where(none, 0.0, self.size)
        base = {
            LimitBasis.AMOUNT: jnp.ones_like(total),
            LimitBasis.REQUIREMENT: requirement,
            LimitBasis.POSTED: total,
        }
        scaled = size * jnp.stack([base[basis] for basis in self.basis], axis=-1)
        return jnp.where(none, jnp.inf, scaled)


def limited_value(
    value: Float[Array, "account asset"],
    limits: ConcentrationLimits,
    requirement: Float[Array, " account"],
) -> Float[Array, "account asset"]:
    r"""What counts of each asset's value after haircuts; the excess over a limit counts zero.

    Limits on few assets come first; one that is exceeded scales all its members down alike. Every
    limit holds in the end. Where groups are disjoint or nested (an asset in its issuer's group,
    that in its class), the most that the limits allow is counted; where they cross, maybe less,
    never more.

    A share $\kappa$ of what is posted is one of the total $T$ that counts, not of what was sent
    in: the largest $T$ with

    $$ T = \sum_a x_a(T), \qquad \sum_{a \in C} x_a(T) \le \kappa_C T, $$

    so that one limit alone lets its group count for $\tfrac{\kappa}{1 - \kappa}$ times the rest,
    and for nothing if there is no rest. Found by bisection from below; its derivative is that of
    the implicit equation. Not differentiable where a limit begins to bind.

    Args:
        value: after haircuts, not negative; zero for what is not eligible.
        limits: upper bounds.
        requirement: of each account, not negative.
    """
    total = jnp.sum(value, axis=-1)
    if LimitBasis.POSTED not in limits.basis:
        return _counted(value, limits, requirement, total)
    fixed = jax.lax.stop_gradient((value, limits, requirement))
    total = _largest_total(lambda total: _sum_counted(*fixed, total), fixed[0].sum(axis=-1))
    own = jnp.ones_like(total)
    _, slope = jax.jvp(lambda total: _sum_counted(*fixed, total), (total,), (own,))
    determined = jnp.abs(1.0 - slope) > 1e-6  # else neither the total nor its slope is
    moved = _sum_counted(value, limits, requirement, total)
    change = (moved - jax.lax.stop_gradient(moved)) / jnp.where(determined, 1.0 - slope, 1.0)
    total = total + jnp.where(determined, change, 0.0)  # the same number, with its derivative
    return _counted(value, limits, requirement, total)


def _counted(
    value: Float[Array, "account asset"],
    limits: ConcentrationLimits,
    requirement: Float[Array, " account"],
    total: Float[Array, " account"],
) -> Float[Array, "account asset"]:
    """What counts if `total` is the base of the limits on what is posted."""

    def under_one(value: Array, limit: tuple[Array, Array]) -> tuple[Array, None]:
        member, cap = limit
        held = jnp.sum(jnp.where(member[None, :], value, 0.0), axis=-1)
        over = held > cap
        factor = jnp.where(over, cap / jnp.where(over, held, 1.0), 1.0)
        return value * jnp.where(member[None, :], factor[:, None], 1.0), None

    narrow_first = jnp.argsort(jnp.sum(limits.member, axis=1), stable=True)
    caps = limits.caps(requirement, total).T
    return jax.lax.scan(under_one, value, (limits.member[narrow_first], caps[narrow_first]))[0]


def _sum_counted(
    value: Float[Array, "account asset"],
    limits: ConcentrationLimits,
    requirement: Float[Array, " account"],
    total: Float[Array, " account"],
) -> Float[Array, " account"]:
    return jnp.sum(_counted(value, limits, requirement, total), axis=-1)


def _largest_total(
    counted: Callable[[Float[Array, " account"]], Float[Array, " account"]],
    most: Float[Array, " account"],
) -> Float[Array, " account"]:
    """The largest total that counts in full if it is the base of the limits.

    A total that counts for at least itself breaks no limit, so the lower end of the bracket is
    safe at any width.
    """
    precision = jnp.finfo(most.dtype)
    rounding = 1.0 - 8.0 * precision.eps

    def halve(step: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        del step
        low, high = bracket
        middle = 0.5 * (low + high)
        safe = counted(middle) >= rounding * middle
        return jnp.where(safe, middle, low), jnp.where(safe, high, middle)

    start = jnp.where(counted(most) >= rounding * most, most, 0.0)
    return jax.lax.fori_loop(0, precision.nmant + 8, halve, (start, most))[0]
