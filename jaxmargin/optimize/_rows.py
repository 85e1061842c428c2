"""The constraints of an allocation as sparse rows, and what each of them is."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxmargin.optimize._limit import Limit
from jaxmargin.optimize._problem import AllocationProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["RowKind", "Rows", "append_cuts", "rows_of"]


class RowKind(IntEnum):
    """What a row says."""

    REQUIREMENT = 0
    INVENTORY = 1
    LIMIT = 2
    CUT = 3


@dataclass(frozen=True, eq=False)
class Rows:
    """`matrix @ posted <= bound` and `0 <= posted <= upper`, with labels.

    Rows 0 to V - 1 are the requirements of the V venues, the next A the inventory of the A assets,
    then come limits and what `append_cuts` adds. A limit that holds a single line is no row: it
    lowers the line's `upper`.

    Attributes:
        matrix: CSR, [row, line].
        bound: right side of each row.
        slope: CSR, [row, venue]: derivative of `bound` by each requirement.
        kind: `RowKind` of each row.
        asset: of an inventory row, else -1.
        venue: of a requirement, cut, or limit of one venue, else -1.
        limit: number of the limit in the problem, else -1.
        group: group of the limit, else -1.
        elastic: whether the row may be short; requirements may, other rows may not.
        upper: most on each line, the smaller of the next two; infinite where only rows bound it.
        upper_money: most that does not depend on requirements.
        upper_share: most as a share of the requirement of the line's venue.
        money_limit: number of the limit that `upper_money` is from; -1 for the line's own.
        share_limit: number of the limit that `upper_share` is from; -1 for none.
        ceiling: `upper`, or what inventory allows if that is less; always finite.
    """

    matrix: "csr_array"
    bound: Float[np.ndarray, " row"]
    slope: "csr_array"
    kind: Int[np.ndarray, " row"]
    asset: Int[np.ndarray, " row"]
    venue: Int[np.ndarray, " row"]
    limit: Int[np.ndarray, " row"]
    group: Int[np.ndarray, " row"]
    elastic: Bool[np.ndarray, " row"]
    upper: Float[np.ndarray, " line"]
    upper_money: Float[np.ndarray, " line"]
    upper_share: Float[np.ndarray, " line"]
    money_limit: Int[np.ndarray, " line"]
    share_limit: Int[np.ndarray, " line"]
    ceiling: Float[np.ndarray, " line"]

    @property
    def by_share(self) -> Bool[np.ndarray, " line"]:
        """Whether `upper` is a share of the requirement, and moves with it."""
        return self.upper < self.upper_money

    @property
    def upper_slope(self) -> Float[np.ndarray, " line"]:
        """Derivative of `upper` by the requirement of the line's venue."""
        return np.where(self.by_share, self.upper_share, 0.0)

    @property
    def upper_limit(self) -> Int[np.ndarray, " line"]:
        """Number of the limit that `upper` is from; -1 where it is the line's own."""
        return np.where(self.by_share, self.share_limit, self.money_limit)


class _Block(NamedTuple):
    """Rows of one kind: entries, and one value a row."""

    row: np.ndarray
    line: np.ndarray
    value: np.ndarray
    fixed: np.ndarray
    slope: tuple[np.ndarray, np.ndarray, np.ndarray]  # row, venue, value
    kind: int
    asset: np.ndarray
    venue: np.ndarray
    limit: int
    group: np.ndarray


class _Upper(NamedTuple):
    """Bounds of lines so far."""

    money: np.ndarray
    share: np.ndarray
    money_limit: np.ndarray
    share_limit: np.ndarray


def rows_of(problem: AllocationProblem) -> Rows:
    """Requirements, inventory and limits of `problem`; see `Rows`."""
    from scipy import sparse

    lines, venues = problem.asset.size, problem.requirement.size
    every = np.arange(lines)
    none = np.full(lines, -1)
    upper = _Upper(problem.most.copy(), np.full(lines, np.inf), none.copy(), none.copy())
    blocks = [_requirements(problem, every), _inventory(problem, every)]
    for number, limit in enumerate(problem.limits):
        blocks += _limit_rows(problem, number, limit, upper)
    starts = np.cumsum([0] + [block.fixed.size for block in blocks])
    count = int(starts[-1])

    def joined(pick: Any) -> np.ndarray:
        return np.concatenate([np.broadcast_to(pick(b), b.fixed.shape) for b in blocks])

    def table(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], columns: int) -> Any:
        row = np.concatenate([start + p[0] for start, p in zip(starts[:-1], parts, strict=True)])
        column, value = (np.concatenate([p[i] for p in parts]) for i in (1, 2))
        return sparse.csr_array((value, (row, column)), shape=(count, columns))

    slope = table([block.slope for block in blocks], venues)
    fixed = joined(lambda b: b.fixed)
    share = np.isfinite(upper.share)
    by_share = upper.share[share] * problem.requirement[problem.venue[share]]
    most = upper.money.copy()
    most[share] = np.minimum(most[share], by_share)
    kind = joined(lambda b: b.kind)
    return Rows(
        matrix=table([(b.row, b.line, b.value) for b in blocks], lines),
        bound=fixed + slope @ problem.requirement,
        slope=slope,
        kind=kind,
        asset=joined(lambda b: b.asset),
        venue=joined(lambda b: b.venue),
        limit=joined(lambda b: b.limit),
        group=joined(lambda b: b.group),
        elastic=kind == RowKind.REQUIREMENT,
        upper=most,
        upper_money=upper.money,
        upper_share=upper.share,
        money_limit=upper.money_limit,
        share_limit=upper.share_limit,
        ceiling=np.minimum(most, problem.available[problem.asset]),
    )


