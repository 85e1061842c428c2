"""Why a venue cannot be covered, in terms of the constraints that keep it short."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import RowKind, Rows

__all__ = ["ShortfallReason", "describe_reason", "find_reasons", "say_reason"]

_ZERO = 1e-7


@dataclass(frozen=True)
class ShortfallReason:
    """One constraint that keeps one venue short.

    Attributes:
        venue: that is short.
        shortfall: collateral value that it lacks.
        kind: "eligibility" if all it takes does not suffice even when no other venue gets any;
            "inventory" of an asset, "limit" on a group, or "capacity" of a line.
        asset: of an inventory or a line, else -1.
        limit: number of the limit, else -1.
        group: of the limit, else -1.
        relief: how much the total shortfall falls for one unit more of room here; of an
            "eligibility" the collateral value that the venue's lines could reach.
    """

    venue: int
    shortfall: float
    kind: Literal["eligibility", "inventory", "limit", "capacity"]
    asset: int
    limit: int
    group: int
    relief: float


def find_reasons(
    problem: AllocationProblem,
    rows: Rows,
    shortfall: Float[np.ndarray, " venue"],
    price: Float[np.ndarray, " row"],
    reduced: Float[np.ndarray, " line"],
) -> tuple[ShortfallReason, ...]:
    """Every constraint with a price in shortfall that touches a line of a short venue.

    Args:
        problem: the problem.
        rows: its rows.
        shortfall: of each venue.
        price: fall of the total shortfall when the bound of a row rises by one.
        reduced: rise of the total shortfall with one unit more on a line.
    """
    found: list[ShortfallReason] = []
    largest = float(problem.requirement.max(initial=0.0))
    for venue in np.flatnonzero(shortfall > 1e-12 * largest):
        short = float(shortfall[venue])
        line = np.flatnonzero(problem.venue == venue)

        def add(
            kind: Literal["eligibility", "inventory", "limit", "capacity"],
            relief: float,
            asset: int = -1,
            limit: int = -1,
            group: int = -1,
            at: tuple[int, float] = (int(venue), short),
        ) -> None:
            found.append(ShortfallReason(*at, kind, asset, limit, group, relief))

        reach = _reach(problem, line)
        if reach < problem.requirement[venue]:
            add("eligibility", reach)
        touched = np.zeros(problem.asset.size)
        touched[line] = 1.0
        touches = abs(rows.matrix) @ touched > 0.0
        for row in np.flatnonzero((price > _ZERO) & touches):
            if rows.kind[row] == RowKind.INVENTORY:
                add("inventory", float(price[row]), asset=int(rows.asset[row]))
            elif rows.kind[row] == RowKind.LIMIT:
                add(
                    "limit",
                    float(price[row]),
                    limit=int(rows.limit[row]),
                    group=int(rows.group[row]),
                )
        for one in line[reduced[line] < -_ZERO]:
            asset, limit = int(problem.asset[one]), int(rows.upper_limit[one])
            if limit < 0:
                add("capacity", -float(reduced[one]), asset=asset)
            else:
                group = int(problem.limits[limit].group[asset])
                add("limit", -float(reduced[one] / problem.worth[one]), asset, limit, group)
    return tuple(found)


def _reach(problem: AllocationProblem, line: np.ndarray) -> float:
    """Most collateral value that lines of one venue could give, limits aside."""
    best_first = line[np.argsort(-problem.worth[line], kind="stable")]
    left, reach = problem.available.copy(), 0.0
    for one in best_first:
        value = min(left[problem.asset[one]], problem.most[one])
        left[problem.asset[one]] -= value
        reach += problem.worth[one] * value
    return float(reach)


def say_reason(
    reason: ShortfallReason,
    problem: AllocationProblem,
    *,
    venues: Sequence[str] | None = None,
    assets: Sequence[str] | None = None,
) -> str:
    """The reason as a sentence, with names where they are given and numbers where not."""
    venue = _name(venues, "venue", reason.venue)
    cause = describe_reason(reason, problem, assets=assets)
    return f"{venue} is short by {reason.shortfall:,.2f}: {cause}"


def describe_reason(
    reason: ShortfallReason, problem: AllocationProblem, *, assets: Sequence[str] | None = None
) -> str:
    """The same without the venue and what it lacks."""
    if reason.kind == "eligibility":
        return f"all that it takes is worth {reason.relief:,.2f} there at most."
    asset = _name(assets, "asset", reason.asset)
    if reason.kind == "inventory":
        return f"all of {asset} is used; one unit more would cover {reason.relief:.3g}."
    if reason.kind == "capacity":
        return f"a line of {asset} is full; one unit more would cover {reason.relief:.3g}."
    limit = problem.limits[reason.limit]
    members = np.flatnonzero(limit.group == reason.group)
    who = _name(assets, "asset", int(members[0])) if members.size == 1 else f"group {reason.group}"
    return f"limit {limit.name!r} binds for {who}; one unit more would cover {reason.relief:.3g}."


def _name(names: Sequence[str] | None, what: str, number: int) -> str:
    return f"{what} [{number}]" if names is None else str(names[number])
