"""The mixed-integer program of lots and movements, and its search by HiGHS through SciPy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._postings import movements_of
from jaxmargin.optimize._problem import AllocationProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["IntegerProgram", "SearchResult", "integer_program", "search"]

_LARGEST = 1e3  # HiGHS judges by absolute amounts of 1e-6: so rows and cost are brought to this


@dataclass(frozen=True, eq=False)
class IntegerProgram:
    """`least <= matrix @ column <= most`, `lower <= column <= upper`.

    Columns are the amount of each line in `step`, the shortfall of each venue in `unit`, and, where
    movements have rules, four for each pair of asset and venue: in, out, whether in, whether out.

    Attributes:
        cost: of each column.
        matrix: CSR, [row, column].
        least: left sides.
        most: right sides.
        lower: of each column.
        upper: of each column.
        whole: columns that are integers.
        step: market value of one unit of each line's column.
        unit: money of one unit of the other amounts.
        place: pair of asset and venue of each line, where movements have rules; else empty.
        before: market value on each line before.
    """

    cost: Float[np.ndarray, " column"]
    matrix: "csr_array"
    least: Float[np.ndarray, " row"]
    most: Float[np.ndarray, " row"]
    lower: Float[np.ndarray, " column"]
    upper: Float[np.ndarray, " column"]
    whole: Bool[np.ndarray, " column"]
    step: Float[np.ndarray, " line"]
    unit: float
    place: np.ndarray
    before: Float[np.ndarray, " line"]


class SearchResult(NamedTuple):
    """Market values found, or None, and a bound on the objective that holds in any case."""

    posted: Float[np.ndarray, " line"] | None
    value: float
    bound: float
    status: Literal["optimal", "time", "impossible"]


class _Movements(NamedTuple):
    """Columns of movements, rows over lines (in money) and over these columns."""

    cost: np.ndarray
    upper: np.ndarray
    whole: np.ndarray
    of_lines: Any
    own: Any
    least: np.ndarray
    most: np.ndarray
    place: np.ndarray


def integer_program(
    problem: AllocationProblem,
    linear: Allocation,
    *,
    room: float = np.inf,
    elastic: bool = False,
) -> IntegerProgram:
    """The program of `problem`.

    Args:
        problem: the problem.
        linear: its linear optimum.
        room: cost of an answer that is known, less that of `linear`: lines that only dearer answers
            use are fixed.
        elastic: whether venues may be short.
    """
    from scipy import sparse

    rows, lot = linear.rows, problem.lot_value[problem.asset]
    lines, venues, count = problem.asset.size, problem.requirement.size, rows.bound.size
    unit = max(float(problem.requirement.max()), np.finfo(float).tiny) / _LARGEST
    step = np.where(lot > 0.0, lot, unit)
    lower, upper = _fixed(linear, room)
    lower, upper = lower / step, upper / step
    lower = np.where(lot > 0.0, np.ceil(lower - 1e-9), lower)
    upper = np.where(lot > 0.0, np.floor(upper + 1e-9), upper)
    size = np.where(rows.bound != 0.0, np.abs(rows.bound) / _LARGEST, unit)
    scale = sparse.diags_array(1.0 / size)
    columns = np.arange(venues)
    short = sparse.csr_array((np.full(venues, -unit), (columns, columns)), shape=(count, venues))
    own = scale @ sparse.hstack([rows.matrix @ sparse.diags_array(step), short])
    moves = _movements(problem, rows.ceiling, step, unit)
    width = lines + venues
    if moves is None:
        moves = _Movements(
            *(np.zeros(0), np.zeros(0), np.zeros(0, bool)),
            *(sparse.csr_array((0, lines)), sparse.csr_array((0, 0))),
            *(np.zeros(0), np.zeros(0), np.zeros(0, int)),
        )
    more = sparse.hstack([moves.of_lines, sparse.csr_array((moves.most.size, venues)), moves.own])
    none = sparse.csr_array((count, moves.cost.size))
    return IntegerProgram(
        cost=np.concatenate([problem.cost * step, np.zeros(venues), moves.cost]),
        matrix=sparse.csr_array(sparse.vstack([sparse.hstack([own, none]), more])),
        least=np.concatenate([np.full(count, -np.inf), moves.least]),
        most=np.concatenate([rows.bound / size, moves.most]),
        lower=np.concatenate([lower, np.zeros(width - lines + moves.cost.size)]),
        upper=np.concatenate(
            [upper, problem.requirement / unit * float(elastic), moves.upper],
        ),
        whole=np.concatenate([lot > 0.0, np.zeros(venues, bool), moves.whole]),
        step=step,
        unit=unit,
        place=moves.place,
        before=problem.posted,
    )


def _fixed(linear: Allocation, room: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of lines in every answer that costs at most `room` more than the linear one."""
    ceiling, reduced = linear.rows.ceiling, linear.reduced_cost
    moves = np.full(ceiling.size, np.inf)
    room = room * (1.0 + 1e-9) + 1e-9 * abs(linear.cost)
    np.divide(room, np.abs(reduced), out=moves, where=reduced != 0.0)
    lower = np.where(reduced < 0.0, np.maximum(ceiling - moves, 0.0), 0.0)
    upper = np.where(reduced > 0.0, np.minimum(ceiling, moves), ceiling)
    return lower, upper


