"""SIMM against sums done by hand from the published rule, and against published unit tests."""

from copy import deepcopy
from math import sqrt

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracle
from simm_by_hand import BY_HAND, TAIL, VOLATILITY, M, equity, fx, rates, together, vega
from simm_rows import RULE, arrays, margins, settings

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs._conform_simm import conform_simm
from jaxmargin.margin.simm import MEASURES, RISK_CLASSES


@pytest.fixture(scope="module")
def by_hand():
    rows = {name: held for name, (held, _) in BY_HAND.items()}
    return margins(rows), margins(rows, days=1)


@pytest.mark.parametrize("name", BY_HAND)
def test_margins_are_those_of_a_sum_by_hand(by_hand, name):
    found = by_hand[0].total[list(BY_HAND).index(name)]
    np.testing.assert_allclose(found, BY_HAND[name][1], rtol=1e-11, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("one rate", 13 * 2 * M),
        ("equity concentration", 9.3 * 40 * M),  # concentration does not count
        ("fx", together(0.27, 1.8 * 2 * M, 3.2 * M)),
        (
            "a pair of currencies is one whichever comes first",
            (0.096 * 0.7 + 0.05 * 14.0 / 365.0 * (1.0 + TAIL)) * sqrt(10.0) * VOLATILITY * 3.2
            * 3 * M,
        ),
    ],
)  # fmt: skip
def test_one_day_has_weights_of_its_own_and_a_tenth_of_the_curvature(by_hand, name, expected):
    found = by_hand[1].total[list(BY_HAND).index(name)]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_parts_add_up(by_hand):
    for margin in by_hand:
        added = sum(margin.add_ons.values())
        np.testing.assert_allclose(margin.total, margin.by_product.sum(-1) + added, rtol=1e-13)
        np.testing.assert_allclose(margin.by_risk_class, margin.components.sum(-1), rtol=1e-13)
        assert float(margin.components.min()) >= 0.0
    row = list(BY_HAND).index("indices of volatility have no curvature")
    of_equity = by_hand[0].components[row, 2, RISK_CLASSES.index("equity")]
    assert of_equity[MEASURES.index("vega")] > 0.0
    assert of_equity[MEASURES.index("curvature")] == 0.0


def test_the_calculation_currency_chooses_weights_and_correlations_of_fx():
    rows = {"held": [fx(2 * M, "EUR"), fx(M, "TRY"), fx(5 * M, "BRL")]}
    found = margins(rows, currency="BRL").total[0]
    np.testing.assert_allclose(found, together(0.54, 13.6 * 2 * M, 14.6 * M), rtol=1e-12)


def some_of_everything(seed):
    """Random rows of every risk type, none of which is near a kink, in a random order."""
    random = np.random.default_rng(seed)
    rows = [row for held, _ in BY_HAND.values() for row in held if row[0]]
    rows += [
        vega("CreditVol", 9 * M, "A", "2", "1y", "Credit"),
        ("Credit", "Risk_CreditVolNonQ", "A", "1", "1y", "CMBX", 5 * M),
        vega("CommodityVol", 3 * M, "Crude", "2", product="Commodity"),
        vega("InflationVol", 3 * M, "USD", "", "2y", "RatesFX"),
    ]
    rows = [(*row[:-1], row[-1] * random.uniform(0.5, 1.5)) for row in rows]
    return [rows[i] for i in random.permutation(len(rows))]


def test_gradient_is_that_of_central_differences_and_order_and_padding_change_nothing():
    held = some_of_everything(1)
    turned = [held[i] for i in np.random.default_rng(4).permutation(len(held))]
    padded = [*held, *(rates(0.0, "20y", currency=code) for code in ("AUD", "CHF"))]
    padded = [*padded, fx(0.0, "GBP"), equity(0.0, "Z", "11")]
    nothing = [rates(3 * M), rates(-3 * M), fx(0.0, "EUR"), equity(0.0)]
    sensitivities, add_ons = arrays(
        {"held": held, "turned": turned, "padded": padded, "nothing": nothing}
    )

    def totals(amount, parameters):
        return RULE(eqx.tree_at(lambda s: s.amount, sensitivities, amount), add_ons, parameters)

    @jax.jit
    @jax.grad
    def slopes(inputs):
        return jnp.sum(totals(*inputs).total)

    amount, parameters = sensitivities.amount, settings().parameters
    total = totals(amount, parameters).total
    np.testing.assert_allclose(total[1:3], total[0], rtol=1e-12)
    assert total[3] == 0.0
    by_amount, by_parameter = slopes((amount, parameters))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(by_amount))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(by_parameter))
    for seed in range(3):
        step = jax.random.normal(jax.random.key(seed), amount.shape) * jnp.abs(amount) * 1e-5
        step = step.at[3].set(0.0)  # what nets to nothing lies on a kink
        up, down = (totals(amount + sign * step, parameters).total for sign in (1.0, -1.0))
        change = jnp.sum(by_amount * step, axis=-1)
        np.testing.assert_allclose(0.5 * (up - down)[:3], change[:3], rtol=1e-5)
    more = jax.tree.map(lambda leaf: leaf * 1e-5, parameters.weights)
    up, down = (
        totals(
            amount,
            eqx.tree_at(
                lambda p: p.weights,
                parameters,
                jax.tree.map(lambda w, m, s=sign: w + s * m, parameters.weights, more),
            ),
        ).total
        for sign in (1.0, -1.0)
    )
    parts = jax.tree.map(lambda s, m: jnp.sum(s * m), by_parameter.weights, more)
    change = sum(jax.tree.leaves(parts))
    np.testing.assert_allclose(0.5 * jnp.sum(up - down), change, rtol=1e-5)


def test_every_published_total_is_met():
    document = oracle("margin/simm_2_5.json")
    compared = conform_simm(document)
    allowed = document["tolerance"]["absolute"]
    assert [one.case for one in compared if not one.passes(allowed, None)] == []
    assert len(compared) == len(document["cases"]) >= 183


def test_a_wrong_total_is_found_and_bad_cases_are_named():
    document = oracle("margin/simm_2_5.json")
    document["cases"] = [case for case in document["cases"] if case["id"] in ("10d_C3", "1d_C3")]
    wrong = deepcopy(document)
    wrong["cases"][0]["expected"] += 2.0
    first, second = conform_simm(wrong)
    assert not first.passes(0.5, None) and second.passes(0.5, None)
    name = document["cases"][0]["sensitivities"][0]
    for key, value, message in (
        ("risk_type", "Risk_IRCurv", f"unknown 'Risk_IRCurv'.*10d_C3 {name}, 1d_C3 {name}"),
        ("label1", "4y", f"unknown '4y'.*10d_C3 {name}"),
        ("bucket", "3", "not the bucket of the currency's volatility in 10d_C3"),
    ):
        wrong = deepcopy(document)
        wrong["sensitivities"][name][key] = value
        with pytest.raises(InvalidInputError, match=message):
            conform_simm(wrong)
    wrong = deepcopy(document)
    wrong["sensitivities"][name]["tenor"] = "1y"
    with pytest.raises(InvalidInputError, match=f"10d_C3, {name}: unknown key 'tenor'"):
        conform_simm(wrong)
    wrong = deepcopy(document)
    wrong["cases"][1]["holding_period_days"] = 5
    with pytest.raises(InvalidInputError, match=r"1d_C3, holding_period_days: got 5. Give one of"):
        conform_simm(wrong)
