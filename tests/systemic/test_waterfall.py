"""The default waterfall: amounts by hand, and money that is neither made nor lost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.systemic import WaterfallResources, run_waterfall

RESOURCES = WaterfallResources(
    margin=jnp.array([100.0, 50.0, 10.0, 20.0]),
    contribution=jnp.array([20.0, 10.0, 30.0, 10.0]),
    own_capital=jnp.array(25.0),
    second_capital=jnp.array(5.0),
    assessment=jnp.array(2.0),
)
FIRST = jnp.array([True, False, False, False])


def first_loses(amount, gain=None):
    loss = jnp.array([amount, 7.0, 0.0, 0.0])  # the survivor's 7 is its own affair
    return run_waterfall(loss, FIRST, RESOURCES, gain)


@pytest.mark.parametrize(
    ("loss", "margin", "fund", "own", "survivors", "second", "assessments", "unpaid"),
    [
        (60.0, 60.0, 0.0, 0.0, [0.0, 0.0, 0.0], 0.0, [0.0, 0.0, 0.0], 0.0),
        (130.0, 100.0, 20.0, 10.0, [0.0, 0.0, 0.0], 0.0, [0.0, 0.0, 0.0], 0.0),
        (170.0, 100.0, 20.0, 25.0, [5.0, 15.0, 5.0], 0.0, [0.0, 0.0, 0.0], 0.0),
        (250.0, 100.0, 20.0, 25.0, [10.0, 30.0, 10.0], 5.0, [10.0, 30.0, 10.0], 0.0),
        (310.0, 100.0, 20.0, 25.0, [10.0, 30.0, 10.0], 5.0, [20.0, 60.0, 20.0], 10.0),
    ],
)
def test_layers_pay_one_after_the_other(
    loss, margin, fund, own, survivors, second, assessments, unpaid
):
    paid = first_loses(loss)
    assert float(paid.defaulter_margin[0]) == margin and float(paid.defaulter_fund[0]) == fund
    assert float(paid.own_capital) == own and float(paid.second_capital) == second
    np.testing.assert_allclose(paid.survivors_fund[1:], survivors, rtol=1e-12)
    np.testing.assert_allclose(paid.assessments[1:], assessments, rtol=1e-12)
    assert float(paid.survivors_fund[0]) == 0.0 and float(paid.assessments[0]) == 0.0
    np.testing.assert_allclose(paid.unpaid, unpaid, atol=1e-12)


def test_gains_of_survivors_are_cut_last_and_in_proportion():
    paid = first_loses(310.0, jnp.array([9.0, 6.0, 0.0, 2.0]))
    np.testing.assert_allclose(paid.gains, [0.0, 6.0, 0.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(paid.unpaid, 2.0, rtol=1e-12)


def test_layers_add_up_to_the_loss_and_exceed_no_resource():
    random = np.random.default_rng(5)
    loss = jnp.asarray(random.exponential(120.0, (200, 4)))
    defaulted = jnp.asarray(random.random((200, 4)) < 0.4)
    gain = jnp.asarray(random.exponential(5.0, (200, 4)))
    paid = run_waterfall(loss, defaulted, RESOURCES, gain)
    by_member = [
        paid.defaulter_margin, paid.defaulter_fund, paid.survivors_fund, paid.assessments,
        paid.gains,
    ]  # fmt: skip
    together = sum(np.asarray(part).sum(axis=1) for part in by_member)
    together += np.asarray(paid.own_capital + paid.second_capital + paid.unpaid)
    whole = np.where(defaulted, loss, 0.0).sum(axis=1)
    np.testing.assert_allclose(together, whole, rtol=1e-12, atol=1e-9)
    assert (np.asarray(paid.defaulter_margin) <= np.asarray(RESOURCES.margin)).all()
    fund = np.asarray(paid.defaulter_fund + paid.survivors_fund)
    assert (fund <= np.asarray(RESOURCES.contribution) * (1.0 + 1e-12)).all()
    assert (np.asarray(paid.unpaid) >= 0.0).all() and (np.asarray(paid.unpaid) > 0.0).any()


def test_own_capital_saves_survivors_as_much_as_it_is_raised():
    def survivors(own):
        resources = WaterfallResources(
            RESOURCES.margin, RESOURCES.contribution, own, RESOURCES.second_capital,
            RESOURCES.assessment,
        )  # fmt: skip
        paid = run_waterfall(jnp.array([170.0, 0.0, 0.0, 0.0]), FIRST, resources)
        return jnp.sum(paid.survivors_fund)

    np.testing.assert_allclose(jax.grad(survivors)(jnp.array(25.0)), -1.0, rtol=1e-12)
