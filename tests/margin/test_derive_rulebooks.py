"""Derive's rulebooks on whole books: published cases, which lie beside the repository."""

import pytest
from derive_cases import Cases
from reference import oracle

from jaxmargin.margin import contract_terms


def equity_of(book, market):
    """What account 0 owns, every contract at its mark."""
    (block,) = book.positions.blocks
    return float(block.quantity[0] @ contract_terms(book, market).value)


@pytest.mark.parametrize(("name", "least"), [("pmrm2", 29), ("pmrm1", 12), ("srm", 9)])
def test_every_published_case_is_met_through_the_table_of_contract_pnl(name, least):
    """Equity less requirement is the published net margin; requirements end at zero."""
    cases = Cases(oracle(f"margin/derive_{name}.json"))
    assert len(cases.cases) >= least
    missed = {}
    for case in cases.cases:
        book, market = cases.book(case), cases.market(case)
        result = cases.rulebook(case).requirement(book, market)
        equity, expected = equity_of(book, market), case["expected"]
        total = sum(float(v[0]) for n, v in result.components.items() if n != "floor")
        found = {
            "initial": (equity - total, expected["im"]),
            "maintenance": (float(result.maintenance[0]), max(equity - expected["mm"], 0.0)),
        }
        for figure, (value, published) in found.items():
            if abs(value - published) > 1e-9 * max(1.0, abs(published)):
                missed[case["id"], figure] = (value, published)
    assert not missed
