"""Reverse stress tests against published numbers, closed forms and random moves by `revalue`."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, PLAIN, USD, USDC, book, market
from reference import oracle
from scipy.stats import chi2

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearOptions, Spot
from jaxmargin.scenarios import RiskFactors
from jaxmargin.sensitivities import StressStatus, _reverse_stress, most_plausible_loss, worst_loss
from jaxmargin.valuation import revalue

KEY = jax.random.key(8)
DAY = 1.0 / 365.0
VOLATILITY = np.array([0.04, 0.05, 0.10, 0.08, 0.002, 0.05])
CORRELATION = np.full((6, 6), -0.3) + np.diag(np.full(6, 1.3))
CORRELATION[:2, :2] = [[1.0, 0.8], [0.8, 1.0]]
CORRELATION[2:4, 2:4] = [[1.0, 0.7], [0.7, 1.0]]
COVARIANCE = VOLATILITY[:, None] * (CORRELATION + 0.3 * np.eye(6)) / 1.3 * VOLATILITY
ROOT = jnp.linalg.cholesky(COVARIANCE)


def six_factors():
    """BTC and ETH, the volatilities up to 30 days and beyond, a basis, and funding."""
    spot, funding, basis, volatility = (np.zeros((rows, 6)) for rows in (5, 5, 4, 4))
    spot[BTC, 0] = spot[ETH, 1] = 1.0
    volatility[[0, 1, 3], 2] = volatility[2, 3] = 1.0
    basis[:, 4] = 1.0
    funding[[BTC, ETH], 5] = 1.0
    return RiskFactors(*(jnp.asarray(part) for part in (spot, funding, basis, volatility)))


def bitcoin_alone():
    """The price of BTC as the only factor."""
    none = jnp.zeros((4, 1))
    return RiskFactors(jnp.zeros((5, 1)).at[BTC, 0].set(1.0), jnp.zeros((5, 1)), none, none)


def options(strikes, signs, quantities, *, pillar=1):
    """A book with one account that holds options on BTC."""
    count = len(strikes)
    batch = LinearOptions(
        pillar=jnp.full(count, pillar), strike=jnp.asarray(strikes), sign=jnp.asarray(signs),
        settlement=jnp.full(count, USD), multiplier=jnp.ones(count),
    )  # fmt: skip
    held = np.array(quantities)
    positions = build_positions(np.zeros(count, int), np.arange(count), held, accounts=1)
    return Book((pad_instruments(batch),), positions)


def coins(assets, quantities):
    """A book with one account that holds coins."""
    count = len(assets)
    batch = Spot(jnp.asarray(assets), jnp.full(count, USD), jnp.ones(count))
    held = np.array(quantities)
    positions = build_positions(np.zeros(count, int), np.arange(count), held, accounts=1)
    return Book((pad_instruments(batch),), positions)


def loss_of(held, factors, moves, account=0, *, time=DAY):
    """Losses of an account by `revalue`, the valuation that everything else uses."""
    shocks = factors.shocks(jnp.asarray(moves), time=time)
    return -np.asarray(revalue(held, market(), shocks)[account])


def random_moves(root, radius, count=20_000):
    """Moves on the sphere of the given radius and inside it."""
    random = np.random.default_rng(11)
    z = random.normal(size=(root.shape[1], count))
    z *= radius * random.uniform(size=count) ** (np.arange(count) % 2) / np.linalg.norm(z, axis=0)
    return np.asarray(root) @ z


BOOKS = {
    "short strangle": options([54_000.0, 66_000.0], [-1.0, 1.0], [-3.0, -2.0]),
    "long straddle": options([60_000.0, 60_000.0], [-1.0, 1.0], [1.0, 1.0]),
    "risk reversal": options([54_000.0, 66_000.0], [-1.0, 1.0], [-2.0, 2.0]),
}


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("radius", [1.0, 4.0])
def test_no_random_move_loses_more(name, radius):
    held = BOOKS[name]
    worst = worst_loss(
        held, market(), six_factors(), ROOT, account=0, radius=radius, time=DAY, key=KEY
    )
    drawn = loss_of(held, six_factors(), random_moves(ROOT, radius))
    assert float(worst.loss) >= drawn.max()
    assert float(worst.loss) <= drawn.max() + 0.2 * np.ptp(drawn)  # and is not out of reach
    np.testing.assert_allclose(
        worst.loss, loss_of(held, six_factors(), worst.moves[:, None])[0], rtol=1e-9
    )
    assert int(worst.status) == StressStatus.CONVERGED
    assert float(worst.radius) <= radius * (1.0 + 1e-12)


@pytest.mark.parametrize("name", BOOKS)
def test_the_most_plausible_move_that_loses_the_worst_loss_is_the_worst_move(name):
    held, setting = BOOKS[name], {"account": 0, "time": DAY, "key": KEY}
    worst = worst_loss(held, market(), six_factors(), ROOT, radius=2.0, **setting)
    found = most_plausible_loss(
        held, market(), six_factors(), ROOT, amount=float(worst.loss), **setting
    )
    np.testing.assert_allclose(found.radius, 2.0, rtol=1e-7)
    np.testing.assert_allclose(found.loss, worst.loss, rtol=1e-8)
    np.testing.assert_allclose(found.moves, worst.moves, atol=1e-5)
    assert int(found.status) == StressStatus.CONVERGED


def test_a_linear_book_has_its_published_worst_move_and_radius():
    """Moves a million times smaller make the P&L of coins linear to 1e-6."""
    file = oracle("backtest/es_var_analytic.json")
    case, expected = file["elliptical_euler_case"], file["mahalanobis_maxloss_linear"]
    tiny, assets = 1e-6, [BTC, ETH, USDC]
    spot = jnp.zeros((5, 3)).at[jnp.array(assets), jnp.arange(3)].set(tiny)
    none = jnp.zeros((4, 3))
    factors = RiskFactors(spot, jnp.zeros((5, 3)), none, none)
    held = coins(assets, np.array(case["x"]) / np.asarray(market().spot)[assets] / tiny)
    root = jnp.linalg.cholesky(jnp.array(case["Sigma"]))
    setting = {"account": 0, "time": 0.0, "key": KEY, "mean": jnp.array(case["mu"])}
    worst = worst_loss(held, market(), factors, root, radius=expected["radius"], **setting)
    np.testing.assert_allclose(worst.loss, expected["max_loss"], rtol=2e-6)
    np.testing.assert_allclose(worst.moves, expected["worst_factor_move"], rtol=2e-6)
    np.testing.assert_allclose(worst.plausibility, chi2.sf(9.0, 3), rtol=1e-9)
    # Of a linear loss the squared radius splits as its variance does: x_i (Sigma x)_i / x'Sigma x.
    variance = np.array(case["x"]) * (np.array(case["Sigma"]) @ np.array(case["x"]))
    np.testing.assert_allclose(worst.contribution, variance / variance.sum(), rtol=1e-5)
    found = most_plausible_loss(held, market(), factors, root, amount=100.0, **setting)
    np.testing.assert_allclose(
        found.radius, expected["reverse: smallest radius for loss 100"], rtol=2e-6
    )


def test_coins_lose_most_at_their_lowest_price_and_are_reached_in_closed_form():
    held, volatility, mean = coins([BTC], [2.0]), 0.04, 0.01
    setting = {"account": 0, "time": DAY, "key": KEY, "mean": jnp.array([mean])}
    root = jnp.array([[volatility]])
    worst = worst_loss(held, market(), bitcoin_alone(), root, radius=3.0, **setting)
    expected = 120_000.0 * (1.0 - np.exp(mean - 3.0 * volatility))
    np.testing.assert_allclose(worst.loss, expected, rtol=1e-12)
    np.testing.assert_allclose(worst.contribution, [1.0], rtol=1e-12)
    found = most_plausible_loss(held, market(), bitcoin_alone(), root, amount=20_000.0, **setting)
    expected = (mean - np.log(1.0 - 20_000.0 / 120_000.0)) / volatility
    np.testing.assert_allclose(found.radius, expected, rtol=1e-9)
    far = most_plausible_loss(
        held, market(), bitcoin_alone(), root, amount=60_000.0, largest_radius=5.0, **setting
    )
    assert int(far.status) == StressStatus.UNREACHED
    np.testing.assert_allclose(far.loss, 120_000.0 * (1.0 - np.exp(mean - 0.2)), rtol=1e-12)
    now = most_plausible_loss(
        held, market(), bitcoin_alone(), root, amount=-2_000.0, **setting
    )  # the mean move gains 1,206
    assert float(now.radius) == 0.0 and int(now.status) == StressStatus.CONVERGED
    np.testing.assert_array_equal(now.contribution, 0.0)
    assert float(now.plausibility) == 1.0


@pytest.mark.parametrize("lead", [0.0, 0.03])
def test_a_long_straddle_loses_most_where_its_delta_is_zero(lead):
    """N(d1) = 1/2 at F = K exp(-v^2 / 2), inside the ball; with `lead` zero that is no move."""
    today, strike = market(), 60_200.0
    total = float(today.total_volatility(jnp.array([1]), jnp.array([strike]))[0])
    forward = strike * np.exp(-0.5 * total**2 - lead)
    today = eqx.tree_at(lambda m: m.forward, today, today.forward.at[1].set(forward))
    held = options([strike, strike], [-1.0, 1.0], [1.0, 1.0])
    setting = {"account": 0, "time": 0.0, "key": KEY}
    worst = worst_loss(held, today, bitcoin_alone(), jnp.array([[0.04]]), radius=3.0, **setting)
    np.testing.assert_allclose(worst.moves, [lead], atol=1e-6)
    assert int(worst.status) == StressStatus.CONVERGED
    if lead == 0.0:
        np.testing.assert_allclose(worst.loss, 0.0, atol=1e-6)
        np.testing.assert_allclose(worst.plausibility, 1.0, atol=1e-4)
    else:
        assert float(worst.loss) > 0.0


def test_every_kind_of_contract_counts_in_its_account():
    """The loss of the scenario found is that of `revalue`, which sees the whole book."""
    held = book(12)
    for account in (7,):
        worst = worst_loss(
            held, market(), six_factors(), ROOT, account=account, radius=3.0, time=DAY, key=KEY
        )
        own = loss_of(held, six_factors(), worst.moves[:, None], account)[0]
        np.testing.assert_allclose(worst.loss, own, rtol=1e-8)
        drawn = loss_of(held, six_factors(), random_moves(ROOT, 3.0, 2_000), account)
        assert float(worst.loss) >= drawn.max()


def test_the_components_of_the_root_do_not_matter():
    """Cholesky's root, and one with more components than factors, of the same covariance."""
    held, setting = BOOKS["risk reversal"], {"account": 0, "radius": 2.5, "time": DAY, "key": KEY}
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 6)))
    first = worst_loss(held, market(), six_factors(), ROOT, **setting)
    second = worst_loss(held, market(), six_factors(), ROOT @ turn.T, **setting)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(first.plausibility, chi2.sf(2.5**2, 6), rtol=1e-9)
    moves = np.asarray(first.moves)
    split = moves * np.linalg.solve(COVARIANCE, moves) / 2.5**2
    np.testing.assert_allclose(first.contribution, split, rtol=1e-7, atol=1e-10)


