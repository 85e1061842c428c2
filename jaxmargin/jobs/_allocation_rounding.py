"""Quantities that can be posted: rounded down, and yet they cover."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxmargin.collateral import AbstractHaircuts, ConcentrationLimits, Holdings, coverage
from jaxmargin.io import round_down
from jaxmargin.jobs._allocation_inputs import AllocationInputs
from jaxmargin.jobs._allocation_problem import AllocationCase
from jaxmargin.optimize import (
    AllocationProblem,
    ShortfallReason,
    optimize_allocation,
    optimize_lots,
)

__all__ = ["Postings", "count_postings", "round_postings"]

_NOISE = 1e-14  # of a sum: what doubles lose when amounts are added
_ROUNDS = 5  # the first nearly always suffices


@dataclass(frozen=True, eq=False)
class Postings:
    """Units posted, and what of them counts.

    Attributes:
        quantity: multiples of each asset's step.
        value: after haircuts, in the numeraire, not rounded.
        counted: after haircuts and limits, not rounded.
        total: of `counted`, by account, rounded down to `round_to`.
        shortfall: requirement less `total` where that is positive.
        reasons: why an account is short; none where only whole lots or rules on movements stand
            in the way.
        warnings: what the search for whole lots left open.
    """

    quantity: Float[np.ndarray, "account asset"]
    value: Float[np.ndarray, "account asset"]
    counted: Float[np.ndarray, "account asset"]
    total: Float[np.ndarray, " account"]
    shortfall: Float[np.ndarray, " account"]
    reasons: tuple[ShortfallReason, ...] = ()
    warnings: tuple[str, ...] = ()


def count_postings(
    given: AllocationInputs,
    quantity: Float[np.ndarray, "account asset"],
    requirement: Float[np.ndarray, " account"],
    unit: float,
) -> Postings:
    """Value postings as the venues do, see `coverage`; double precision must be on.

    Args:
        given: haircuts, eligibility, limits and prices.
        quantity: units posted.
        requirement: of each account, a multiple of `unit`.
        unit: amounts are rounded down to this.
    """
    arrays = given.arrays
    value, counted = _valued(
        jnp.asarray(quantity),
        jnp.asarray(given.price),
        jnp.asarray(requirement),
        arrays.haircuts,
        arrays.eligible,
        arrays.limits,
    )
    whole = np.asarray(counted)
    total = round_down(whole.sum(axis=1) * (1.0 + _NOISE), unit)
    missing = np.maximum(np.rint(requirement / unit) - np.rint(total / unit), 0.0)
    return Postings(quantity, np.asarray(value), whole, total, missing * unit)


@eqx.filter_jit
def _valued(
    quantity: Float[Array, "account asset"],
    price: Float[Array, " asset"],
    requirement: Float[Array, " account"],
    haircuts: AbstractHaircuts,
    eligible: Bool[Array, "account asset"],
    limits: ConcentrationLimits | None,
) -> tuple[Float[Array, "account asset"], Float[Array, "account asset"]]:
    """Value after haircuts, and what of it counts."""
    holdings = Holdings(quantity).only(eligible)
    found = coverage(holdings, price, requirement, haircuts, limits=limits)
    return haircuts.value(holdings.quantity, price), found.counted


def round_postings(
    case: AllocationCase, given: AllocationInputs, unit: float, *, seconds: float
) -> Postings:
    """The cheapest postings in whole steps that count for every requirement.

    Everything is rounded down, so that inventory and limits hold; what that takes away is added to
    the requirements beforehand, and more wherever it did not suffice.

    Args:
        case: the problem; its requirements are multiples of `unit`.
        given: its tables.
        unit: amounts are rounded down to this.
        seconds: of a search for whole lots.
    """
    problem = case.problem
    required = problem.requirement > 0.0
    lost = unit + np.where(problem.lot_value > 0.0, 0.0, case.step * given.price)
    extra = np.where(required, np.bincount(problem.venue, lost[problem.asset], required.size), 0.0)
    least = problem.least + np.where(problem.least > 0.0, lost[problem.asset], 0.0)
    left = _ROUNDS
    while True:
        tight = replace(problem, requirement=problem.requirement + extra, least=least)
        posted, shortfall, reasons, warnings = _solved(tight, case.whole, seconds)
        quantity = _whole(case, case.quantity(posted, given.price))
        found = count_postings(given, quantity, problem.requirement, unit)
        again = (found.shortfall > 0.0) & (shortfall == 0.0)
        left -= 1
        if not again.any() or left == 0:
            said = [reason for reason in reasons if found.shortfall[reason.venue] > 0.0]
            return replace(found, reasons=tuple(said), warnings=warnings)
        extra = np.where(again, 2.0 * extra, extra)


def _solved(
    problem: AllocationProblem, whole: bool, seconds: float
) -> tuple[np.ndarray, np.ndarray, tuple[ShortfallReason, ...], tuple[str, ...]]:
    """Amounts on lines, what they leave short and why, and warnings."""
    if not whole:
        linear = optimize_allocation(problem)
        return linear.posted, linear.shortfall, linear.reasons, ()
    lots = optimize_lots(problem, seconds=seconds)
    warnings = [f"Not kept: {rule}." for rule in lots.postings.broken]
    if lots.status == "time":
        warnings.append(
            f"The search for whole lots ended after {lots.seconds:.1f} s; others may cost "
            f"{lots.gap:.2%} less. Give more search_seconds."
        )
    shortfall = lots.postings.shortfall
    reasons = optimize_allocation(problem).reasons if shortfall.any() else ()
    return lots.postings.posted, shortfall, reasons, tuple(warnings)


def _whole(
    case: AllocationCase, quantity: Float[np.ndarray, "account asset"]
) -> Float[np.ndarray, "account asset"]:
    """Rounded down to whole steps, and never more in all than there is."""
    step = case.step[None, :]
    noise = np.where(case.problem.lot_value > 0.0, 1e-6, 0.0)  # of a lot, lost in a division
    count = np.floor(quantity / step + noise)
    for asset in np.flatnonzero(count.sum(axis=0) * case.step > case.available * (1.0 + 1e-12)):
        count[np.argmax(count[:, asset]), asset] -= 1.0  # the solver was over by its tolerance
    return count * step
