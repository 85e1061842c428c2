"""From the checked inputs of a job to what computes its margins."""

from dataclasses import dataclass

from jaxmargin.book import Book
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import build_book
from jaxmargin.jobs._keys import MEASURE_KINDS, VENUE_KINDS
from jaxmargin.jobs._load import Inputs, market_of
from jaxmargin.jobs._scenarios import Scenarios, build_scenarios
from jaxmargin.jobs._venue_rulebooks import build_venue_rulebook, venue_scenarios
from jaxmargin.margin import AbstractRulebook, RiskMeasureRulebook
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure, ExpectedShortfall, ValueAtRisk, WorstCase

__all__ = ["Calculation", "build_calculation", "measure_rulebook", "risk_measure"]


@dataclass(frozen=True)
class Calculation:
    """Everything that a margin is computed from.

    Attributes:
        market: today's market.
        book: contracts and positions.
        scenarios: scenario source, labels and provenance.
        rulebook: the rule that sets the margin; of a venue only where the job may have one.
    """

    market: Market
    book: Book
    scenarios: Scenarios
    rulebook: AbstractRulebook


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
    kind, settings = inputs.job.rulebook["kind"], inputs.job.rulebook
    if kind in VENUE_KINDS:
        place = f"{inputs.job.path.name}, [rulebook]"
        venue = build_venue_rulebook(kind, settings["set"], settings["file"], inputs, place)
        return Calculation(market, book, venue_scenarios(venue, kind, inputs, market), venue)
    scenarios = build_scenarios(inputs, market)
    rulebook = RiskMeasureRulebook(
        source=scenarios.source,
        key=scenarios.key,
        measure=risk_measure(settings["kind"], settings.get("level")),
        maintenance_ratio=settings["maintenance_ratio"],
    )
    return Calculation(market, book, scenarios, rulebook)


def risk_measure(kind: str, level: float | None) -> AbstractRiskMeasure:
    """The risk measure of a rulebook of this kind."""
    if kind == "worst-case" or level is None:
        return WorstCase()
    kinds = {"expected-shortfall": ExpectedShortfall, "value-at-risk": ValueAtRisk}
    return kinds[kind](level)


def measure_rulebook(calculation: Calculation, inputs: Inputs, command: str) -> RiskMeasureRulebook:
    """The rulebook of a job whose margin is a risk measure.

    Raises:
        InvalidInputError: the rulebook is a venue's.
    """
    rulebook = calculation.rulebook
    if isinstance(rulebook, RiskMeasureRulebook):
        return rulebook
    raise InvalidInputError(
        f"{inputs.job.path.name}, [rulebook] kind: {inputs.job.rulebook['kind']!r} is no risk "
        f"measure, which {command} needs. Use one of {', '.join(MEASURE_KINDS)}."
    )