def test_a_singular_covariance_is_as_good_as_the_factors_that_it_leaves():
    """ETH moves as BTC and the other factors not at all: one component in six."""
    held = BOOKS["short strangle"]
    root = jnp.zeros((6, 6)).at[0, 2].set(0.04).at[1, 2].set(0.05)
    setting = {"account": 0, "radius": 3.0, "time": DAY, "key": KEY}
    worst = worst_loss(held, market(), six_factors(), root, **setting)
    alone = worst_loss(held, market(), bitcoin_alone(), jnp.array([[0.04]]), **setting)
    np.testing.assert_allclose(worst.loss, alone.loss, rtol=1e-10)
    np.testing.assert_allclose(worst.radius, 3.0, rtol=1e-12)
    np.testing.assert_allclose(worst.plausibility, chi2.sf(9.0, 1), rtol=1e-9)
    np.testing.assert_allclose(worst.contribution, [0.5, 0.5, 0, 0, 0, 0], atol=1e-12)


def test_what_expires_on_the_way_loses_its_payoff():
    """Pillar 0 settles within the day: kinks, at which the search may stop, but not too low."""
    held = options([58_000.0, 62_000.0], [-1.0, 1.0], [-1.0, -1.5], pillar=0)
    worst = worst_loss(
        held, market(), six_factors(), ROOT, account=0, radius=3.0, time=DAY, key=KEY
    )
    drawn = loss_of(held, six_factors(), random_moves(ROOT, 3.0, 5_000))
    assert float(worst.loss) >= drawn.max()


