"""Mark volatilities of Derive's feed, against those that its own test vectors state."""

import jax.numpy as jnp
import numpy as np
from reference import oracle

from jaxmargin.margin.derive import svi_volatility


def test_the_curve_of_every_expiry_gives_the_stated_volatility_of_every_option():
    stated, inputs = [], []
    for case in oracle("margin/derive_pmrm2.json")["cases"]:
        curves = {each["seconds_to_expiry"]: each["svi"] for each in case["market"]["expiries"]}
        for option in case["book"]["options"]:
            curve = curves[option["seconds_to_expiry"]]
            names = ("a", "b", "rho", "m", "sigma", "forward", "tau")
            inputs.append([option["strike"], *(curve[name] for name in names)])
            stated.append(option["vol"])
    assert len(stated) > 50
    found = svi_volatility(*jnp.asarray(np.array(inputs, float).T))
    np.testing.assert_allclose(found, stated, rtol=1e-9)
