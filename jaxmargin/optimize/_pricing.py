"""The exact cost of a placement under a rule that need not be convex."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxmargin.errors import require
from jaxmargin.optimize._descent import CostModel, MarginFunction, PlacementData
from jaxmargin.optimize._limit import Limit
from jaxmargin.optimize._linear import Allocation, optimize_allocation
from jaxmargin.optimize._problem import AllocationProblem

__all__ = ["KEPT", "PricedPoint", "Pricing", "cost_model"]

KEPT = 1e-9  # of the size of a row: residual up to which it is kept
_ABOVE = 1e-11  # of a requirement: so that what HiGHS rounds is covered too
_REPEATS = 20  # postings and a margin that depends on them, in turn


@eqx.filter_jit
def _demand(margin: MarginFunction, quantity: Array, posted: Array) -> Array:
    return margin(quantity, posted)


@dataclass(frozen=True, eq=False)
class PricedPoint:
    """A placement, priced; `plane` and `price` are of the cost where cash may be short."""

    quantity: np.ndarray
    allocation: Allocation
    requirement: np.ndarray
    trading: float
    cost: float
    shortfall: float
    posted: np.ndarray
    plane: float
    price: np.ndarray


@dataclass(frozen=True, eq=False)
class Pricing:
    """The cheapest collateral of a placement under the exact rule."""

    problem: AllocationProblem
    margin: MarginFunction
    posted: np.ndarray

    def point(self, data: PlacementData, share: np.ndarray) -> PricedPoint:
        quantity = np.asarray(data.quantity(jnp.asarray(share)))
        requirement = self._demand(quantity, self.posted)
        lacked = np.full(requirement.size, np.inf)
        repeats = 0
        while True:
            repeats += 1
            allocation = optimize_allocation(replace(self.problem, requirement=requirement))
            posted = allocation.posted
            value = np.bincount(self.problem.venue, self.problem.worth * posted, requirement.size)
            lacks = np.maximum(self._demand(quantity, posted) / (1.0 + _ABOVE) - value, 0.0)
            if not lacks.any() or allocation.shortfall.any() or repeats == _REPEATS:
                break
            # what a unit more brings forth again, seen from the last repeat: a geometric series
            again = np.clip(lacks / np.where(lacked > 0.0, lacked, np.inf), 0.0, 0.99)
            requirement = (requirement + lacks / (1.0 - again)) * (1.0 + _ABOVE)
            lacked = lacks
        short = float(np.maximum(allocation.shortfall, lacks).sum())
        if short == 0.0 and allocation.certificate.primal_residual > KEPT:
            short = np.inf
        trading = float(data.trading(jnp.asarray(share)))
        elastic = optimize_allocation(_with_cash(self.problem, requirement))
        return PricedPoint(
            quantity=quantity,
            allocation=allocation,
            requirement=requirement,
            trading=trading,
            cost=allocation.cost + trading,
            shortfall=short,
            posted=posted,
            plane=elastic.cost - float(elastic.margin_price @ requirement),
            price=elastic.margin_price,
        )

    def _demand(self, quantity: np.ndarray, posted: np.ndarray) -> np.ndarray:
        """Exact, and a little above."""
        found = np.asarray(_demand(self.margin, jnp.asarray(quantity), jnp.asarray(posted)))
        venues = self.problem.requirement.size
        require(
            found.shape == (venues,) and bool(np.all(np.isfinite(found) & (found >= 0.0))),
            f"margin must be finite and not negative, one for each of {venues} venues; got {found}",
        )
        return (self.problem.requirement + found) * (1.0 + _ABOVE)


def _with_cash(problem: AllocationProblem, requirement: np.ndarray) -> AllocationProblem:
    """With as much cash as it takes at a price far above all others, so that nothing is short."""
    venues, lines = requirement.size, problem.asset.size
    dear = 100.0 * float((problem.cost / problem.worth).max(initial=0.0)) or 1.0

    def more(array: np.ndarray, value: float) -> np.ndarray:
        return np.concatenate([np.broadcast_to(array, (lines,)), np.full(venues, value)])

    return AllocationProblem(
        available=np.append(problem.available, 10.0 * requirement.sum()),
        requirement=requirement,
        asset=np.append(problem.asset, np.full(venues, problem.available.size)),
        venue=np.append(problem.venue, np.arange(venues)),
        worth=more(problem.worth, 1.0),
        cost=more(problem.cost, dear),
        most=more(problem.most, np.inf),
        limits=tuple(
            Limit(
                each.name,
                np.append(each.group, -1),
                each.most,
                each.basis,
                each.venues,
                each.pooled,
            )
            for each in problem.limits
        ),
    )


def cost_model(points: list[PricedPoint], most: int) -> CostModel:
    """Planes of all points, repeated up to `most` so that one program serves."""
    every = [points[i % len(points)] for i in range(most)]
    return CostModel(
        jnp.asarray(np.array([each.plane for each in every])),
        jnp.asarray(np.stack([each.price for each in every])),
    )
