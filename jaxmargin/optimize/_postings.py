"""What is posted, measured against every rule of the problem."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import RowKind, Rows, rows_of

__all__ = ["Postings", "measure_postings", "movements_of"]

_ROUNDING = 1e-8  # of the amounts in a row: ten times what HiGHS allows itself


@dataclass(frozen=True, eq=False)
class Postings:
    """Amounts on lines and what they come to.

    Attributes:
        posted: market value on each line.
        cost: of holding them for one period, and of the tickets.
        tickets: of movements, contained in `cost`.
        movements: pairs of asset and venue at which more or less is posted than before.
        shortfall: collateral value that each venue lacks.
        broken: rules that are not kept, in words; empty where all are.
    """

    posted: Float[np.ndarray, " line"]
    cost: float
    tickets: float
    movements: int
    shortfall: Float[np.ndarray, " venue"]
    broken: tuple[str, ...]


def movements_of(
    problem: AllocationProblem, posted: Float[np.ndarray, " line"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place of each line, a line of each place, and the market value that moves to each place.

    A place is a pair of asset and venue; the tiers of one are moved together.
    """
    key = problem.asset * problem.requirement.size + problem.venue
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return place, first, np.bincount(place, posted - problem.posted, first.size)


def measure_postings(
    problem: AllocationProblem, posted: Float[np.ndarray, " line"], *, rows: Rows | None = None
) -> Postings:
    """Cost, shortfall and rules of `posted`; amounts within 1e-8 of a bound keep it.

    `rows` are those of the problem, for callers that have them.
    """
    rows = rows_of(problem) if rows is None else rows
    _place, line, moved = movements_of(problem, posted)
    noise = _ROUNDING * max(float(posted.max(initial=0.0)), float(problem.posted.max(initial=0.0)))
    moves = np.abs(moved) > noise
    tickets = float(problem.ticket_cost[line][moves].sum())
    value = np.bincount(problem.venue, problem.worth * posted, problem.requirement.size)
    lack = np.maximum(problem.requirement - value, 0.0)
    return Postings(
        posted=posted,
        cost=float(problem.cost @ posted) + tickets,
        tickets=tickets,
        movements=int(moves.sum()),
        shortfall=np.where(lack > 1e-12 * problem.requirement, lack, 0.0),
        broken=tuple(_broken(problem, rows, posted, line, moved, moves)),
    )


def _broken(
    problem: AllocationProblem,
    rows: Rows,
    posted: np.ndarray,
    line: np.ndarray,
    moved: np.ndarray,
    moves: np.ndarray,
) -> list[str]:
    found = []
    size = np.maximum(abs(rows.matrix) @ np.abs(posted), np.abs(rows.bound))
    over = (rows.matrix @ posted - rows.bound > _ROUNDING * size) & ~rows.elastic
    for row in np.flatnonzero(over):
        if rows.kind[row] == RowKind.INVENTORY:
            found.append(f"more of asset [{rows.asset[row]}] is posted than available")
        else:
            name = problem.limits[rows.limit[row]].name
            found.append(f"limit {name!r} is exceeded by group [{rows.group[row]}]")
    for one in np.flatnonzero((posted > rows.upper * (1.0 + _ROUNDING)) | (posted < 0.0)):
        found.append(f"line [{one}] holds {posted[one]}, outside 0 to {rows.upper[one]}")
    lot = problem.lot_value[problem.asset]
    count = np.divide(posted, lot, out=np.zeros_like(posted), where=lot > 0.0)
    for one in np.flatnonzero(np.abs(count - np.round(count)) > _ROUNDING * np.maximum(count, 1.0)):
        found.append(f"line [{one}] holds {count[one]} lots")
    small = moves & (np.abs(moved) < problem.least[line] * (1.0 - _ROUNDING))
    for place in np.flatnonzero(small):
        found.append(f"line [{line[place]}] moves by {moved[place]}, less than its least")
    most = problem.most_movements
    if most is not None and moves.sum() > most:
        found.append(f"{moves.sum()} movements are more than {most}")
    return found
