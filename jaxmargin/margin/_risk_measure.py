"""Margin as a risk measure of the account's P&L over a horizon."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.margin._names import component_name
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure, estimate_risk
from jaxmargin.scenarios import AbstractScenarioSource, Shocks, pad_scenarios
from jaxmargin.valuation import Progress

__all__ = ["RiskMeasureRulebook", "charge_measures"]


class RiskMeasureRulebook(AbstractRulebook):
    """Initial margin is a risk measure over the scenarios, and never negative.

    Components: the measure under its name, such as `expected_shortfall`, negative for an account
    that gains even in its worst scenarios, and `floor`, what then lifts the margin to zero.
    Maintenance margin is a share of initial margin.

    Attributes:
        source: scenarios; its horizon is the margin's.
        key: random key of `source`.
        measure: what the margin is, such as `ExpectedShortfall(0.99)`.
        maintenance_ratio: maintenance margin as a share of initial margin, in (0, 1].
    """

    source: AbstractScenarioSource
    key: Key[Array, ""]
    measure: AbstractRiskMeasure
    maintenance_ratio: float = eqx.field(static=True, default=0.8)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            0.0 < self.maintenance_ratio <= 1.0,
            "RiskMeasureRulebook.maintenance_ratio must lie in (0, 1]; got "
            f"{self.maintenance_ratio!r}. Write 80 % as 0.8.",
        )

    def shocks(self, market: Market) -> Shocks:
        """See `AbstractRulebook.shocks`."""
        return pad_scenarios(self.source.shocks(market, self.key))

    def charge(
        self,
        pnl: Float[Array, "instrument scenario"],
        book: Book,
        market: Market,
        shocks: Shocks,
        *,
        progress: Progress | None = None,
    ) -> Requirement:
        """See `AbstractRulebook.charge`."""
        del market
        return charge_measures((self,), pnl, book, shocks, progress=progress)[0]


def charge_measures(
    rulebooks: Sequence[RiskMeasureRulebook],
    pnl: Float[Array, "instrument scenario"],
    book: Book,
    shocks: Shocks,
    *,
    progress: Progress | None = None,
) -> list[Requirement]:
    """What `charge` of each rulebook is, with every account's P&L aggregated once for all."""
    risk = estimate_risk(
        tuple(rulebook.measure for rulebook in rulebooks),
        pnl,
        book.positions,
        shocks.weight,
        overlap=shocks.overlap,
        progress=progress,
    )
    results = []
    for number, rulebook in enumerate(rulebooks):
        value = risk.value[:, number]
        initial = jnp.maximum(value, 0.0)
        name = component_name(type(rulebook.measure))
        results.append(
            Requirement(
                initial=initial,
                maintenance=rulebook.maintenance_ratio * initial,
                components={name: value, "floor": initial - value},
                standard_error=risk.standard_error[:, number],
                tail_count=risk.tail_count[:, number],
                worst_scenario=risk.worst_scenario,
                execution=risk.execution,
            )
        )
    return results
