"""R06 to R10 and R12: what backtests of margins, models and haircuts say."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest import Zone, attribution_test, exact_binomial_test, traffic_light
from jaxmargin.checks._conclude import conclude, least_p_values, too_few, worst
from jaxmargin.checks._result import CheckResult, Citation, Comparison, Number, Rule
from jaxmargin.errors import require

__all__ = [
    "check_attribution",
    "check_clustering",
    "check_coverage",
    "check_haircuts",
    "check_shortfall",
    "check_zone",
]

Days = Float[np.ndarray, " day"]


def check_coverage(
    coverage: Mapping[str, Number] | None,
    backtest_days: int | None = None,
    *,
    least_coverage: Number,
    least_days: int | None = None,
    citation: Citation,
) -> CheckResult:
    """R06: the margin of every product or portfolio covered the share of days that it must.

    Args:
        coverage: share of days without a breach, in [0, 1], by name.
        backtest_days: in all, whose horizons do not overlap.
        least_coverage: target.
        least_days: fewest days that say something; not evaluated below.
        citation: of the target.
    """
    inputs: dict[str, object] = {"coverage": coverage}
    if least_days is not None:
        inputs["backtest_days"] = backtest_days

    def compare() -> tuple[list[Comparison], str]:
        if few := too_few("days", backtest_days, least_days):
            return [], few
        if not coverage:
            return [], "no product or portfolio"
        name, value = worst(coverage, Rule.AT_LEAST)
        below = sum(
            not Comparison("", each, least_coverage, Rule.AT_LEAST).holds()
            for each in coverage.values()
        )
        note = f"least of {len(coverage):,}: {name}; {below:,} below the target"
        most = max(coverage.values())
        return [
            Comparison("coverage", value, least_coverage, Rule.AT_LEAST),
            Comparison("coverage", float(most), 1.0, Rule.AT_MOST),
        ], note

    limits = {"least_coverage": least_coverage, "least_days": least_days}
    return conclude("R06", citation, inputs, limits, compare)


def check_zone(
    exceedances: Mapping[str, int] | None,
    backtest_days: int | None,
    backtest_level: Number | None,
    *,
    worst_zone: str | None = None,
    most_exceedances: int | None = None,
    at_level: Number | None = None,
    at_days: int | None = None,
    least_days: int | None = None,
    citation: Citation,
) -> CheckResult:
    """R07: no portfolio is in a worse zone of the traffic light, or has more exceedances.

    Args:
        exceedances: days with a loss greater than the value at risk, by portfolio.
        backtest_days: in all, whose horizons do not overlap.
        backtest_level: of the value at risk, in (0, 1).
        worst_zone: green or yellow.
        most_exceedances: on `at_days` days at `at_level`, else the limit says nothing.
        at_level: of the limit on exceedances; any if None.
        at_days: of the limit on exceedances; any if None.
        least_days: fewest days that say something; not evaluated below.
        citation: of the limits.

    Raises:
        InvalidInputError: `worst_zone` is none of them.
    """
    require(
        worst_zone in (None, "green", "yellow"),
        f"R07: worst_zone must be green or yellow; got {worst_zone!r}.",
    )

    def compare() -> tuple[list[Comparison], str]:
        assert backtest_days is not None and backtest_level is not None
        if few := too_few("days", backtest_days, least_days):
            return [], few
        for name, found, limit in (
            ("days", backtest_days, at_days),
            ("level", backtest_level, at_level),
        ):
            if most_exceedances is not None and limit is not None and abs(found - limit) > 1e-9:
                return [], f"the limit is for {name} {limit:g}, the backtest has {found:g}"
        if not exceedances:
            return [], "no portfolio"
        counts = {name: float(count) for name, count in exceedances.items()}
        name, count = worst(counts, Rule.AT_MOST)
        light = traffic_light(int(count), backtest_days, level=float(backtest_level))
        zone = Zone(int(light.zone))
        found = []
        if worst_zone is not None:
            limit = Zone[worst_zone.upper()]
            found.append(Comparison("zone", float(zone), float(limit), Rule.AT_MOST))
        if most_exceedances is not None:
            found.append(Comparison("exceedances", count, most_exceedances, Rule.AT_MOST))
        what = f"{count:.0f} in {backtest_days} days at {backtest_level:.2%}"
        return found, f"{name}: {what}, {zone.name.lower()}"

    inputs = {
        "exceedances": exceedances,
        "backtest_days": backtest_days,
        "backtest_level": backtest_level,
    }
    require(
        worst_zone is not None or most_exceedances is not None,
        "R07 has no limit; give worst_zone or most_exceedances.",
    )
    limits = {
        "worst_zone": worst_zone,
        "most_exceedances": most_exceedances,
        "least_days": least_days,
        **({} if most_exceedances is None else {"at_level": at_level, "at_days": at_days}),
    }
    return conclude("R07", citation, inputs, limits, compare)


def check_clustering(
    independence: Mapping[str, Number] | None,
    exceedances: Mapping[str, int] | None,
    backtest_days: int | None = None,
    *,
    least_p_value: Number,
    least_days: int | None = None,
    citation: Citation,
) -> CheckResult:
    """R08: breaches come independently; it takes two breaches to tell.

    Args:
        independence: p-value of a test of independence, by portfolio.
        exceedances: breaches of the same portfolios.
        backtest_days: in all, whose horizons do not overlap.
        least_p_value: for one portfolio; divided by their number for several (Bonferroni).
        least_days: fewest days that say something; not evaluated below.
        citation: of the limits.
    """
    inputs: dict[str, object] = {"independence": independence, "exceedances": exceedances}
    if least_days is not None:
        inputs["backtest_days"] = backtest_days

    def compare() -> tuple[list[Comparison], str]:
        assert independence is not None and exceedances is not None
        if few := too_few("days", backtest_days, least_days):
            return [], few
        require(
            set(independence) <= set(exceedances),
            "R08: exceedances must be given of every portfolio with a p-value.",
        )
        several = {name: p for name, p in independence.items() if exceedances[name] > 1}
        if independence and not several:
            return [], "fewer than two breaches, so nothing can cluster"
        return least_p_values(several, least_p_value)

    limits = {"least_p_value": least_p_value, "least_days": least_days}
    return conclude("R08", citation, inputs, limits, compare)


def check_shortfall(
    shortfall: Mapping[str, Number] | None, *, least_p_value: Number, citation: Citation
) -> CheckResult:
    """R09: losses beyond the margin are as large as the expected shortfall says.

    Args:
        shortfall: p-value of a test of expected shortfall, by portfolio.
        least_p_value: see `check_clustering`.
        citation: of the limit.
    """
    return conclude(
        "R09",
        citation,
        {"shortfall": shortfall},
        {"least_p_value": least_p_value},
        lambda: least_p_values(shortfall or {}, least_p_value),
    )


def check_attribution(
    hypothetical: Days | None,
    risk_theoretical: Days | None,
    *,
    correlation_above: Number,
    distance_below: Number,
    least_days: int | None = None,
    citation: Citation,
) -> CheckResult:
    """R10: the P&L of the risk model follows full revaluation; within the green zone.

    Args:
        hypothetical: P&L by day of unchanged positions, fully revalued.
        risk_theoretical: of the same days, by the risk model.
        correlation_above: Spearman's.
        distance_below: Kolmogorov and Smirnov's.
        least_days: fewest days that say something; not evaluated below.
        citation: of the limits.
    """

    def compare() -> tuple[list[Comparison], str]:
        assert hypothetical is not None and risk_theoretical is not None
        if few := too_few("days", min(hypothetical.size, risk_theoretical.size), least_days):
            return [], few
        found = attribution_test(hypothetical, risk_theoretical)
        return [
            Comparison("correlation", float(found.correlation), correlation_above, Rule.ABOVE),
            Comparison("distance", float(found.distance), distance_below, Rule.BELOW),
        ], f"{hypothetical.size:,} days"

    inputs = {"hypothetical": hypothetical, "risk_theoretical": risk_theoretical}
    limits = {
        "correlation_above": correlation_above,
        "distance_below": distance_below,
        "least_days": least_days,
    }
    return conclude("R10", citation, inputs, limits, compare)


def check_haircuts(
    haircut_breaches: Mapping[str, int] | None,
    haircut_windows: Mapping[str, int] | None,
    *,
    haircut_level: Number,
    least_p_value: Number,
    least_windows: int | None = None,
    citation: Citation,
) -> CheckResult:
    r"""R12: liquidation brings the value after haircut as often as it must.

    By the exact binomial probability $P(X \ge x)$, $X \sim \mathrm{Bin}(n, 1 - p)$, of each asset.

    Args:
        haircut_breaches: $x$, windows in which liquidation brought less, by asset.
        haircut_windows: $n$, windows that do not overlap, of the same assets.
        haircut_level: $p$ in (0, 1).
        least_p_value: for one asset; divided by their number for several (Bonferroni).
        least_windows: fewest of an asset that say something; an asset with fewer is not tested,
            and the check then not passed.
        citation: of the limits.
    """

    def compare() -> tuple[list[Comparison], str]:
        assert haircut_breaches is not None and haircut_windows is not None
        require(
            set(haircut_breaches) == set(haircut_windows),
            "R12: breaches and windows must be of the same assets.",
        )
        values = {
            name: float(
                exact_binomial_test(
                    count, haircut_windows[name], level=float(haircut_level)
                ).p_value
            )
            for name, count in haircut_breaches.items()
            if not too_few("windows", haircut_windows[name], least_windows)
        }
        untested = [name for name in haircut_breaches if name not in values]
        found, note = least_p_values(values, least_p_value)
        if found:
            name, _ = worst(values, Rule.AT_LEAST)
            note += f", {haircut_breaches[name]} of {haircut_windows[name]} windows"
        if untested:
            few = f"fewer than {least_windows} windows: {', '.join(untested)}"
            if all(each.holds() for each in found):
                return [], few  # what is tested holds, and the rest is not known
            note += f"; {few}"
        return found, note

    inputs = {"haircut_breaches": haircut_breaches, "haircut_windows": haircut_windows}
    limits = {
        "haircut_level": haircut_level,
        "least_p_value": least_p_value,
        "least_windows": least_windows,
    }
    return conclude("R12", citation, inputs, limits, compare)