def _movements(
    problem: AllocationProblem, ceiling: np.ndarray, step: np.ndarray, unit: float
) -> _Movements | None:
    """What goes in and out of each pair of asset and venue, and whether; None if nobody asks."""
    from scipy import sparse

    limited = problem.most_movements is not None
    if not (limited or problem.least.any() or problem.ticket_cost.any()):
        return None
    place, line, _moved = movements_of(problem, problem.posted)
    places, lines = line.size, place.size
    before = np.bincount(place, problem.posted, places) / unit
    room = np.minimum(np.bincount(place, ceiling, places), problem.available[problem.asset[line]])
    into = np.maximum(room / unit - before, 0.0)
    least = problem.least[line] / unit
    one, zero = sparse.eye_array(places), sparse.csr_array((places, places))

    def times(value: np.ndarray) -> Any:
        return sparse.diags_array(value)

    own = [
        [-one, one, zero, zero],  # amounts on lines less those before are what went in and out
        [one, zero, -times(into), zero],
        [-one, zero, times(least), zero],
        [zero, one, zero, -times(before)],
        [zero, -one, zero, times(least)],
        [zero, zero, one, one],
    ]
    at_lines = sparse.csr_array((step / unit, (place, np.arange(lines))), shape=(places, lines))
    most = np.concatenate([before, np.zeros(4 * places), np.ones(places)])
    left = np.concatenate([before, np.full(5 * places, -np.inf)])
    table = sparse.block_array(own)
    if limited:
        total = sparse.csr_array(np.repeat([[0.0, 0.0, 1.0, 1.0]], places, axis=1))
        table = sparse.vstack([table, total])
        most, left = np.append(most, float(problem.most_movements or 0)), np.append(left, -np.inf)
    below = sparse.csr_array((most.size - places, lines))
    ticket = problem.ticket_cost[line]
    return _Movements(
        cost=np.concatenate([np.zeros(2 * places), ticket, ticket]),
        upper=np.concatenate([into, before, into > 0.0, before > 0.0]),
        whole=np.repeat([False, True], 2 * places),
        of_lines=sparse.vstack([at_lines, below]),
        own=table,
        least=left,
        most=most,
        place=place,
    )


def search(
    program: IntegerProgram,
    *,
    seconds: float,
    gap: float,
    for_shortfall: bool = False,
    most_short: float | None = None,
) -> SearchResult:
    """Branch and bound until the relative gap is small or time is up.

    Args:
        program: the program.
        seconds: time limit.
        gap: relative gap at which it ends.
        for_shortfall: minimize the total shortfall instead of the cost.
        most_short: most total shortfall, in money; None for no such row.

    Raises:
        RuntimeError: if HiGHS ends in another way.
    """
    from scipy import sparse
    from scipy.optimize import milp

    lines, columns = program.step.size, program.cost.size
    of_short = np.zeros(columns)
    of_short[lines : columns - (4 * (int(program.place.max(initial=-1)) + 1))] = program.unit
    cost = of_short if for_shortfall else program.cost
    money = float(np.abs(cost).max(initial=0.0)) or 1.0
    matrix, least, most = program.matrix, program.least, program.most
    if most_short is not None:
        total = sparse.csr_array(of_short[None, :] / program.unit)
        matrix = sparse.vstack([matrix, total])
        least, most = np.append(least, -np.inf), np.append(most, most_short / program.unit)
    if np.any(program.lower > program.upper):
        return SearchResult(None, np.inf, np.inf, "impossible")
    result = milp(
        cost / money,
        integrality=program.whole.astype(int),
        bounds=(program.lower, program.upper),
        constraints=(matrix, least, most),
        options={"time_limit": max(seconds, 1e-3), "mip_rel_gap": gap},
    )
    if result.status == 2:
        return SearchResult(None, np.inf, np.inf, "impossible")
    if result.status not in (0, 1):
        raise RuntimeError(f"HiGHS ended the search: {result.message}")
    bound = getattr(result, "mip_dual_bound", None)
    proven = -np.inf if bound is None or not np.isfinite(bound) else float(bound) * money
    status: Literal["optimal", "time"] = "optimal" if result.status == 0 else "time"
    if result.x is None:
        return SearchResult(None, np.inf, proven, status)
    return SearchResult(
        _market_values(program, result.x), float(result.fun) * money, proven, status
    )


def _market_values(program: IntegerProgram, x: np.ndarray) -> np.ndarray:
    """Of a solution, with integers made exact and places that are not moved left as they were."""
    lines = program.step.size
    amount = np.where(program.whole[:lines], np.round(x[:lines]), x[:lines])
    posted = np.maximum(amount, 0.0) * program.step
    if program.place.size:
        places = int(program.place.max()) + 1
        moved = x[-2 * places : -places] + x[-places:] > 0.5
        posted = np.where(moved[program.place], posted, program.before)
    return posted
