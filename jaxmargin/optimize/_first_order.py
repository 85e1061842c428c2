"""Placement where the rule is not convex: descent from many starts, and how far it may be off."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.optimize._descent import (
    MarginFunction,
    PlacementData,
    descend_shares,
    start_shares,
)
from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._placement import MovablePositions, Placement
from jaxmargin.optimize._pricing import KEPT, Pricing, cost_model
from jaxmargin.optimize._problem import AllocationProblem

__all__ = ["FirstOrderPlacement", "optimize_first_order"]


@dataclass(frozen=True, eq=False)
class FirstOrderPlacement:
    """The best placement found that the exact rule accepts.

    Attributes:
        quantity: signed, of each position at each venue.
        allocation: its collateral, the cheapest for `requirement`.
        requirement: what the venues demand there: of the problem and of the exact rule.
        trading_cost: of the moves that lead there.
        cost: of moves and collateral together, for one period.
        bound: lower bound of the convex relaxation.
        gap: `cost - bound` over `cost`: the optimum is no further away. Infinite if not `covered`.
        covered: whether every venue is covered and every limit kept, checked with the exact rule
            at the point that is returned. If no point found is, the one with the least shortfall.
        points: placements of which the exact cost was found.
    """

    quantity: Float[np.ndarray, "position venue"]
    allocation: Allocation
    requirement: Float[np.ndarray, " venue"]
    trading_cost: float
    cost: float
    bound: float
    gap: float
    covered: bool
    points: int


def optimize_first_order(
    margin: MarginFunction,
    problem: AllocationProblem,
    positions: MovablePositions,
    relaxation: Placement,
    *,
    key: Key[Array, ""],
    starts: int = 8,
    rounds: int = 6,
    steps: int = 200,
    learning_rate: float = 0.05,
) -> FirstOrderPlacement:
    r"""Place positions by the exact `margin` of the venues, convex or not.

    Where offsets, floors and superlinear charges make a rule not convex, no method is sure to find
    the optimum. This one descends from the convex solution and from random placements, all
    together, by Adam on the shares of the venues, projected onto those that add up. Collateral is
    not descended on: at every point its cheapest cost is a linear program, of which each solution
    gives a plane below the cost as a function of the requirement. Descent sees the largest of the
    planes found so far. A round of descent ends with a sweep that tries every position whole at
    every venue; then the points are priced exactly, which adds their planes.

    The start is priced too, so the answer is never worse than the convex solution under the exact
    rule. `gap` says how much better the optimum could be; small where the relaxation is tight.

    Args:
        margin: exact rule, of quantities and of market values posted on each line. Dependence on
            what is posted is kept, by repeating, but not descended on.
        problem: inventory, limits, costs, and requirements that come on top of `margin`.
        positions: what may be placed.
        relaxation: of `optimize_placement` for rules that never demand more than `margin` does.
        key: of the random starts.
        starts: points that descend together; the first is the relaxation's.
        rounds: of descent, each after pricing anew.
        steps: of Adam in a round.
        learning_rate: of Adam at the start of a round, in shares; falls to zero along a cosine.

    Raises:
        InvalidInputError: if a shape or setting does not fit, the margin is negative or not finite,
            or the answer costs less than the bound: then `relaxation` is none of this rule.
        RuntimeError: see `optimize_allocation`.

    References:
        Kingma, D. and Ba, J. (2015), "Adam: A method for stochastic optimization", ICLR. Planes:
        Benders, J. (1962), "Partitioning procedures for solving mixed-variables programming
        problems", Numerische Mathematik 4, 238-252.
    """
    count, venues = positions.held.shape
    require(
        relaxation.quantity.shape == (count, venues) and problem.requirement.size == venues,
        f"relaxation and problem must be of {count} positions and {venues} venues; got quantity of "
        f"shape {relaxation.quantity.shape} and {problem.requirement.size} requirements.",
    )
    for name, value in (("starts", starts), ("rounds", rounds), ("steps", steps)):
        require(value >= 1, f"{name} must be at least 1; got {value!r}.")
    require(learning_rate > 0.0, f"learning_rate must be above 0; got {learning_rate!r}.")
    with jax.enable_x64(True):
        data = PlacementData(
            sign=jnp.asarray(positions.sign),
            size=jnp.asarray(np.abs(positions.quantity)),
            held=jnp.asarray(np.abs(positions.held)),
            cost=jnp.asarray(positions.cost),
            eligible=jnp.asarray(positions.eligible),
            fixed=jnp.asarray(problem.requirement),
        )
        share = start_shares(data, relaxation.quantity, key, starts)
        pricing = Pricing(problem, margin, relaxation.joint.allocation.posted)
        points = [pricing.point(data, each) for each in np.asarray(share)]
        for _ in range(rounds):
            model = cost_model(points, starts * (rounds + 1))
            posted = jnp.asarray(np.stack([each.posted for each in points[-starts:]]))
            share = descend_shares(margin, data, model, share, posted, steps, learning_rate)
            points += [pricing.point(data, each) for each in np.asarray(share)]
    best = min(points, key=lambda each: (each.shortfall, each.cost))
    bound = relaxation.joint.allocation.certificate.bound
    covered = best.shortfall == 0.0
    require(
        not covered or relaxation.joint.covered,
        "relaxation is no relaxation of margin: it is short of collateral where margin is covered.",
    )
    require(
        not covered or best.cost >= bound - KEPT * abs(bound),
        f"relaxation is no relaxation of margin: a placement costs {best.cost!r}, below its bound "
        f"of {bound!r}. Its rules must nowhere demand more than margin.",
    )
    return FirstOrderPlacement(
        quantity=best.quantity,
        allocation=best.allocation,
        requirement=best.requirement,
        trading_cost=best.trading,
        cost=best.cost,
        bound=bound,
        gap=max(best.cost - bound, 0.0) / max(best.cost, 1e-300) if covered else float("inf"),
        covered=covered,
        points=len(points),
    )