def append_cuts(
    rows: Rows,
    coefficient: Float[np.ndarray, "cut line"],
    least: Float[np.ndarray, " cut"],
    venue: Int[np.ndarray, " cut"],
) -> Rows:
    """With `coefficient @ posted >= least` as further rows, which may be short as requirements may.

    Args:
        rows: the rows so far.
        coefficient: of each line, dense or sparse.
        least: right side of each cut, unit of the requirement.
        venue: that each cut speaks of.
    """
    from scipy import sparse

    count, venues = least.size, int(np.sum(rows.kind == RowKind.REQUIREMENT))
    none, more = np.full(count, -1), np.ones(count, bool)
    return replace(
        rows,
        matrix=sparse.csr_array(sparse.vstack([rows.matrix, -sparse.csr_array(coefficient)])),
        bound=np.concatenate([rows.bound, -least]),
        slope=sparse.csr_array(sparse.vstack([rows.slope, sparse.csr_array((count, venues))])),
        kind=np.concatenate([rows.kind, np.full(count, int(RowKind.CUT))]),
        asset=np.concatenate([rows.asset, none]),
        venue=np.concatenate([rows.venue, venue]),
        limit=np.concatenate([rows.limit, none]),
        group=np.concatenate([rows.group, none]),
        elastic=np.concatenate([rows.elastic, more]),
    )


def _requirements(problem: AllocationProblem, every: np.ndarray) -> _Block:
    venue = np.arange(problem.requirement.size)
    return _Block(
        row=problem.venue,
        line=every,
        value=-problem.worth,
        fixed=np.zeros(venue.size),
        slope=(venue, venue, -np.ones(venue.size)),
        kind=int(RowKind.REQUIREMENT),
        asset=np.full(venue.size, -1),
        venue=venue,
        limit=-1,
        group=np.full(venue.size, -1),
    )


def _inventory(problem: AllocationProblem, every: np.ndarray) -> _Block:
    asset = np.arange(problem.available.size)
    none = np.full(asset.size, -1)
    return _Block(
        row=problem.asset,
        line=every,
        value=np.ones(every.size),
        fixed=problem.available,
        slope=(asset[:0], asset[:0], np.zeros(0)),
        kind=int(RowKind.INVENTORY),
        asset=asset,
        venue=none,
        limit=-1,
        group=none,
    )


def _limit_rows(
    problem: AllocationProblem, number: int, limit: Limit, upper: _Upper
) -> list[_Block]:
    """The rows of one limit; where a row would hold one line, `upper` is lowered instead."""
    venues = problem.requirement.size
    listed = np.ones(venues, bool)
    if limit.venues is not None:
        listed = np.isin(np.arange(venues), limit.venues)
    group = limit.group[problem.asset]
    line = np.flatnonzero((group >= 0) & listed[problem.venue])
    if not line.size:
        return []
    groups = int(limit.group.max()) + 1
    pool = np.zeros(venues, np.int64) if limit.pooled else np.arange(venues)
    key, row = np.unique(pool[problem.venue[line]] * groups + group[line], return_inverse=True)
    value, pool_of_row = problem.worth[line], key // groups
    single = (np.bincount(row) == 1) & (not limit.pooled) & (limit.basis != "posted")
    one = single[row]
    _lower(upper, line[one], limit, number, problem)
    new = np.cumsum(~single) - 1
    line, row, value = line[~one], new[row[~one]], value[~one]
    key, pool_of_row = key[~single], pool_of_row[~single]
    count = key.size
    fixed, slope = np.zeros(count), (row[:0], row[:0], np.zeros(0))
    if limit.basis == "absolute":
        fixed = np.full(count, float(limit.most))
    else:
        of_pool = np.flatnonzero(listed)
        if limit.pooled:
            at_row, at = np.repeat(np.arange(count), of_pool.size), np.tile(of_pool, count)
        else:
            at_row, at = np.arange(count), pool_of_row
        if limit.basis == "requirement":
            slope = (at_row, at, np.full(at.size, limit.most))
        else:
            in_row, in_line = _all_lines(problem, at_row, at)
            row, line = np.concatenate([row, in_row]), np.concatenate([line, in_line])
            value = np.concatenate([value, -limit.most * problem.worth[in_line]])
    none = np.full(count, -1)
    return [
        _Block(
            row=row,
            line=line,
            value=value,
            fixed=fixed,
            slope=slope,
            kind=int(RowKind.LIMIT),
            asset=none,
            venue=none if limit.pooled else pool_of_row,
            limit=number,
            group=key % groups,
        )
    ]


def _lower(
    upper: _Upper, line: np.ndarray, limit: Limit, number: int, problem: AllocationProblem
) -> None:
    """Lower the bounds of lines that a limit holds alone."""
    most = limit.most / problem.worth[line]
    share = limit.basis == "requirement"
    bound, source = (upper.share, upper.share_limit) if share else (upper.money, upper.money_limit)
    lower = most < bound[line]
    bound[line[lower]], source[line[lower]] = most[lower], number


def _all_lines(
    problem: AllocationProblem, row: np.ndarray, venue: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every line of the venue of each row, as entries."""
    order = np.argsort(problem.venue, kind="stable")
    count = np.bincount(problem.venue, minlength=problem.requirement.size)
    start = np.cumsum(count) - count
    size = count[venue]
    within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
    return np.repeat(row, size), order[np.repeat(start[venue], size) + within]
