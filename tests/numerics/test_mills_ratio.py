import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erfcx

from jaxmargin.numerics import mills_ratio


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 5e-7)])
def test_mills_ratio_is_the_scaled_error_function_at_every_size(dtype, tolerance):
    x = np.concatenate([np.linspace(0.0, 60.0, 6001), np.logspace(2, 8, 61)]).astype(dtype)
    expected = np.sqrt(np.pi / 2.0) * erfcx(x.astype(np.float64) / np.sqrt(2.0))
    np.testing.assert_allclose(mills_ratio(jnp.asarray(x)), expected, rtol=tolerance)
