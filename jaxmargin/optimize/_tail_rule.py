"""A condition on what a venue loses with its collateral, scenario by scenario."""

from dataclasses import dataclass, field

import numpy as np

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.risk import AbstractRiskMeasure, ExpectedShortfall, WorstCase

__all__ = ["TailRule"]


@dataclass(frozen=True, eq=False)
class TailRule:
    r"""A measure of what collateral leaves uncovered may not exceed a tolerance.

    With $\ell_{vs}$ what the book of venue $v$ loses in scenario $s$, $g_{as}$ the value after the
    scenario of one unit of asset $a$, $\kappa$ the cost of selling and $x$ the postings,

    $$ \rho\Big(\ell_{vs} - \sum_a (1 - \kappa_{av})\, g_{as}\, x_{av}\Big) \le \tau_v . $$

    All arrays are taken in double precision; shapes are checked here rather than by annotation.

    Attributes:
        losses: [row, scenario] $\ell$, loss positive, unit of the inventory.
        growth: [asset, scenario] $g$, value afterwards over value today, >= 0.
        weight: [scenario] relative weight of each scenario, see `Shocks.weight`.
        measure: $\rho$: `ExpectedShortfall`, or `WorstCase` for a venue's grid. Both are convex, as
            cuts must be.
        venue: [row] venue of each row of `losses`; all in order unless given.
        tolerance: [row] $\tau$, zero unless given; one value serves for all.
        units: [position, scenario] P&L of one unit of each position that `optimize_placement` may
            move, gain positive; none unless given.

    Raises:
        InvalidInputError: naming field, place and cure.
    """

    losses: np.ndarray
    growth: np.ndarray
    weight: np.ndarray
    measure: AbstractRiskMeasure
    venue: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    tolerance: np.ndarray = field(default_factory=lambda: np.zeros(1))
    units: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        """Raises `InvalidInputError`; see the class."""
        require(
            isinstance(self.measure, ExpectedShortfall | WorstCase),
            "TailRule.measure must be ExpectedShortfall or WorstCase, which are convex; got "
            f"{type(self.measure).__name__}, of which cuts prove nothing.",
        )
        losses = _table("losses", self.losses)
        rows, scenarios = losses.shape
        require(rows > 0 and scenarios > 0, f"TailRule.losses is empty: shape {losses.shape}.")
        growth = _table("growth", self.growth)
        units = _table("units", self.units)
        units = units if units.size else np.zeros((0, scenarios))
        weight = _array("weight", self.weight)
        for name, array in (("growth", growth), ("units", units), ("weight", weight)):
            require(
                array.shape[-1] == scenarios,
                f"TailRule.{name} must have the {scenarios} scenarios of losses on its last axis; "
                f"got shape {array.shape}.",
            )
        require(weight.ndim == 1, f"TailRule.weight must have one axis; got {weight.shape}.")
        for name, array in (("growth", growth), ("weight", weight)):
            require(
                bool(np.all(array >= 0.0)),
                f"TailRule.{name} must not be negative; the smallest is {array.min(initial=0.0)}.",
            )
        require(bool(weight.sum() > 0.0), "TailRule.weight must not be zero in every scenario.")
        venue = np.asarray(self.venue)
        venue = venue if venue.size else np.arange(rows)
        require(
            venue.shape == (rows,) and np.issubdtype(venue.dtype, np.integer),
            f"TailRule.venue must be a whole number for each of {rows} rows of losses; got "
            f"{venue.dtype} of shape {venue.shape}.",
        )
        tolerance = _array("tolerance", self.tolerance)
        require(
            tolerance.shape in ((1,), (rows,)),
            f"TailRule.tolerance must be one number or {rows}; got shape {tolerance.shape}.",
        )
        given = {
            "losses": losses,
            "growth": growth,
            "units": units,
            "weight": weight,
            "venue": venue.astype(np.int64),
            "tolerance": np.broadcast_to(tolerance, (rows,)).copy(),
        }
        for name, array in given.items():
            object.__setattr__(self, name, array)


def _table(name: str, value: np.ndarray) -> np.ndarray:
    array = _array(name, value)
    require(array.ndim == 2, f"TailRule.{name} must have two axes; got shape {array.shape}.")
    return array


def _array(name: str, value: np.ndarray) -> np.ndarray:
    """As finite doubles."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as cause:
        raise InvalidInputError(f"TailRule.{name} must be numbers.") from cause
    bad = np.argwhere(~np.isfinite(array))
    require(
        not bad.size,
        f"TailRule.{name} must be finite; {len(bad)} of {array.size} are not, the first at "
        f"{bad[0].tolist() if bad.size else None}.",
    )
    return array
