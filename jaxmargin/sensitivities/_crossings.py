"""Where a surplus known at some nodes becomes negative, going outward from today."""

import enum
from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

__all__ = ["CrossingStatus", "Crossings", "nearest_crossings", "solve_crossing"]

_SOLVED = 1e-12  # relative tolerance of the price in a search for one account


class CrossingStatus(enum.IntEnum):
    """Whether there is a crossing.

    Attributes:
        FOUND: equity falls below maintenance margin at some move.
        NONE: at no node of the grid.
        NOW: it is below today; the move is 0.
        UNKNOWN: equity suffices up to a node at which the rule cannot margin the account, such as
            beyond a threshold; what lies behind it does not count.
    """

    FOUND = 0
    NONE = 1
    NOW = 2
    UNKNOWN = 3


class Crossings(eqx.Module):
    """The nearest crossing of each account on one side of today; NaN where there is none.

    Attributes:
        ratio: price there, as a multiple of today's.
        tolerance: most that a crossing is away from it, as a share of it. From the grid this is a
            bound if equity less margin is convex or concave over the three steps around the
            crossing, and an estimate otherwise; never more than the step, in which there is one.
            Zero where the crossing is today.
        inner: the last node where equity suffices, as a multiple of today's price.
        outer: the next, where it does not or, if the status is `UNKNOWN`, it is not known.
        status: a `CrossingStatus` each.
    """

    ratio: Float[np.ndarray, " account"]
    tolerance: Float[np.ndarray, " account"]
    inner: Float[np.ndarray, " account"]
    outer: Float[np.ndarray, " account"]
    status: Int[np.ndarray, " account"]

    @property
    def move(self) -> Float[np.ndarray, " account"]:
        """Relative move of the price up to the crossing."""
        return self.ratio - 1.0


def nearest_crossings(
    surplus: Float[np.ndarray, "account node"],
    ratio: Float[np.ndarray, " node"],
    today: int,
    *,
    step: int,
) -> Crossings:
    r"""The first chord, on one side of today, that goes from not negative to negative.

    With slopes $s_{-}, s, s_{+}$ of the chords before, across and behind the crossing, a convex
    or concave curve is at most $h\,(|s - s_{-}| + |s_{+} - s|) / 4$ away from its chord of width
    $h$, as it lies between that and the chords beside it continued. Divided by the least steep
    slope, this is how far the crossing may be away. A node that is not known is as an end.

    Args:
        surplus: at each node; NaN where it is not known, which today's must not be.
        ratio: price at each node as a multiple of today's, rising.
        today: the node of today.
        step: -1 for falling prices, 1 for rising ones.
    """
    accounts, last = surplus.shape[0], ratio.size - 1
    row = np.arange(accounts)
    outward = surplus[:, : today + 1][:, ::-1] if step < 0 else surplus[:, today:]
    ends = ~(outward >= 0.0)  # negative or not known
    first = np.argmax(ends, axis=1)
    now, none = outward[:, 0] < 0.0, ~ends.any(axis=1)
    unknown = np.isnan(outward[row, first])
    outer = np.clip(today + step * np.maximum(first, 1), 0, last)
    inner = np.clip(outer - step, 0, last)
    width = np.abs(ratio[outer] - ratio[inner])
    here, there = surplus[row, inner], surplus[row, outer]
    found = ~now & ~none & ~unknown
    drop = np.where(found, here - there, 1.0)
    root = np.where(found, ratio[inner] + (ratio[outer] - ratio[inner]) * here / drop, 1.0)

    def slope(near: np.ndarray) -> np.ndarray:
        """Fall per unit of price of the chord outward from `near`; at an end, of the crossing's."""
        far = near + step
        inside = (np.minimum(near, far) >= 0) & (np.maximum(near, far) <= last)
        chord = surplus[row, np.clip(near, 0, last)] - surplus[row, np.clip(far, 0, last)]
        inside &= ~np.isnan(chord)
        near, far = np.where(inside, near, inner), np.where(inside, far, outer)
        wide = np.where(found, np.abs(ratio[far] - ratio[near]), 1.0)
        return (surplus[row, near] - surplus[row, far]) / wide

    before, across, behind = slope(inner - step), slope(inner), slope(outer)
    gap = 0.25 * width * (np.abs(across - before) + np.abs(behind - across))
    least = np.minimum(np.minimum(before, behind), across)
    sure = least > 0.0
    near = np.where(sure, gap / np.where(sure, least, 1.0), np.inf)
    bracket = np.maximum(np.abs(root - ratio[inner]), np.abs(root - ratio[outer]))
    tolerance = np.minimum(near, bracket) / root + 4.0 * np.finfo(np.float64).eps
    status = np.where(unknown, CrossingStatus.UNKNOWN, CrossingStatus.FOUND)
    status = np.where(none, CrossingStatus.NONE, status)

    def shown(value: np.ndarray, at_once: float, there: np.ndarray | np.bool) -> np.ndarray:
        return np.where(now, at_once, np.where(there, value, np.nan))

    return Crossings(
        ratio=shown(root, 1.0, found),
        tolerance=shown(tolerance, 0.0, found),
        inner=shown(ratio[inner], 1.0, ~none),
        outer=shown(ratio[outer], 1.0, ~none),
        status=np.where(now, CrossingStatus.NOW, status),
    )


def solve_crossing(side: Crossings, account: int, surplus: Callable[[float], float]) -> Crossings:
    """`side` with the crossing of one account found to 1e-12, by Brent's method between its nodes.

    Where the surplus jumps, that is where. In single precision it is the surplus that is rough.
    If it is not known somewhere between the nodes, the crossing stays that of the grid.

    Args:
        side: crossings from a grid.
        account: a row of them.
        surplus: at a multiple of today's price; NaN where it is not known.
    """

    def known(where: float) -> float:
        value = surplus(where)
        if np.isnan(value):
            raise _NotKnownError
        return value

    if side.status[account] != CrossingStatus.FOUND:
        return side
    try:
        root = _root(float(side.inner[account]), float(side.outer[account]), known)
    except _NotKnownError:
        return side
    ratio, tolerance = side.ratio.copy(), side.tolerance.copy()
    ratio[account], tolerance[account] = root, _SOLVED
    return eqx.tree_at(lambda s: (s.ratio, s.tolerance), side, (ratio, tolerance))


class _NotKnownError(Exception):
    """The surplus is not known at a price that the search needs."""


def _root(inner: float, outer: float, surplus: Callable[[float], float]) -> float:
    if surplus(inner) <= 0.0:  # the account alone may be rounded otherwise than in the grid
        return inner
    if surplus(outer) >= 0.0:
        return outer
    small = 0.1 * _SOLVED * min(inner, outer)
    from scipy.optimize import brentq

    found: Any = brentq(surplus, inner, outer, xtol=small, rtol=np.float64(0.8 * _SOLVED))
    return float(found)
