"""Every member of every family has an example in `kinds.py`, so that the contract tests see it."""

import pytest
from kinds import (
    DRAWS,
    HAIRCUTS,
    INSTRUMENTS,
    MEASURES,
    PROCYCLICALITY_TOOLS,
    RULEBOOKS,
    SMOOTH_MEASURES,
    SOURCES,
    VENUE_RULEBOOKS,
    kinds_of,
)

from jaxmargin.collateral import AbstractHaircuts
from jaxmargin.instruments import AbstractInstruments
from jaxmargin.margin import AbstractRulebook
from jaxmargin.margin.procyclicality import AbstractProcyclicalityTool
from jaxmargin.risk import AbstractRiskMeasure, AbstractSmoothMeasure
from jaxmargin.scenarios import AbstractDraws, AbstractScenarioSource


@pytest.mark.parametrize(
    ("family", "examples"),
    [
        (AbstractInstruments, INSTRUMENTS),
        (AbstractScenarioSource, SOURCES),
        (AbstractDraws, DRAWS),
        (AbstractRiskMeasure, MEASURES),
        (AbstractSmoothMeasure, SMOOTH_MEASURES),
        (AbstractRulebook, [*RULEBOOKS, *VENUE_RULEBOOKS]),
        (AbstractHaircuts, HAIRCUTS),
        (AbstractProcyclicalityTool, PROCYCLICALITY_TOOLS),
    ],
)
def test_every_kind_has_an_example(family, examples):
    missing = kinds_of(family) - {type(example) for example in examples}
    assert not missing, f"add an example to tests/kinds.py: {missing}"
