"""Rolling backtests of every model: against plain loops, and blind to the future."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rolling_loops as loops
from kinds import kinds_of

from jaxmargin.backtest import (
    AbstractBacktestModel,
    AbstractBooks,
    ConstantQuantities,
    ConstantWeights,
    HistoricalModel,
    RevaluedBooks,
    backtest_pnl,
    filtered_model,
    run_backtest,
    student_model,
)
from jaxmargin.errors import InvalidInputError
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.scenarios import EwmaVolatility

WINDOW, DAYS, KEY = 40, 60, jax.random.key(4)
RANDOM = np.random.default_rng(8)
RETURNS = 0.04 * RANDOM.standard_t(4, (DAYS, 3))
EXPOSURE = RANDOM.normal(size=(5, 3))
PRICE = 100.0 * np.exp(np.cumsum(RETURNS, axis=0))
MEASURES = (ExpectedShortfall(0.93), ValueAtRisk(0.93), ValueAtRisk(0.9))
IN_NUMPY = (
    partial(loops.expected_shortfall, level=0.93),
    partial(loops.value_at_risk, level=0.93),
    partial(loops.value_at_risk, level=0.9),
)


def historical(returns, horizon):
    return HistoricalModel(returns, window=WINDOW, horizon_days=horizon)


def filtered(returns, horizon):
    ewma = EwmaVolatility(jnp.asarray(0.9))
    return filtered_model(returns, ewma, window=WINDOW, horizon_days=horizon)


def student(returns, horizon, decay=None):
    return student_model(
        returns, KEY, scenarios=80, degrees=4, window=WINDOW, decay=decay, horizon_days=horizon
    )


MODELS = {
    "historical": (historical, lambda model: loops.historical_moves),
    "filtered": (filtered, lambda model: partial(loops.filtered_moves, decay=0.9)),
    "student": (student, lambda model: partial(loops.student_moves, draws=np.array(model.draws))),
    "student-ewma": (
        partial(student, decay=0.95),
        lambda model: partial(loops.student_moves, draws=np.array(model.draws), decay=0.95),
    ),
}
by_model = pytest.mark.parametrize("name", MODELS)


def doubled(moves, day):
    return jnp.expm1(2.0 * moves)  # of contracts on the square of a price


BOOKS = {
    "weights": (
        ConstantWeights(jnp.asarray(EXPOSURE)),
        lambda moves, day: np.expm1(moves) @ EXPOSURE.T,
    ),
    "quantities": (
        ConstantQuantities(jnp.asarray(EXPOSURE), jnp.asarray(PRICE)),
        lambda moves, day: (PRICE[day] * np.exp(moves) - PRICE[day]) @ EXPOSURE.T,
    ),
    "contracts": (
        RevaluedBooks(jnp.asarray(EXPOSURE), doubled),
        lambda moves, day: (np.exp(moves) ** 2 - 1.0) @ EXPOSURE.T,
    ),
}


def test_every_model_and_every_kind_of_books_is_tested_here():
    models = {type(make(jnp.asarray(RETURNS), 1)) for make, _ in MODELS.values()}
    assert kinds_of(AbstractBacktestModel) == models
    assert kinds_of(AbstractBooks) == {type(books) for books, _ in BOOKS.values()}


@pytest.mark.parametrize("horizon", [1, 3])
@by_model
def test_margins_and_losses_equal_a_plain_numpy_loop(name, horizon):
    make, in_numpy = MODELS[name]
    model = make(jnp.asarray(RETURNS), horizon)
    books, pnl = BOOKS["weights"]
    found = run_backtest(model, books, RETURNS, MEASURES)
    moves = partial(in_numpy(model), RETURNS, window=WINDOW, horizon=horizon)
    margin, loss = loops.backtest(moves, pnl, RETURNS, WINDOW, horizon, IN_NUMPY)
    np.testing.assert_allclose(found.margin, margin, rtol=1e-9)  # jitter of the Cholesky factor
    np.testing.assert_allclose(found.loss, loss, rtol=1e-10)
    np.testing.assert_array_equal(found.day, np.arange(WINDOW - 1, DAYS - horizon))
    np.testing.assert_array_equal(found.exceeded(), loss[:, :, None] > margin)


@pytest.mark.parametrize("kind", BOOKS)
def test_books_of_every_kind_equal_a_plain_numpy_loop(kind):
    books, pnl = BOOKS[kind]
    found = run_backtest(historical(jnp.asarray(RETURNS), 2), books, RETURNS, MEASURES)
    moves = partial(loops.historical_moves, RETURNS, window=WINDOW, horizon=2)
    margin, loss = loops.backtest(moves, pnl, RETURNS, WINDOW, 2, IN_NUMPY)
    np.testing.assert_allclose(found.margin, margin, rtol=1e-10)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-10)


@by_model
def test_no_margin_knows_a_later_day(name):
    """Other returns from day 50 on leave the margins up to day 49 as they were, bit for bit."""
    changed = RETURNS.copy()
    changed[50:] = -3.0 * RETURNS[50:] + 0.5
    books = BOOKS["weights"][0]
    one, other = (
        run_backtest(MODELS[name][0](jnp.asarray(r), 2), books, r, MEASURES)
        for r in (RETURNS, changed)
    )
    known = one.day < 50
    np.testing.assert_array_equal(one.margin[known], other.margin[known])
    assert (one.margin[~known] != other.margin[~known]).any(axis=(1, 2)).all()


@by_model
def test_days_run_through_in_small_pieces_have_the_same_margins(name, monkeypatch):
    model, books = MODELS[name][0](jnp.asarray(RETURNS), 1), BOOKS["weights"][0]
    whole = run_backtest(model, books, RETURNS, MEASURES)
    monkeypatch.setattr("jaxmargin.backtest._rolling._DAYS", 6)
    told = []
    pieces = run_backtest(
        model, books, RETURNS, MEASURES, progress=lambda done, total: told.append((done, total))
    )
    np.testing.assert_array_equal(pieces.margin, whole.margin)
    np.testing.assert_array_equal(pieces.loss, whole.loss)
    assert told == [(6, 20), (12, 20), (18, 20), (20, 20)]


def test_days_computed_together_have_the_margins_of_days_one_by_one():
    model, books = MODELS["filtered"][0](jnp.asarray(RETURNS), 1), BOOKS["weights"][0]
    alone = run_backtest(model, books, RETURNS, MEASURES)
    together = run_backtest(model, books, RETURNS, MEASURES, days_at_once=3)
    np.testing.assert_allclose(together.margin, alone.margin, rtol=1e-12)


def test_age_weights_give_the_weighted_quantile():
    """Loss where the weight of the larger ones reaches 10 %, counted by hand over sorted losses."""
    model = HistoricalModel(jnp.asarray(RETURNS), decay=jnp.asarray(0.95), window=WINDOW)
    found = run_backtest(model, BOOKS["weights"][0], RETURNS, (ValueAtRisk(0.9),))
    share = 0.95 ** np.arange(WINDOW)[::-1]
    for row, day in enumerate(found.day):
        losses = -np.expm1(RETURNS[day - WINDOW + 1 : day + 1]) @ EXPOSURE.T
        for portfolio, own in enumerate(losses.T):
            order = np.argsort(own)[::-1]
            reached = np.searchsorted(np.cumsum(share[order]), 0.1 * share.sum())
            assert found.margin[row, portfolio, 0] == pytest.approx(own[order[reached]], rel=1e-12)
    effective = share.sum() ** 2 / (share**2).sum()
    np.testing.assert_allclose(found.tail_count, 0.1 * effective, rtol=1e-12)


@pytest.mark.parametrize("horizon", [1, 3])
def test_one_series_of_pnl_gives_the_same_as_revaluing_every_day(horizon):
    books = BOOKS["contracts"][0]
    slow = run_backtest(historical(jnp.asarray(RETURNS), horizon), books, RETURNS, MEASURES)
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(RETURNS, axis=0)])
    moves = jnp.asarray(total[horizon:] - total[:-horizon])
    pnl = books.pnl(moves, jnp.zeros((), jnp.int32))
    fast = backtest_pnl(pnl, MEASURES, window=WINDOW, horizon_days=horizon)
    np.testing.assert_allclose(fast.margin, slow.margin, rtol=1e-10)
    np.testing.assert_allclose(fast.loss, slow.loss, rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(fast.day, slow.day)
    np.testing.assert_array_equal(fast.tail_count, slow.tail_count)


def test_a_window_longer_than_the_history_is_refused():
    with pytest.raises(InvalidInputError, match="window must have at least 2"):
        HistoricalModel(jnp.asarray(RETURNS), window=DAYS + 1)
    model = HistoricalModel(jnp.asarray(RETURNS), window=DAYS)
    with pytest.raises(InvalidInputError, match="at least window \\+ horizon_days = 61 days"):
        run_backtest(model, BOOKS["weights"][0], RETURNS, MEASURES)
    broken = RETURNS.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"1 numbers are not finite, the first at \[\[3, 1"):
        run_backtest(model, BOOKS["weights"][0], broken, MEASURES)
