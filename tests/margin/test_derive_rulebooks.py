"""Derive's rulebooks on whole books: published cases, which lie beside the repository."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from derive_cases import Cases
from derive_kinds import DERIVE_RULEBOOKS
from kinds import BTC, ETH, STETH, USDC, book_of, market, name
from reference import oracle

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import ContractKind, contract_terms


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


def margin_of(rulebook, *accounts):
    """Initial margin of accounts before it is lifted to zero: rows of the book with quantities."""
    account = np.repeat(np.arange(len(accounts)), [len(held) for held in accounts])
    rows = np.array([row for held in accounts for row in held])
    quantity = np.array([q for held in accounts for q in held.values()], float)
    positions = build_positions(account, rows, quantity, accounts=len(accounts))
    result = rulebook.requirement(Book(book_of(rulebook).instruments, positions), market())
    return np.asarray(result.initial - result.components["floor"])


def rows_of(rulebook, kind, asset):
    """Rows of the book with contracts of a kind on an asset."""
    terms = contract_terms(book_of(rulebook), market())
    mine = (terms.kind == kind) & (terms.asset == asset) & (terms.coins > 0.0)
    return np.flatnonzero(np.asarray(mine)).tolist()


@pytest.mark.parametrize("rulebook", DERIVE_RULEBOOKS, ids=name)
def test_an_account_of_two_markets_pays_what_the_markets_pay_alone(rulebook):
    quantity = np.random.default_rng(4)
    alone = [
        {
            row: quantity.normal()
            for kind in (ContractKind.OPTION, ContractKind.PERPETUAL)
            for row in rows_of(rulebook, kind, asset)
        }
        for asset in (BTC, ETH)
    ]
    btc, eth, both = margin_of(rulebook, *alone, alone[0] | alone[1])
    assert min(btc, eth) > 100.0
    np.testing.assert_allclose(both, btc + eth, rtol=1e-12)


def test_a_coin_of_another_market_is_collateral_that_does_not_move():
    """Staked ETH hedges a short perpetual on ETH; beside one on BTC it is cut by its haircut.

    By hand: two coins at 2,480 USD, of which 0.25 + 0.1 do not count beside BTC, and 0.05 + 0.01
    beside ETH; the part "marks" sets them off at the price of the stablecoin, 0.9998.
    """
    rulebook = DERIVE_RULEBOOKS[1]
    (coin,) = rows_of(rulebook, ContractKind.SPOT, STETH)
    (btc, *_), (eth, *_) = (
        rows_of(rulebook, ContractKind.PERPETUAL, asset) for asset in (BTC, ETH)
    )
    coin_only, on_btc, beside_btc, on_eth, beside_eth = margin_of(
        rulebook,
        {coin: 1.0},
        {btc: -1.0},
        {btc: -1.0, coin: 1.0},
        {eth: -20.0},
        {eth: -20.0, coin: 1.0},
    )
    value, stable = 2 * 2480.0, 0.9998
    units, marks = value / stable, value * (1.0 - 1.0 / stable)
    np.testing.assert_allclose(beside_btc - on_btc, 0.35 * units + marks, rtol=1e-9)
    # 18 % is the most by which a coin on its own falls; what it gains then covers the perpetual
    np.testing.assert_allclose(coin_only, (0.06 + 0.18) * units + marks, rtol=1e-9)
    np.testing.assert_allclose(beside_eth - on_eth, (0.06 - 0.18) * units + marks, rtol=1e-9)


@pytest.mark.parametrize("rulebook", DERIVE_RULEBOOKS, ids=name)
def test_cash_in_the_stablecoin_needs_nothing_and_an_uncovered_market_is_refused(rulebook):
    (cash,) = rows_of(rulebook, ContractKind.SPOT, USDC)
    found = margin_of(rulebook, {cash: 1.0}, {cash: -1.0})  # 1,000 coins
    marks = 1000.0 * (0.9998 - 1.0)  # counted by the book at its price, by the venue as one
    np.testing.assert_allclose(found, [marks, -marks], rtol=1e-9)
    only_eth = eqx.tree_at(lambda r: r.covered, rulebook, rulebook.covered & (jnp.arange(5) == ETH))
    option = rows_of(rulebook, ContractKind.OPTION, BTC)[0]
    with pytest.raises(InvalidInputError, match=r"account 1, .* no market of the set"):
        margin_of(only_eth, {cash: 1.0}, {option: 1.0})
