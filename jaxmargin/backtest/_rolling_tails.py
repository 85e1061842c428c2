"""Risk measures of one day's scenarios, and of every window of a series."""

import math
from collections.abc import Sequence
from fractions import Fraction

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.numerics import joined_largest, largest, running_largest
from jaxmargin.risk import AbstractRiskMeasure, ExpectedShortfall, ValueAtRisk, WorstCase

__all__ = [
    "effective_scenarios",
    "measure_day",
    "measure_names",
    "measure_windows",
    "tail_counts",
]

_FEW = 64  # worst scenarios from which on selecting them is no slower than inserting them

Measures = tuple[AbstractRiskMeasure, ...]


def measure_day(
    measures: Measures,
    pnl: Float[Array, "scenario portfolio"],
    weight: Float[Array, " scenario"] | None,
) -> Float[Array, "portfolio measure"]:
    """Every measure of every portfolio; scenarios count alike without `weight`."""
    counts = _few(measures, pnl.shape[0])
    if weight is None and counts is not None:
        return _from_worst(measures, largest(-pnl, max(counts)), pnl.shape[0])
    weight = jnp.ones(pnl.shape[0], pnl.dtype) if weight is None else weight
    return jnp.stack([measure(pnl.T, weight) for measure in measures], axis=-1)


def measure_windows(
    measures: Measures,
    pnl: Float[Array, "day portfolio"],
    window: int,
    weight: Float[Array, " scenario"] | None = None,
) -> Float[Array, "first portfolio measure"]:
    r"""Every measure of every `window` successive rows of `pnl`, by the first row of the window.

    Where scenarios count alike, a window is the end of one block of `window` rows and the beginning
    of the next: its worst rows are among the worst of the two, which are kept for every end and
    every beginning. So a day costs as much as its worst rows, however long the window is.

    Raises:
        InvalidInputError: there are fewer rows than one window.
    """
    days = pnl.shape[0]
    require(
        1 <= window <= days,
        f"A window must have from 1 to as many days as there are, {days}; got {window}.",
    )
    counts = _few(measures, window)
    starts = days - window + 1
    if weight is not None or counts is None:
        return jax.lax.map(
            lambda first: measure_day(measures, _rows(pnl, first, window), weight),
            jnp.arange(starts),
        )
    blocks = -(-days // window) + 1
    loss = jnp.pad(-pnl, ((0, blocks * window - days), (0, 0)), constant_values=-jnp.inf)
    loss = loss.reshape(blocks, window, -1)
    most = max(counts)

    def of_block(
        ends: Float[Array, "window count portfolio"], block: Float[Array, "window portfolio"]
    ) -> tuple[Float[Array, "window count portfolio"], Float[Array, "window portfolio measure"]]:
        begun = running_largest(block, most)
        begun = jnp.concatenate([jnp.full_like(begun[:1], -jnp.inf), begun[:-1]])
        found = _from_worst(measures, ends, window, begun)
        return running_largest(block, most, reverse=True), found

    ends = running_largest(loss[0], most, reverse=True)
    _, found = jax.lax.scan(of_block, ends, loss[1:])
    return found.reshape(-1, *found.shape[2:])[:starts]


def effective_scenarios(
    scenarios: int, weight: Float[Array, " scenario"] | None
) -> int | Float[Array, ""]:
    r"""Kish's $(\sum w)^2 / \sum w^2$, the number of scenarios where they count alike."""
    if weight is None:
        return scenarios
    return jnp.square(jnp.sum(weight)) / jnp.sum(jnp.square(weight))


def tail_counts(
    measures: Measures, scenarios: float | Float[Array, ""]
) -> Float[Array, " measure"]:
    """Scenarios in the tail of each measure, of so many independent ones; NaN without a level."""
    shares = [_share(measure) for measure in measures]
    return jnp.asarray([jnp.nan if share is None else float(share) for share in shares]) * scenarios


def measure_names(measures: Sequence[AbstractRiskMeasure]) -> list[str]:
    """Short names of measures, `ES 99 %` or `VaR 97.5 %`; the kind where it has no level."""
    short = {"ExpectedShortfall": "ES", "ValueAtRisk": "VaR", "WorstCase": "worst case"}
    names = []
    for measure in measures:
        kind, share = type(measure).__name__, _share(measure)
        level = "" if share is None else f" {float(100 * (1 - share)):g} %"
        names.append(short.get(kind, kind) + level)
    return names


def _share(measure: AbstractRiskMeasure) -> Fraction | None:
    """Exactly 1 - level, of the decimal that was written."""
    level = getattr(measure, "level", None)
    return None if level is None else 1 - Fraction(repr(level))


def _few(measures: Measures, scenarios: int) -> list[int] | None:
    """How many of the worst scenarios each measure takes; None where that is no short list."""
    counts = []
    for measure in measures:
        if isinstance(measure, WorstCase):
            counts.append(1)
        elif isinstance(measure, ExpectedShortfall | ValueAtRisk):
            counts.append(math.ceil((1 - Fraction(repr(measure.level))) * scenarios))
        else:
            return None
    return counts if counts and max(counts) <= _FEW else None


def _from_worst(
    measures: Measures,
    worst: Float[Array, "*day count portfolio"],
    scenarios: int,
    others: Float[Array, "*day count portfolio"] | None = None,
) -> Float[Array, "*day portfolio measure"]:
    """Measures from the largest losses, of one sorted list or of two together."""
    found = []
    counts = _few(measures, scenarios) or []
    for measure, count in zip(measures, counts, strict=True):
        tail = worst[..., :count, :] if others is None else joined_largest(worst, others, count)
        edge = jnp.min(tail, axis=-2)
        if isinstance(measure, ExpectedShortfall):
            size = (1 - Fraction(repr(measure.level))) * scenarios
            total = jnp.sum(tail, axis=-2) - float(count - size) * edge
            edge = total / float(size)
        found.append(edge)
    return jnp.stack(found, axis=-1)


def _rows(
    x: Float[Array, "day column"], first: Int[Array, ""] | int, count: int
) -> Float[Array, "{count} column"]:
    return jax.lax.dynamic_slice_in_dim(x, first, count)
