"""Revaluation of a mixed book against a plain loop that knows nothing of the package."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import INSTRUMENTS, PLAIN, book, market, name, shocks
from reference import oracle

from jaxmargin.book import Book, build_positions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import SpotVolatilityGrid
from jaxmargin.valuation import _execution as execution_module
from jaxmargin.valuation import contract_pnl, revalue, stream_accounts


def normal(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def black(sign, forward, strike, total):
    if total == 0.0:
        return max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / total + total / 2.0
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - total)))


def smile(strikes, quotes, strike):
    """Variance linear in log-strike, constant beyond the ends."""
    strike = min(max(strike, strikes[0]), strikes[-1])
    variance = np.interp(math.log(strike), np.log(strikes), np.asarray(quotes) ** 2)
    return math.sqrt(variance)


def state(today, moves, s):
    """The market in scenario `s` as plain numbers; today if `s` is None."""
    move = (lambda part, row: float(getattr(moves, part)[row, s])) if s is not None else (
        lambda part, row: 0.0
    )  # fmt: skip
    elapsed = float(moves.time[s]) if s is not None else 0.0
    spot = []
    for asset in range(5):
        base = int(today.base[asset])
        total = move("spot", asset) + (move("spot", base) if base != asset else 0.0)
        spot.append(float(today.spot[asset]) * math.exp(total))
    returns = [math.log(spot[a] / float(today.spot[a])) for a in range(5)]
    perpetual = [
        float(today.perpetual[a]) * math.exp(returns[a] + move("perpetual", a)) for a in range(5)
    ]
    funding = [float(today.funding[a]) + move("funding", a) for a in range(5)]
    forward, time, discount, factor = [], [], [], []
    for p in range(4):
        asset, years = int(today.asset[p]), float(today.time[p])
        left = years - elapsed
        before, fixed = float(today.forward[p]), float(today.fixed[p])
        if left > 0.0:
            carry = math.log(before / float(today.spot[asset])) * elapsed / years
            open_part = before * math.exp(returns[asset] + move("basis", p) - carry)
        else:
            left, open_part = 0.0, spot[asset]
        forward.append(fixed * before + (1.0 - fixed) * open_part)
        time.append(left)
        discount.append(math.exp(-(float(today.rate[p]) + move("rate", p)) * left))
        factor.append(math.exp(move("volatility", p)))
    return spot, perpetual, funding, forward, time, discount, factor, elapsed


def unit_value(batch, i, today, numbers):
    """Value of one unit of contract `i` in its settlement asset."""
    spot, perpetual, funding, forward, time, discount, factor, elapsed = numbers
    kind, settlement = name(batch), int(batch.settlement[i])
    if kind == "Spot":
        return spot[int(batch.asset[i])] / spot[settlement]
    if kind.endswith("Perpetuals"):
        price, rate = perpetual[int(batch.asset[i])], funding[int(batch.asset[i])]
        if kind.startswith("Inverse"):
            return -(1.0 + rate * elapsed) / price
        unit = spot[settlement] if kind.startswith("Linear") else 1.0
        return price / unit * (1.0 - rate * elapsed)
    p = int(batch.pillar[i])
    if kind.endswith("Futures"):
        unit = spot[settlement] if kind.startswith("Linear") else 1.0
        return -1.0 / forward[p] if kind.startswith("Inverse") else forward[p] / unit
    strike, sign = float(batch.strike[i]), float(batch.sign[i])
    surface = today.surface
    volatility = smile(np.asarray(surface.strike[p]), surface.quote[p], strike) * factor[p]
    total = volatility * math.sqrt(time[p])
    if kind == "DigitalOptions":
        moneyness = math.log(forward[p] / spot[settlement] / strike)
        expired = total == 0.0
        d2 = math.copysign(math.inf, moneyness) if expired else moneyness / total - total / 2.0
        return discount[p] * normal(sign * d2)
    unit, paid = (spot[settlement], 1.0) if kind == "LinearOptions" else (1.0, forward[p])
    return discount[p] * black(sign, forward[p] / unit, strike, total) / paid


@pytest.mark.parametrize("days", [0.25, 1.0, 45.0])
def test_fifty_accounts_equal_a_plain_loop_to_twelve_digits(days):
    held, today, moves = book(50), market(), shocks(25, days=days)
    contracts = []
    for batch, padded in zip(PLAIN, held.instruments, strict=True):
        count = batch.multiplier.shape[0]
        contracts += [(batch, i) for i in range(count)]
        contracts += [None] * (padded.multiplier.shape[0] - count)
    before = state(today, moves, None)
    profit = np.zeros((len(contracts), 25))
    for s in range(25):
        after = state(today, moves, s)
        for row, contract in enumerate(contracts):
            if contract is not None:
                batch, i = contract
                change = unit_value(batch, i, today, after) - unit_value(batch, i, today, before)
                money = after[0][int(batch.settlement[i])]
                profit[row, s] = float(batch.multiplier[i]) * change * money
    rows = [row for block in held.positions.blocks for row in np.asarray(block.instrument)]
    sizes = [row for block in held.positions.blocks for row in np.asarray(block.quantity)]
    expected, gross = np.zeros((50, 25)), np.zeros(50)
    for account, row in enumerate(np.asarray(held.positions.row)):
        for instrument, quantity in zip(rows[row], sizes[row], strict=True):
            expected[account] += quantity * profit[instrument]
            gross[account] += abs(quantity) * 61_500.0
    result = np.asarray(revalue(held, today, moves))
    assert np.abs(result - expected).max() <= 1e-12 * gross.max()
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13 * gross.max())


def test_profits_of_inverse_contracts_are_those_deribit_publishes():
    """P&L in coin over nine moves of the price, perpetual and future; only the move matters."""
    for case in oracle("margin/deribit_pme.json")["cases"]:
        span, index = case["model_params"]["price_range"], case["index_price"]
        moves = np.linspace(-span, span, 9)
        for position in case["positions"]:
            expected = case["expected"]["initial_risk_vectors"][position["instrument"]]
            dollars = position["size"] * index  # size in coin is dollars over the index
            for batch in inverse_contracts(position["expiry"] is None):
                pnl = np.asarray(
                    contract_pnl(Book((batch,), NOBODY), flat_market(index), spot_moves(moves))
                )[0]
                coins = dollars * pnl / (index * (1.0 + moves))
                np.testing.assert_allclose(coins, expected["standard_by_bucket"], atol=1e-15)


NOBODY = build_positions(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), accounts=0)


def inverse_contracts(perpetual):
    terms = {"settlement": jnp.array([0]), "multiplier": jnp.ones(1)}
    kinds = {type(batch).__name__: type(batch) for batch in INSTRUMENTS}
    if perpetual:
        return [kinds["InversePerpetuals"](asset=jnp.array([0]), **terms)]
    return [kinds["InverseFutures"](pillar=jnp.array([0]), **terms)]


def flat_market(index):
    return Market(
        spot=jnp.array([index]), perpetual=jnp.array([index]), asset=jnp.array([0]),
        time=jnp.array([0.1]), forward=jnp.array([index]), rate=jnp.zeros(1),
        surface=QuotedVolatilities(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.ones(1)),
    )  # fmt: skip


def spot_moves(moves):

    grid = SpotVolatilityGrid(jnp.asarray(moves), jnp.zeros(1), jnp.ones(1))
    return grid.shocks(flat_market(1.0), jax.random.key(0))


def largest_loss(pnl):
    return -pnl.min(axis=-1)


def test_streaming_equals_the_whole_table_for_any_chunk(monkeypatch):
    held, today, moves = book(70), market(), shocks(30)
    whole = np.asarray(revalue(held, today, moves))
    for size in (1, 100, 10**9):  # bytes: chunks of 8 accounts up to all at once
        monkeypatch.setattr(execution_module, "_CPU_CHUNK_BYTES", size)
        streamed = stream_accounts(largest_loss, contract_pnl(held, today, moves), held.positions)
        np.testing.assert_allclose(streamed, -whole.min(axis=1), rtol=1e-13)  # order of sums


def test_a_book_without_accounts_or_contracts_has_an_empty_result():
    assert revalue(Book((), NOBODY), market(), shocks(7)).shape == (0, 7)
    assert revalue(Book((INSTRUMENTS[0],), NOBODY), market(), shocks(7)).shape == (0, 7)
