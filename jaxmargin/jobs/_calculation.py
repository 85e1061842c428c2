"""From the checked inputs of a job to what computes its margins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxmargin.book import Book
from jaxmargin.io import build_book
from jaxmargin.jobs._load import Inputs, market_of
from jaxmargin.jobs._scenarios import Scenarios, build_scenarios
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure, ExpectedShortfall, ValueAtRisk, WorstCase

__all__ = ["Calculation", "build_calculation"]


@dataclass(frozen=True)
class Calculation:
    """Everything that a margin is computed from.

    Attributes:
        market: today's market.
        book: contracts and positions.
        scenarios: scenario source, labels and provenance.
        rulebook: the rule that sets the margin.
    """

    market: Market
    book: Book
    scenarios: Scenarios
    rulebook: RiskMeasureRulebook


def build_calculation(inputs: Inputs, market: Market | None = None) -> Calculation:
    """Arrays, scenarios and rulebook of a job; its precision is set for the whole process.

    Args:
        inputs: the checked inputs.
        market: the market of their tables; built from them unless given.

    Raises:
        InvalidInputError: the history or the settings do not allow an estimate.
    """
    market = market_of(inputs) if market is None else market
    book = build_book(inputs.book, inputs.market)
    scenarios = build_scenarios(inputs, market)
    rulebook = RiskMeasureRulebook(
        source=scenarios.source,
        key=scenarios.key,
        measure=_measure(inputs.job.rulebook),
        maintenance_ratio=inputs.job.rulebook["maintenance_ratio"],
    )
    return Calculation(market, book, scenarios, rulebook)


def _measure(settings: Mapping[str, Any]) -> AbstractRiskMeasure:
    if settings["kind"] == "worst-case":
        return WorstCase()
    kinds = {"expected-shortfall": ExpectedShortfall, "value-at-risk": ValueAtRisk}
    return kinds[settings["kind"]](settings["level"])
