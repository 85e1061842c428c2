"""Strict numeric settings for every test, chosen before anything is computed."""

import gc

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="module", autouse=True)
def _programs_of_one_module():
    """Give up compiled programs after each module: each takes three of the 65,530 memory maps that
    Linux allows a process by default, and the compiler crashes where there are none left.
    """
    yield
    jax.clear_caches()
    gc.collect()
