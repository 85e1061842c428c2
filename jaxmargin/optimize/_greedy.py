"""Cheapest first: what a desk does without an optimizer, to compare with."""

import numpy as np

from jaxmargin.optimize._postings import Postings, measure_postings
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import rows_of

__all__ = ["greedy_allocation"]


def greedy_allocation(problem: AllocationProblem) -> Postings:
    """Post the line that is cheapest for its collateral value, as much as fits, then the next.

    Each line takes what inventory, limits and the requirement of its venue leave. A share of what
    is posted is read as a share of the requirement, the same once a venue is covered exactly.
    Venues may end up short although an allocation exists that covers them all. Lots and movements
    are ignored.
    """
    rows = rows_of(problem)
    venues = problem.requirement.size
    by_posted = [limit.basis == "posted" for limit in problem.limits]
    shared = np.isin(rows.limit, np.flatnonzero(by_posted)) & (rows.limit >= 0)
    room = rows.bound.copy()
    columns = rows.matrix.tocsc()
    for row in np.flatnonzero(shared):
        limit = problem.limits[rows.limit[row]]
        pool = [rows.venue[row]] if rows.venue[row] >= 0 else limit.venues or slice(None)
        room[row] = limit.most * problem.requirement[pool].sum()
    room[:venues] *= -1.0
    posted = np.zeros(problem.asset.size)
    for line in np.argsort(problem.cost / problem.worth, kind="stable"):
        start, end = columns.indptr[line : line + 2]
        row, value = columns.indices[start:end], columns.data[start:end]
        of_share = np.where(value > 0.0, problem.worth[line], 0.0)  # members have a positive entry
        takes = np.where(shared[row], of_share, np.abs(value))
        held = takes > 0.0
        most = min(float(rows.upper[line]), float(np.min(room[row[held]] / takes[held])))
        if most > 0.0:
            posted[line] = most
            room[row] -= takes * most
    return measure_postings(problem, posted, rows=rows)
