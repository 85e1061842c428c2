"""A book or a set of scenarios that grows within its bucket compiles no program at all.

The sizes are odd ones, so that no other test of the same process has compiled for them.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import compiled
from kinds import BTC, ETH, USDC, history, market, shocks

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.instruments import DigitalOptions, InverseOptions, LinearPerpetuals
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios, HistoricalSimulation

ACCOUNTS, OPTIONS, PERPETUALS, SCENARIOS = 331, 33, 9, 263  # in buckets of 384, 40, 10, 320


def options(kind, count, settlement):
    terms = {
        "pillar": np.resize([0, 1, 2], count),
        "strike": np.linspace(50_000.0, 70_000.0, count),
        "sign": np.resize([1.0, -1.0], count),
        "settlement": np.full(count, settlement),
        "multiplier": np.ones(count),
    }
    return kind(**jax.device_put(terms))


def contracts(added=0):
    """Contracts of three kinds, `added` of each more; `device_put` compiles nothing."""
    count = PERPETUALS + added
    perpetuals = np.resize([BTC, ETH], count), np.full(count, USDC), np.ones(count)
    return (
        options(InverseOptions, OPTIONS + added, BTC),
        options(DigitalOptions, PERPETUALS + added, USDC),
        LinearPerpetuals(*jax.device_put(perpetuals)),
    )


def holdings(accounts=ACCOUNTS):
    """Account, instrument and quantity: some hold 4 contracts, some 13."""
    random = np.random.default_rng(5)
    held = np.where(np.arange(accounts) < 297, 4, 13)
    instrument = [random.choice(OPTIONS, count, replace=False) for count in held]
    return (
        np.repeat(np.arange(accounts), held),
        np.concatenate(instrument),
        random.normal(size=held.sum()),
    )


def historical(scenarios):
    return HistoricalSimulation(history(scenarios + 1), decay=0.99)


def given(scenarios):
    return GivenScenarios(shocks(scenarios))


def run(batches, held, accounts, source):
    """Programs compiled by building the book, and by margining it."""
    rulebook = RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(0.95))
    state = market()
    with compiled() as building:
        instruments = tuple(pad_instruments(batch) for batch in batches)
        book = Book(instruments, build_positions(*held, accounts=accounts))
        jax.block_until_ready(book)
    with compiled() as margining:
        result = jax.block_until_ready(rulebook.requirement(book, state))
    assert result.initial.shape == (accounts,) and bool(jnp.isfinite(result.initial).all())
    return building, margining


def grown(axis):
    """A book and scenarios with a little more along `axis`."""
    batches, held, accounts, source = contracts(), holdings(), ACCOUNTS, historical(SCENARIOS)
    if axis == "accounts":
        accounts += 2
        held = holdings(accounts)
    elif axis == "positions":
        account, instrument, quantity = held
        unheld = np.setdiff1d(np.arange(OPTIONS), instrument[account == 7])[0]
        held = (np.append(account, 7), np.append(instrument, unheld), np.append(quantity, 1.5))
    elif axis == "contracts":
        batches = contracts(added=1)
        account, instrument, quantity = held
        held = (np.append(account, 7), np.append(instrument, OPTIONS), np.append(quantity, 1.5))
    elif axis == "historical scenarios":
        source = historical(SCENARIOS + 4)
    else:
        source = given(SCENARIOS + 4)
    return batches, held, accounts, source


@pytest.fixture(scope="module")
def programs():
    """By axis, programs compiled by a run on a little more, after one on the present sizes."""
    run(contracts(), holdings(), ACCOUNTS, historical(SCENARIOS))
    run(contracts(), holdings(), ACCOUNTS, given(SCENARIOS))
    return {axis: run(*grown(axis)) for axis in AXES}


AXES = ("accounts", "positions", "contracts", "historical scenarios", "given scenarios")


def test_the_first_run_compiles_so_that_the_counts_say_something():
    odd = 17
    held = tuple(column[:odd] for column in holdings())
    _, margining = run(contracts(added=11), held, ACCOUNTS, historical(SCENARIOS))
    assert any("_on_block" in name for name in margining)


@pytest.mark.parametrize("axis", AXES)
def test_building_a_book_that_grows_within_its_bucket_compiles_nothing(programs, axis):
    assert programs[axis][0] == []


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "historical scenarios"])
def test_a_margin_run_that_grows_within_its_buckets_compiles_nothing(programs, axis):
    assert programs[axis][1] == []


def test_a_longer_history_compiles_only_the_small_programs_that_make_its_scenarios(programs):
    large = ("_on_block", "_pnl", "_hoist", "_today", "pnl_by_value", "_finite_rows")
    names = programs["historical scenarios"][1]
    assert not [name for name in names if any(part in name for part in large)]
