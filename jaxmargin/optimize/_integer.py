"""Lots, smallest transfers, tickets and limited movements: integers, with a proven gap."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxmargin.errors import require
from jaxmargin.optimize._integer_program import SearchResult, integer_program, search
from jaxmargin.optimize._linear import Allocation, optimize_allocation
from jaxmargin.optimize._postings import Postings
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rounding import round_allocation, round_postings

__all__ = ["LotAllocation", "optimize_lots"]

# Most of the time goes to a search in which a quarter of that distance fixes lines: answers it has
# not are few, and on 100 x 20 it finds in 3 seconds what a search of all does not in 5. The rest
# goes to the proof.
_PART, _SHARE = 0.25, 0.6


@dataclass(frozen=True, eq=False)
class LotAllocation:
    """The best postings found, and how much better others may be.

    Attributes:
        postings: what to post; look at its `shortfall` and `broken`.
        bound: no postings in whole lots with as small a total shortfall cost less.
        gap: `postings.cost` less `bound`, over the cost; infinite where `postings` are not an
            answer: they break a rule, or time was up before the search covered what can be.
        source: "rounding" of the linear optimum or "search" by branch and bound.
        status: "optimal" up to the gap asked for, "time" if that ran out first, "impossible" if no
            postings keep every rule.
        seconds: that were used.
    """

    postings: Postings
    bound: float
    gap: float
    source: Literal["rounding", "search"]
    status: Literal["optimal", "time", "impossible"]
    seconds: float


def optimize_lots(
    problem: AllocationProblem, *, seconds: float = 5.0, gap: float = 1e-4
) -> LotAllocation:
    """The cheapest postings in whole lots that keep the rules on movements.

    The linear optimum is a bound on the cost and, rounded, a first answer. What lies between them
    fixes every line whose reduced cost is larger, exactly: no better answer uses it. Branch and
    bound by HiGHS searches the rest. Where whole lots cannot cover every requirement, the smallest
    total shortfall found in half of the time comes before cost. A tier takes whole lots.

    Args:
        problem: with `lot_value`, `least`, `ticket_cost`, `most_movements` or some of them.
        seconds: that the search may take; the linear program and rounding come on top.
        gap: relative gap at which it ends.

    Raises:
        InvalidInputError: if `seconds` or `gap` cannot be used.
        RuntimeError: if HiGHS fails, which no input is known to bring about.

    References:
        Nemhauser, G. and Wolsey, L. (1988), Integer and Combinatorial Optimization, Wiley, section
        II.5.2 (fixing by reduced costs).
    """
    require(0.0 < seconds < np.inf, f"seconds must be positive and finite; got {seconds!r}.")
    require(0.0 <= gap < 1.0, f"gap must lie in [0, 1); got {gap!r}. Write 0.1 % as 0.001.")
    start = time.perf_counter()
    linear = optimize_allocation(problem)
    rounded = round_allocation(problem, linear)
    covered = not rounded.broken and not rounded.shortfall.any()
    if linear.shortfall.any():
        return _short(problem, linear, rounded, seconds, gap, start)
    bound = linear.certificate.bound
    if covered and _gap(rounded.cost, bound) <= gap:
        return _answer(rounded, bound, gap, rounded, start)
    known = rounded if covered else None
    if known is not None:
        room = _PART * _room(known, bound)
        few = search(integer_program(problem, linear, room=room), seconds=_SHARE * seconds, gap=gap)
        known = _cheaper(problem, linear, known, few) or known
        bound = max(bound, min(few.bound, bound + room))  # answers it has not cost as much more
        if _gap(known.cost, bound) <= gap:
            return _answer(known, bound, gap, rounded, start)
        seconds -= min(_SHARE * seconds, time.perf_counter() - start)
    program = integer_program(problem, linear, room=_room(known, linear.certificate.bound))
    found = search(program, seconds=seconds, gap=gap)
    if found.status == "impossible" and known is None:
        return _short(problem, linear, rounded, seconds, gap, start)
    best = _cheaper(problem, linear, known, found)
    if known is not None:
        bound = max(bound, min(found.bound, known.cost))  # an empty search: nothing is cheaper
    else:
        bound = max(bound, found.bound)
    if best is None:
        return _nothing(rounded, bound, "time", start)
    return _answer(best, bound, gap, rounded, start)


def _short(
    problem: AllocationProblem,
    linear: Allocation,
    rounded: Postings,
    seconds: float,
    gap: float,
    start: float,
) -> LotAllocation:
    """The smallest shortfall first, then the cost."""
    program = integer_program(problem, linear, elastic=True)
    first = search(program, seconds=0.5 * seconds, gap=1e-9, for_shortfall=True)
    keeps = not rounded.broken
    least = float(rounded.shortfall.sum()) if keeps else np.inf
    if first.posted is None and not keeps:
        status = "impossible" if first.status == "impossible" else "time"
        return _nothing(rounded, 0.0, status, start)
    least = min(least, first.value) * (1.0 + 1e-9) + 1e-9 * program.unit
    second = search(program, seconds=0.5 * seconds, gap=gap, most_short=least)
    if second.posted is None and first.posted is not None:
        second = second._replace(posted=first.posted)
    known = rounded if keeps and float(rounded.shortfall.sum()) <= least else None
    bound = max(second.bound, 0.0) if np.isfinite(second.bound) else 0.0
    best = _cheaper(problem, linear, known, second)
    if best is None:
        return _nothing(rounded, bound, "time", start)
    return _answer(best, bound, gap, rounded, start)


def _nothing(
    rounded: Postings, bound: float, status: Literal["time", "impossible"], start: float
) -> LotAllocation:
    """No postings that cover as much as is possible and keep every rule were found."""
    seconds = time.perf_counter() - start
    return LotAllocation(rounded, bound, np.inf, "rounding", status, seconds)


def _room(known: Postings | None, bound: float) -> float:
    return np.inf if known is None else known.cost - bound


def _cheaper(
    problem: AllocationProblem, linear: Allocation, known: Postings | None, found: SearchResult
) -> Postings | None:
    """What is found, if it keeps every rule and costs no more than what is known."""
    if found.posted is None:
        return known
    venues = problem.requirement.size
    value = np.bincount(problem.venue, problem.worth * found.posted, venues)
    lack = np.maximum(problem.requirement - value, 0.0)
    lack[lack <= 1e-8 * problem.requirement] = 0.0  # tolerance of HiGHS: to be covered
    fresh = round_postings(problem, linear.rows, found.posted, lack, take_back=False)
    if fresh.broken or np.any(fresh.shortfall > lack + 1e-9 * problem.requirement):
        return known
    if known is not None and fresh.cost > known.cost:
        return known
    return fresh


def _gap(cost: float, bound: float) -> float:
    return max(cost - bound, 0.0) / cost if cost > 0.0 else 0.0


def _answer(
    postings: Postings, bound: float, gap: float, rounded: Postings, start: float
) -> LotAllocation:
    proven = _gap(postings.cost, bound)
    return LotAllocation(
        postings=postings,
        bound=min(bound, postings.cost),
        gap=proven,
        source="rounding" if postings is rounded else "search",
        status="optimal" if proven <= gap + 1e-8 else "time",
        seconds=time.perf_counter() - start,
    )
