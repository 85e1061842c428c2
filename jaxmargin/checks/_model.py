"""R01 to R05: level, horizon, history, tools and offsets of a margin model."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from jaxmargin.checks._conclude import conclude
from jaxmargin.checks._result import CheckResult, Citation, Comparison, Number, Rule

__all__ = [
    "check_confidence",
    "check_horizon",
    "check_lookback",
    "check_offsets",
    "check_procyclicality",
]

_LOOKBACK = "lookback_floor"

Amounts = Float[np.ndarray, " account"]


def check_confidence(
    level: Number | None,
    measure: str | None = None,
    *,
    least_level: Number,
    of_measure: str | None = None,
    citation: Citation,
) -> CheckResult:
    """R01: the confidence level is at least `least_level`; both in (0, 1).

    The level of an expected shortfall is compared as it is, though it is more than the quantile of
    the same level.

    Args:
        level: of the risk measure.
        measure: `expected-shortfall` or `value-at-risk`.
        least_level: lowest level.
        of_measure: the measure that the level is of; any if None.
        citation: of the limits.
    """
    inputs: dict[str, object] = {"level": level}
    if of_measure is not None:
        inputs["measure"] = measure

    def compare() -> tuple[list[Comparison], str]:
        found = [
            Comparison("level", _number(level), least_level, Rule.AT_LEAST),
            Comparison("level", _number(level), 1.0, Rule.BELOW),
        ]
        if of_measure is None:
            return found, ""
        is_it = Comparison(f"measures that are {of_measure}", 0.0, 1.0, Rule.AT_LEAST)
        if measure == of_measure:
            is_it = replace(is_it, value=1.0)
        return [*found, is_it], f"the measure is {measure}"

    limits = {"least_level": least_level, "of_measure": of_measure}
    return conclude("R01", citation, inputs, limits, compare)


def check_horizon(
    horizon_days: Number | None, *, least_horizon_days: Number, citation: Citation
) -> CheckResult:
    """R02: the liquidation horizon is at least as long as the least one.

    Both in days on which the market trades: all days for crypto, business days elsewhere.
    """
    return conclude(
        "R02",
        citation,
        {"horizon_days": horizon_days},
        {"least_horizon_days": least_horizon_days},
        lambda: (
            [Comparison("days", _number(horizon_days), least_horizon_days, Rule.AT_LEAST)],
            "",
        ),
    )


def check_lookback(
    lookback_days: Number | None,
    stress_share: Number | None,
    history_age_days: Number | None = None,
    *,
    least_lookback_days: Number | None = None,
    most_lookback_days: Number | None = None,
    least_stress_share: Number | None = None,
    most_history_age_days: Number | None = None,
    citation: Citation,
) -> CheckResult:
    """R03: the history is long enough, reaches to the present and holds enough stress.

    Args:
        lookback_days: calendar days from its first to its last observation.
        stress_share: weight of observations in times of stress, in [0, 1].
        history_age_days: from the last observation to the valuation.
        least_lookback_days: shortest history.
        most_lookback_days: longest.
        least_stress_share: least weight; zero asks for any stress at all, above zero.
        most_history_age_days: oldest last observation of a history that is the latest.
        citation: of the limits.
    """
    inputs: dict[str, Number | None] = {}
    if least_lookback_days is not None or most_lookback_days is not None:
        inputs["lookback_days"] = lookback_days
    if least_stress_share is not None:
        inputs["stress_share"] = stress_share
    if most_history_age_days is not None:
        inputs["history_age_days"] = history_age_days

    def compare() -> tuple[list[Comparison], str]:
        found = []
        for limit, rule in (
            (least_lookback_days, Rule.AT_LEAST),
            (most_lookback_days, Rule.AT_MOST),
        ):
            if limit is not None:
                found.append(Comparison("days", _number(lookback_days), limit, rule))
        if least_stress_share is not None:
            rule = Rule.AT_LEAST if least_stress_share > 0.0 else Rule.ABOVE
            share = _number(stress_share)
            found.append(Comparison("share of stress", share, least_stress_share, rule))
            found.append(Comparison("share of stress", share, 1.0, Rule.AT_MOST))
        if most_history_age_days is not None:
            age, most = _number(history_age_days), most_history_age_days
            found.append(Comparison("days since the last close", age, most, Rule.AT_MOST))
        return found, ""

    limits = {
        "least_lookback_days": least_lookback_days,
        "most_lookback_days": most_lookback_days,
        "least_stress_share": least_stress_share,
        "most_history_age_days": most_history_age_days,
    }
    return conclude("R03", citation, inputs, limits, compare)


def check_procyclicality(
    tools: Mapping[str, Number] | None,
    binding: str | None,
    history_age_days: Number | None = None,
    *,
    least: Mapping[str, Number],
    most_history_age_days: Number | None = None,
    citation: Citation,
) -> CheckResult:
    """R04: one tool at least is active and large enough; which one binds is said.

    Args:
        tools: size of each active tool: share of the buffer, weight of stress, years of the
            lookback; empty if none is.
        binding: the tool that set the last margin, or `calculated` if none did.
        history_age_days: from the last observation to the valuation; only for a lookback.
        least: smallest size of each tool that counts.
        most_history_age_days: a lookback over a history whose last observation is older counts not.
        citation: of the limits.
    """
    inputs: dict[str, object] = {"tools": tools, "binding": binding}
    ages = most_history_age_days is not None and _LOOKBACK in (tools or {})
    if ages:
        inputs["history_age_days"] = history_age_days

    def compare() -> tuple[list[Comparison], str]:
        active = tools or {}
        enough = [name for name, size in least.items() if _is_least(active.get(name), size)]
        stale = ages and _number(history_age_days) > _number(most_history_age_days)
        if stale:
            enough = [name for name in enough if name != _LOOKBACK]
        listed = ", ".join(f"{name} {size:.4g}" for name, size in active.items()) or "none"
        note = f"active: {listed}; binding: {binding}"
        if stale:
            note += f"; the history of {_LOOKBACK} ends {history_age_days:.4g} days before"
        return [Comparison("tools of the least size", len(enough), 1.0, Rule.AT_LEAST)], note

    limits = {"least": least, "most_history_age_days": most_history_age_days}
    return conclude("R04", citation, inputs, limits, compare)


def check_offsets(
    margin: Amounts | None,
    portfolio: Amounts | None,
    standalone: Amounts | None,
    *,
    most_offset: Number,
    citation: Citation,
) -> CheckResult:
    r"""R05: no account is granted more of its offsets than the cap, by the margin called.

    $M \ge P + (1 - \kappa)(S - P)$, which is $(S - M) / (S - P) \le \kappa$ where $S > P$; where
    there is no reduction, $M \ge P$.

    Args:
        margin: $M$, called, in money.
        portfolio: $P$, of the products together.
        standalone: $S$, sum of the margins of the products alone.
        most_offset: $\kappa$ in [0, 1].
        citation: of the limit.
    """

    def compare() -> tuple[list[Comparison], str]:
        called, together, apart = (
            np.asarray(amounts, np.float64) for amounts in (margin, portfolio, standalone)
        )
        if not called.size:
            return [], "no account"
        reduction = apart - together
        some = reduction > 0.0
        share = np.where(some, (apart - called) / np.where(some, reduction, 1.0), 0.0)
        below = np.max(np.where(some, 0.0, together - called))
        row = int(np.argmax(share))
        return [
            Comparison("share of offsets", float(share[row]), most_offset, Rule.AT_MOST),
            Comparison("below the portfolio margin", float(below), 0.0, Rule.AT_MOST),
        ], f"greatest at account [{row}]"

    inputs = {"margin": margin, "portfolio": portfolio, "standalone": standalone}
    return conclude("R05", citation, inputs, {"most_offset": most_offset}, compare)


def _number(value: Number | None) -> float:
    """A number that is known to be given."""
    return float("nan") if value is None else float(value)


def _is_least(size: Number | None, least: Number) -> bool:
    return size is not None and Comparison("size", size, least, Rule.AT_LEAST).holds()
