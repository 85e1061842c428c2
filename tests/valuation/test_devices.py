"""Accounts shared out over devices: the same margins to the last bit, however many there are."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from kinds import RULEBOOKS, book, market, shocks
from jaxmargin.valuation import revalue
assert jax.local_device_count() == {devices}
result = RULEBOOKS[0].requirement(book(203), market())
pnl = revalue(book(203), market(), shocks())
np.savez({out!r}, initial=result.initial, worst=result.worst_scenario, pnl=pnl)
"""


def margins(folder, devices):
    out = folder / f"{devices}.npz"
    tests = str(Path(__file__).parents[1])
    program = PROGRAM.format(tests=tests, devices=devices, out=str(out))
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=600)
    return np.load(out)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return margins(tmp_path_factory.mktemp("one"), 1)


@pytest.mark.parametrize("devices", [2, 4])
def test_several_devices_give_the_margins_of_one_bit_for_bit(one, tmp_path, devices):
    several = margins(tmp_path, devices)
    assert several["initial"].shape == (203,) and several["initial"].max() > 0.0
    for name in ("initial", "worst", "pnl"):
        np.testing.assert_array_equal(several[name], one[name])
