"""What must be covered, with what, and at what cost: the data of an allocation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.optimize._limit import Limit

__all__ = ["AllocationProblem", "build_problem"]


def _each(value: float) -> Callable[[], np.ndarray]:
    return lambda: np.full(1, value)


@dataclass(frozen=True, eq=False)
class AllocationProblem:
    """Assets that may be posted to venues, in lines.

    A line is one way of posting: an asset, a venue, and what a unit is worth there. Where worth
    falls with size, each tier is a line of its own with its `most`; the best tier fills first by
    itself. Whatever is not listed is not eligible. All arrays have one axis, and shapes are checked
    here rather than by annotation; an array of one element serves for all lines or assets.

    Attributes:
        available: [asset] market value of the inventory, what is posted already included; >= 0.
        requirement: [venue] what each venue demands, buffer included; >= 0, unit of `available`.
        asset: [line] asset of each line.
        venue: [line] venue of each line.
        worth: [line] collateral value of one unit of market value, 1 - haircut, in (0, 1].
        cost: [line] of one unit of market value posted for one period, >= 0: funding or
            opportunity, custody, currency.
        most: [line] most market value on the line; infinite where there is no such limit.
        limits: caps on groups of assets.
        posted: [line] market value there already; movements are counted from it.
        lot_value: [asset] market value of one indivisible lot; 0 where the asset is divisible.
        least: [line] smallest market value of a movement, 0 for any.
        ticket_cost: [line] of one movement, in money.
        most_movements: of all movements together, None for any number.

    Raises:
        InvalidInputError: naming field, place and cure; every problem at once.
    """

    available: np.ndarray
    requirement: np.ndarray
    asset: np.ndarray
    venue: np.ndarray
    worth: np.ndarray
    cost: np.ndarray
    most: np.ndarray = field(default_factory=_each(np.inf))
    limits: tuple[Limit, ...] = ()
    posted: np.ndarray = field(default_factory=_each(0.0))
    lot_value: np.ndarray = field(default_factory=_each(0.0))
    least: np.ndarray = field(default_factory=_each(0.0))
    ticket_cost: np.ndarray = field(default_factory=_each(0.0))
    most_movements: int | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidInputError`; see the class."""
        for name in ("asset", "venue"):
            _set(self, name, _indices(name, getattr(self, name)))
        for name in ("available", "requirement"):
            _set(self, name, _numbers(name, getattr(self, name), None))
        lines, assets = self.asset.size, self.available.size
        require(
            self.venue.size == lines,
            f"asset and venue must have one entry a line; got {lines} and {self.venue.size}.",
        )
        require(self.requirement.size > 0, "requirement must have one venue at least; got none.")
        for name in ("worth", "cost", "most", "posted", "least", "ticket_cost"):
            _set(self, name, _numbers(name, getattr(self, name), lines))
        _set(self, "lot_value", _numbers("lot_value", self.lot_value, assets))
        _set(self, "limits", tuple(self.limits))
        problems = _problems(self)
        if problems:
            raise InvalidInputError(problems)


def build_problem(
    available: np.ndarray,
    requirement: np.ndarray,
    haircut: np.ndarray,
    cost: np.ndarray,
    eligible: np.ndarray,
    *,
    limits: Sequence[Limit] = (),
    lot_value: np.ndarray | float = 0.0,
    least: float = 0.0,
    ticket_cost: float = 0.0,
    most_movements: int | None = None,
) -> AllocationProblem:
    """The problem whose lines are the eligible pairs of tables, in row order.

    Args:
        available: [asset] see `AllocationProblem`.
        requirement: [venue] see `AllocationProblem`.
        haircut: [asset, venue] share of market value that does not count, in [0, 1).
        cost: [asset, venue] see `AllocationProblem`.
        eligible: [asset, venue] whether the venue takes the asset; tables are not read elsewhere.
        limits: see `AllocationProblem`.
        lot_value: see `AllocationProblem`.
        least: see `AllocationProblem`.
        ticket_cost: see `AllocationProblem`.
        most_movements: see `AllocationProblem`.

    Raises:
        InvalidInputError: if a shape differs or a value cannot be used; see `AllocationProblem`.
    """
    eligible, haircut, cost = np.asarray(eligible), np.asarray(haircut), np.asarray(cost)
    shape = (np.size(available), np.size(requirement))
    for name, table in (("haircut", haircut), ("cost", cost), ("eligible", eligible)):
        require(
            table.shape == shape,
            f"{name} must have a row for each of {shape[0]} assets and a column for each of "
            f"{shape[1]} venues; got shape {table.shape}.",
        )
    require(eligible.dtype == bool, f"eligible must be true or false; got {eligible.dtype}.")
    bad = eligible & ~((haircut >= 0.0) & (haircut < 1.0))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InvalidInputError(
            f"haircut must lie in [0, 1) where eligible; {int(bad.sum())} do not, the first of "
            f"asset [{row}] at venue [{column}]: {haircut[row, column]}. Write 8 % as 0.08; what "
            "counts for nothing is not eligible."
        )
    asset, venue = np.nonzero(eligible)
    return AllocationProblem(
        available=np.asarray(available),
        requirement=np.asarray(requirement),
        asset=asset,
        venue=venue,
        worth=1.0 - haircut[asset, venue],
        cost=cost[asset, venue],
        limits=tuple(limits),
        lot_value=np.asarray(lot_value),
        least=np.asarray(least),
        ticket_cost=np.asarray(ticket_cost),
        most_movements=most_movements,
    )


