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
import equinox as eqx
import numpy as np
from kinds import RULEBOOKS, book, market, shocks
from jaxmargin.valuation import revalue
assert jax.local_device_count() == {devices}
result = RULEBOOKS[0].requirement(book(203), market())
pnl = revalue(book(203), market(), shocks())
held = book(203)

def total(quantities, state):
    where = lambda b: [block.quantity for block in b.positions.blocks]
    moved = eqx.tree_at(where, held, quantities)
    return RULEBOOKS[0].requirement(moved, state).initial.sum()

quantities = [block.quantity for block in held.positions.blocks]
by_quantity = jax.grad(total)(quantities, market())
by_spot = jax.grad(lambda s: total(quantities, eqx.tree_at(lambda m: m.spot, market(), s)))
np.savez(
    {out!r},
    initial=result.initial,
    worst=result.worst_scenario,
    pnl=pnl,
    by_quantity=np.concatenate([np.asarray(leaf).reshape(-1) for leaf in by_quantity]),
    by_spot=by_spot(market().spot),
)
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
    for name in ("initial", "worst", "pnl", "by_quantity"):
        np.testing.assert_array_equal(several[name], one[name])
    np.testing.assert_allclose(several["by_spot"], one["by_spot"], rtol=1e-12)
