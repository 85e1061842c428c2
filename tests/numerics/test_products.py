"""Matrix products keep all digits of single precision on devices that would drop some."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmargin
from jaxmargin.numerics import exact_einsum, exact_matmul

LEFT_TO_THE_DEVICE = re.compile(r"jnp\.(matmul|einsum|dot|tensordot|vdot|inner)\(")
WAYS = {"matmul": exact_matmul, "einsum": lambda a, b: exact_einsum("ij,jk->ik", a, b)}


@pytest.mark.parametrize("product", WAYS.values(), ids=WAYS.keys())
def test_products_and_their_derivatives_ask_for_full_precision(product):
    one = jnp.ones((3, 3), jnp.float32)
    slopes = jax.make_jaxpr(jax.grad(lambda a, b: jnp.sum(product(a, b)), (0, 1)))(one, one)
    for program in (str(jax.make_jaxpr(product)(one, one)), str(slopes)):
        products = program.count("dot_general[")
        assert products > 0
        assert program.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == products


def test_products_are_those_of_double_precision_to_single_rounding():
    random = np.random.default_rng(2)
    a, b = (random.normal(size=(40, 40)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    error = np.abs(np.asarray(exact_matmul(jnp.asarray(a), jnp.asarray(b))) - exact) / bound
    assert error.max() < 40 * np.finfo(np.float32).eps  # TF32 errs by some 1e-4


def test_no_product_of_the_package_leaves_its_precision_to_the_device():
    root = Path(jaxmargin.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text()
        for found in LEFT_TO_THE_DEVICE.finditer(text):
            call = text[found.start() : text.index(")\n", found.start())]
            assert "precision=" in call, f"{path.relative_to(root)}: {call[:80]}"