def _set(problem: AllocationProblem, name: str, value: object) -> None:
    object.__setattr__(problem, name, value)


def _numbers(name: str, value: np.ndarray, size: int | None) -> Float[np.ndarray, " size"]:
    """As doubles; one value serves for all of `size`."""
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError) as cause:
        raise InvalidInputError(f"{name} must be numbers; got {value!r}.") from cause
    if size is not None and array.size == 1 and array.ndim <= 1:
        array = np.full(size, array.reshape(-1)[0])
    fits = array.ndim == 1 and (size is None or array.size == size)
    expected = "one axis" if size is None else f"shape ({size},)"
    require(fits, f"{name} must have {expected}; got shape {array.shape}.")
    array.flags.writeable = False
    return array


def _indices(name: str, value: np.ndarray) -> Int[np.ndarray, " line"]:
    array = np.array(value)
    if array.size == 0:
        array = np.zeros(0, np.int64)
    require(
        array.ndim == 1 and np.issubdtype(array.dtype, np.integer),
        f"{name} must be whole numbers along one axis, counted from 0; got {array.dtype} of "
        f"shape {array.shape}.",
    )
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array


def _problems(problem: AllocationProblem) -> list[str]:
    """What cannot be used, in words."""
    found = []

    def check(name: str, good: np.ndarray, rule: str) -> None:
        bad = np.flatnonzero(~good)
        if bad.size:
            value = getattr(problem, name)[bad[0]]
            found.append(
                f"{name} must {rule}; {bad.size} of {good.size} do not, the first at "
                f"[{bad[0]}]: {value}."
            )

    assets, venues = problem.available.size, problem.requirement.size
    for name in ("available", "requirement", "cost", "posted", "lot_value", "least", "ticket_cost"):
        value = getattr(problem, name)
        check(name, np.isfinite(value) & (value >= 0.0), "be finite and not negative")
    check("most", problem.most >= 0.0, "be not negative (infinite for no limit)")
    worth = problem.worth
    check("worth", (worth > 0.0) & (worth <= 1.0), "be 1 - haircut with a haircut in [0, 1)")
    for name, count, things in (("asset", assets, "assets"), ("venue", venues, "venues")):
        index = getattr(problem, name)
        check(name, (index >= 0) & (index < count), f"be one of the {count} {things}")
    if not found:
        there = np.bincount(problem.asset, problem.posted, assets)
        over = np.flatnonzero(there > problem.available * (1.0 + 1e-9))
        if over.size:
            found.append(
                f"posted must not exceed available, which contains it; {over.size} of {assets} "
                f"assets do, the first asset [{over[0]}]: {there[over[0]]} of "
                f"{problem.available[over[0]]}."
            )
    for number, limit in enumerate(problem.limits):
        if limit.group.size != assets:
            found.append(
                f"limits[{number}] ({limit.name!r}) must have a group for each of {assets} assets; "
                f"got {limit.group.size}."
            )
        for venue in limit.venues or ():
            if not 0 <= venue < venues:
                found.append(
                    f"limits[{number}] ({limit.name!r}) names venue [{venue}]; there are {venues}."
                )
    most = problem.most_movements
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
        found.append(f"most_movements must be a whole number >= 0, or None for any; got {most!r}.")
    return found
