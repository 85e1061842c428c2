"""Derive's rules against published cases, which lie beside the repository."""

import copy

import pytest
from reference import oracle

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs._conform_derive import conform_derive

FILES = ["pmrm2", "pmrm1", "pmrm1_portfolios", "srm", "srm_portfolios"]


@pytest.mark.parametrize("name", FILES)
def test_every_published_figure_is_met(name):
    document = oracle(f"margin/derive_{name}.json")
    compared = conform_derive(document)
    missed = [one for one in compared if not abs(one.found - one.expected) <= one.tolerance]
    assert not missed
    assert {one.case for one in compared} == {case["id"] for case in document["cases"]}
    margins = [one for one in compared if one.quantity[:2] in ("im", "mm")]
    assert len(margins) >= 2 * sum(case.get("valid", True) for case in document["cases"])
    pnl = sum(len(case["expected"].get("scenario_pnl", ())) for case in document["cases"])
    assert sum(one.quantity.startswith("scenario_pnl") for one in compared) >= pnl * 0.9


def test_a_wrong_figure_and_a_wrong_setting_are_found():
    document = copy.deepcopy(oracle("margin/derive_pmrm1.json"))
    document["cases"] = document["cases"][:2]
    document["cases"][0]["expected"]["im"] += 1e-6
    document["parameter_sets"]["p0"]["other_contingency"]["option"] *= 1.001
    missed = {
        (one.case, one.quantity)
        for one in conform_derive(document)
        if not abs(one.found - one.expected) <= one.tolerance
    }
    first = document["cases"][0]["id"]
    assert {(first, "im"), (first, "mm"), (first, "option_contingency")} <= missed


def test_a_skew_scenario_that_moves_spot_is_refused():
    document = copy.deepcopy(oracle("margin/derive_pmrm2.json"))
    document["cases"] = document["cases"][:1]
    rows = document["scenario_sets"][document["cases"][0]["scenarios"]]
    rows[-1][0] = 1.1
    with pytest.raises(InvalidInputError, match="skew scenarios at the spot of today"):
        conform_derive(document)
    document["cases"][0]["valid"] = False
    (refused,) = conform_derive(document)
    assert refused.found == refused.expected == 1.0


def test_a_document_of_another_rulebook_is_refused():
    with pytest.raises(InvalidInputError, match=r"rulebook: got 'simm'. Give one of derive.pmrm1"):
        conform_derive({"rulebook": "simm", "cases": []})
