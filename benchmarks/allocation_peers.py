"""The peer of `allocation.py`: the same linear program modelled in cvxpy and solved by Clarabel.

cvxpy is no dependency of the package; where it is not installed the result says so.
"""

import time

import numpy as np
from scipy import sparse


def solve_with_cvxpy(problem, *, classes=0.4, single=0.2):
    """Optimal cost, seconds to model and to solve, or None without cvxpy and Clarabel.

    Written from the statement of the problem, not from the rows that the package builds. The limits
    are those of `allocation_instances`.
    """
    try:
        import clarabel  # noqa: F401
        import cvxpy
    except ImportError:
        return None
    start = time.perf_counter()
    lines, assets = problem.asset.size, problem.available.size
    venues = problem.requirement.size
    every = np.arange(lines)
    kind = problem.limits[0].group
    of_asset = sparse.csr_matrix((np.ones(lines), (problem.asset, every)), (assets, lines))
    of_venue = sparse.csr_matrix((problem.worth, (problem.venue, every)), (venues, lines))
    unit = float(problem.requirement.mean())  # an interior-point method needs ordinary numbers
    call = problem.requirement / unit
    x = cvxpy.Variable(lines, nonneg=True)
    rows = [
        of_asset @ x <= problem.available / unit,
        of_venue @ x >= call,
        cvxpy.multiply(problem.worth, x) <= single * call[problem.venue],
    ]
    for one in range(int(kind.max()) + 1):
        member = sparse.diags((kind[problem.asset] == one).astype(float))
        rows.append((of_venue @ member) @ x <= classes * call)
    model = cvxpy.Problem(cvxpy.Minimize(problem.cost @ x), rows)
    modelled = time.perf_counter()
    model.solve(
        solver=cvxpy.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9, max_iter=200
    )
    ended = time.perf_counter()
    return {
        "cost": None if model.value is None else float(model.value) * unit,
        "status": model.status,
        "seconds": ended - start,
        "seconds_to_model": modelled - start,
        "seconds_of_solver": float(model.solver_stats.solve_time or 0.0),
    }