def test_an_account_without_positions_loses_nothing():
    none = np.zeros(0, int)
    held = Book(
        tuple(map(pad_instruments, PLAIN)), build_positions(none, none, np.zeros(0), accounts=2)
    )
    setting = {"account": 1, "time": DAY, "key": KEY}
    worst = worst_loss(held, market(), six_factors(), ROOT, radius=3.0, **setting)
    assert float(worst.loss) == 0.0 and int(worst.status) == StressStatus.CONVERGED
    found = most_plausible_loss(held, market(), six_factors(), ROOT, amount=1.0, **setting)
    assert int(found.status) == StressStatus.UNREACHED


def test_a_market_that_is_not_finite_is_said_to_be():
    today = eqx.tree_at(lambda m: m.forward, market(), market().forward.at[1].set(jnp.nan))
    worst = worst_loss(
        BOOKS["risk reversal"], today, six_factors(), ROOT,
        account=0, radius=3.0, time=DAY, key=KEY,
    )  # fmt: skip
    assert int(worst.status) == StressStatus.INVALID and bool(jnp.isnan(worst.loss))


def test_another_market_radius_and_horizon_compile_nothing_new(monkeypatch):
    for verb in ("_worst", "_most_plausible"):
        inner = getattr(_reverse_stress, verb).__wrapped__
        traced = jax.jit(
            chex.assert_max_traces(inner, n=1), static_argnames=("starts", "iterations")
        )
        monkeypatch.setattr(_reverse_stress, verb, traced)
    held = BOOKS["short strangle"]
    for step in (0.9, 1.0):
        today = eqx.tree_at(lambda m: m.forward, market(), market().forward * step)
        setting = {"account": 0, "time": DAY * step, "key": KEY}
        worst_loss(held, today, six_factors(), ROOT, radius=2.0 * step, **setting)
        most_plausible_loss(held, today, six_factors(), ROOT, amount=2_000.0 * step, **setting)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"account": 1}, "account must lie in 0 .. 0"),
        ({"radius": 0.0}, "radius must be a positive number; got 0.0"),
        ({"time": -1.0}, "time must not be negative"),
        ({"starts": -1}, "starts must not be negative"),
        ({"iterations": 0}, "iterations must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(setting, words):
    given = {"account": 0, "radius": 2.0, "time": DAY, "key": KEY} | setting
    with pytest.raises(InvalidInputError, match=words):
        worst_loss(BOOKS["risk reversal"], market(), six_factors(), ROOT, **given)


def test_a_root_of_other_factors_and_an_endless_amount_are_refused():
    held, setting = BOOKS["risk reversal"], {"account": 0, "time": DAY, "key": KEY}
    with pytest.raises(InvalidInputError, match="root needs one row per factor, 6"):
        worst_loss(held, market(), six_factors(), ROOT[:4], radius=1.0, **setting)
    with pytest.raises(InvalidInputError, match="amount must be a finite number"):
        most_plausible_loss(held, market(), six_factors(), ROOT, amount=float("inf"), **setting)
