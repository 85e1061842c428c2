"""From the checked inputs of a job to what computes its margins."""

from dataclasses import dataclass

from jaxmargin.book import Book
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, build_add_on, build_book
from jaxmargin.jobs._keys import MEASURE_KINDS, VENUE_KINDS
from jaxmargin.jobs._load import Inputs, market_of
from jaxmargin.jobs._scenarios import Scenarios, build_scenarios
from jaxmargin.jobs._venue_rulebooks import build_venue_rulebook, venue_scenarios
from jaxmargin.margin import AbstractRulebook, RiskMeasureRulebook
from jaxmargin.margin.add_ons import WithAddOns
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure, ExpectedShortfall, ValueAtRisk, WorstCase

__all__ = [
    "Calculation",
    "build_calculation",
    "measure_rulebook",
    "risk_measure",
    "with_add_ons",
]


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
        scenarios = venue_scenarios(venue, kind, inputs, market)
        return Calculation(market, book, scenarios, with_add_ons(venue, inputs, market))
    scenarios = build_scenarios(inputs, market)
    rulebook = RiskMeasureRulebook(
        source=scenarios.source,
        key=scenarios.key,
        measure=risk_measure(settings["kind"], settings.get("level")),
        maintenance_ratio=settings["maintenance_ratio"],
    )
    return Calculation(market, book, scenarios, with_add_ons(rulebook, inputs, market))


def with_add_ons(rulebook: AbstractRulebook, inputs: Inputs, market: Market) -> AbstractRulebook:
    """The rulebook with the add-ons of a job; itself where the job has none.

    Raises:
        InvalidInputError: with every problem of their settings.
    """
    problems, assets, job = Problems(), list(inputs.market.assets["asset"]), inputs.job
    built = [
        build_add_on(
            table, f"{job.path.name}, [[add_on]] {table['kind']}", assets, market, problems
        )
        for table in job.add_ons
    ]
    problems.raise_if_any()
    add_ons = tuple(add_on for add_on in built if add_on is not None)
    return WithAddOns(rulebook, add_ons) if add_ons else rulebook


def risk_measure(kind: str, level: float | None) -> AbstractRiskMeasure:
    """The risk measure of a rulebook of this kind."""
    if kind == "worst-case" or level is None:
        return WorstCase()
    kinds = {"expected-shortfall": ExpectedShortfall, "value-at-risk": ValueAtRisk}
    return kinds[kind](level)


def measure_rulebook(calculation: Calculation, inputs: Inputs, command: str) -> RiskMeasureRulebook:
    """The rulebook of a job whose margin is a risk measure.

    Raises:
        InvalidInputError: the rulebook is a venue's, or the job has add-ons.
    """
    rulebook = calculation.rulebook
    if isinstance(rulebook, WithAddOns):
        raise InvalidInputError(
            f"{inputs.job.path.name}, [[add_on]]: add-ons are no part of {command}. Take them out "
            "of a copy of the job."
        )
    if isinstance(rulebook, RiskMeasureRulebook):
        return rulebook
    raise InvalidInputError(
        f"{inputs.job.path.name}, [rulebook] kind: {inputs.job.rulebook['kind']!r} is no risk "
        f"measure, which {command} needs. Use one of {', '.join(MEASURE_KINDS)}."
    )
