"""How the optimal cost moves with its data, by the envelope theorem."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import RowKind

__all__ = ["CostSensitivities", "cost_sensitivities", "marginal_funding_cost"]


@dataclass(frozen=True, eq=False)
class CostSensitivities:
    """Derivatives of the optimal cost of a period.

    Where the optimum has a kink they lie between the derivatives to the left and to the right.

    Attributes:
        requirement: by each requirement, in the limits that scale with it too.
        haircut: by the haircut of each line, in the limits that count it too.
        cost: by the cost of each line: the market value posted there.
        available: by the market value of each asset; times its quantity, by its price.
    """

    requirement: Float[np.ndarray, " venue"]
    haircut: Float[np.ndarray, " line"]
    cost: Float[np.ndarray, " line"]
    available: Float[np.ndarray, " asset"]


def cost_sensitivities(problem: AllocationProblem, allocation: Allocation) -> CostSensitivities:
    """Derivatives of `allocation.cost`, from its prices alone; no program is solved.

    With the Lagrangian $L$ of the program, the derivative of the optimum by any datum is that of
    $L$ at the optimal postings and prices. Where a venue is short, of the cost of the cheapest
    allocation among those of the smallest total shortfall.

    References:
        Milgrom, P. and Segal, I. (2002), "Envelope theorems for arbitrary choice sets",
        Econometrica 70, 583-601.
    """
    rows = allocation.rows
    counted = np.isin(rows.kind, (RowKind.REQUIREMENT, RowKind.LIMIT))
    by_worth = rows.matrix.T @ np.where(counted, allocation.row_price, 0.0) * allocation.posted
    capped = (rows.upper_limit >= 0) & (allocation.line_price > 0.0)
    by_worth[capped] += allocation.line_price[capped] * rows.upper[capped]  # upper = most / worth
    return CostSensitivities(
        requirement=allocation.margin_price,
        haircut=-by_worth / problem.worth,
        cost=allocation.posted,
        available=-allocation.asset_price,
    )


def marginal_funding_cost(
    margin_price: Float[np.ndarray, " venue"],
    margin_gradient: Float[Array, "venue position"] | Float[np.ndarray, "venue position"],
) -> Float[Array, " position"]:
    """What one unit more of each position adds to the cost of collateral for one period.

    Args:
        margin_price: of `Allocation`, cost for one unit of requirement.
        margin_gradient: of the margin of each venue by each position; zero where a venue does not
            hold the position.
    """
    return jnp.asarray(margin_price) @ jnp.asarray(margin_gradient)
