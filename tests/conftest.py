"""Strict numeric settings for every test, chosen before anything is computed."""

import gc
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


_MOST_MAPS = 20_000  # of the 65,530 that Linux allows a process by default


@pytest.fixture(scope="module", autouse=True)
def _room_for_compiled_programs():
    """Give up compiled programs after a module when they have become many.

    Each takes three memory maps, and the compiler crashes where there are none left.
    """
    yield
    maps = Path("/proc/self/maps")
    if not maps.exists() or len(maps.read_text().splitlines()) > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()
