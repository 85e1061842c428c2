"""R15, R17, R18 and R19: margins within the day, their steps, prices and leverage."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from jaxmargin.checks._conclude import conclude, worst
from jaxmargin.checks._result import CheckResult, Citation, Comparison, Number, Rule
from jaxmargin.errors import require

__all__ = ["check_intraday", "check_leverage", "check_prices", "check_step"]

Amounts = Float[np.ndarray, " account"]


def check_intraday(
    intraday_age_minutes: Number | None,
    requirement: Amounts | None,
    updated_collateral: Amounts | None,
    called: Bool[np.ndarray, " account"] | None,
    *,
    most_age_minutes: Number | None = None,
    trigger: Number | None = None,
    citation: Citation,
) -> CheckResult:
    """R15: margins are recomputed within the day, and called where they rose past the trigger.

    Args:
        intraday_age_minutes: since the last recomputation.
        requirement: by the last recomputation, in money.
        updated_collateral: at its value of now.
        called: accounts that were called.
        most_age_minutes: oldest recomputation.
        trigger: an account is called if its requirement is above this multiple of its collateral.
        citation: of the limits.
    """
    inputs: dict[str, object] = {}
    if most_age_minutes is not None:
        inputs["intraday_age_minutes"] = intraday_age_minutes
    if trigger is not None:
        inputs |= {"requirement": requirement, "updated_collateral": updated_collateral}
        inputs["called"] = called

    def compare() -> tuple[list[Comparison], str]:
        found = []
        if most_age_minutes is not None:
            assert intraday_age_minutes is not None
            age = float(intraday_age_minutes)
            found += [
                Comparison("minutes", age, most_age_minutes, Rule.AT_MOST),
                Comparison("minutes", age, 0.0, Rule.AT_LEAST),
            ]
        if trigger is not None:
            assert requirement is not None and updated_collateral is not None and called is not None
            if not requirement.size:
                return [each for each in found if not each.holds()], "no account"
            require(
                requirement.shape == updated_collateral.shape == called.shape,
                "R15: requirement, updated_collateral and called must be of the same accounts.",
            )
            over = requirement > trigger * updated_collateral * (1.0 + 1e-12)
            missed = float(np.count_nonzero(over & ~np.asarray(called)))
            found.append(Comparison("accounts not called", missed, 0.0, Rule.AT_MOST))
        return found, ""

    limits = {"most_age_minutes": most_age_minutes, "trigger": trigger}
    return conclude("R15", citation, inputs, limits, compare)


def check_step(
    steps: Mapping[str, Number] | None, *, most_step: Number, citation: Citation
) -> CheckResult:
    """R17: no margin or haircut rose by more than a share at once.

    Args:
        steps: greatest relative rise of unchanged positions, by name: 0.1 from 100 to 110.
        most_step: largest rise.
        citation: of the limit.
    """

    def compare() -> tuple[list[Comparison], str]:
        if not steps:
            return [], "no step"
        name, value = worst(steps, Rule.AT_MOST)
        return [Comparison("rise", value, most_step, Rule.AT_MOST)], f"greatest: {name}"

    return conclude("R17", citation, {"steps": steps}, {"most_step": most_step}, compare)


def check_prices(
    price_age_minutes: Mapping[str, Number] | None,
    price_sources: Mapping[str, int] | None,
    *,
    most_price_age_minutes: Number | None = None,
    least_sources: int | None = None,
    citation: Citation,
) -> CheckResult:
    """R18: prices are fresh and from enough sources.

    Args:
        price_age_minutes: age of the latest price of each asset.
        price_sources: sources that agree on it.
        most_price_age_minutes: oldest price.
        least_sources: fewest sources.
        citation: of the limits.
    """
    inputs: dict[str, object] = {}
    if most_price_age_minutes is not None:
        inputs["price_age_minutes"] = price_age_minutes
    if least_sources is not None:
        inputs["price_sources"] = price_sources

    def compare() -> tuple[list[Comparison], str]:
        found, notes = [], []
        if most_price_age_minutes is not None and price_age_minutes:
            name, age = worst(price_age_minutes, Rule.AT_MOST)
            found.append(Comparison("minutes", age, most_price_age_minutes, Rule.AT_MOST))
            youngest = float(min(price_age_minutes.values()))
            found.append(Comparison("minutes", youngest, 0.0, Rule.AT_LEAST))
            notes.append(f"oldest: {name}")
        if least_sources is not None and price_sources:
            name, count = worst(price_sources, Rule.AT_LEAST)
            found.append(Comparison("sources", count, least_sources, Rule.AT_LEAST))
            notes.append(f"fewest: {name}")
        if not all(inputs.values()):
            return [], "no price"
        return found, ", ".join(notes)

    limits = {"most_price_age_minutes": most_price_age_minutes, "least_sources": least_sources}
    return conclude("R18", citation, inputs, limits, compare)


def check_leverage(
    notional: Amounts | None,
    equity: Amounts | None,
    client_class: str | None,
    *,
    most_leverage: Mapping[str, Number],
    citation: Citation,
) -> CheckResult:
    """R19: no account has more notional for its equity than its class of clients may.

    Args:
        notional: gross, in money, not negative.
        equity: in money; without any, leverage is infinite.
        client_class: of all these accounts.
        most_leverage: notional over equity, by class.
        citation: of the limits.
    """

    def compare() -> tuple[list[Comparison], str]:
        assert notional is not None and equity is not None and client_class is not None
        if client_class not in most_leverage:
            return [], f"no limit for the class {client_class}"
        if not notional.size:
            return [], "no account"
        require(bool((notional >= 0.0).all()), "R19: notional must not be negative.")
        some = equity > 0.0
        ratio = np.where(some, notional / np.where(some, equity, 1.0), np.inf)
        ratio = np.where(notional == 0.0, 0.0, ratio)
        row = int(np.argmax(ratio))
        limit = float(most_leverage[client_class])
        note = f"{client_class}, greatest at account [{row}]"
        return [Comparison("leverage", float(ratio[row]), limit, Rule.AT_MOST)], note

    inputs = {"notional": notional, "equity": equity, "client_class": client_class}
    return conclude("R19", citation, inputs, {"most_leverage": most_leverage}, compare)
