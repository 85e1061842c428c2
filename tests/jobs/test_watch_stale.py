"""Inputs that cannot be used in part: the others are margined, and no margin falls by it."""

import json

import numpy as np
import pandas as pd
import pytest
from job_files import edit_text, set_cell
from watch_jobs import hold, make_watched, same_as_full, set_balances, watched

BALANCES = "fallen,USDC,1000000\nlong,USDC,500000\nshort,BTC,20\n"


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


def tables(job, number):
    """Requirements and components of an update, by account."""
    folder = job.parent / f"watch/updates/{number:06d}"
    requirements = pd.read_parquet(folder / "requirements.parquet").set_index("account")
    components = pd.read_parquet(folder / "components.parquet")
    parts = components.pivot(index="account", columns="component", values="amount")
    np.testing.assert_allclose(parts.sum(axis=1), requirements["initial"], rtol=1e-12)
    states = pd.read_parquet(folder / "states.parquet").set_index("account")
    for name in ("initial", "maintenance"):
        assert (states[name] == requirements[name]).all()
    return requirements, parts


def test_with_a_bad_market_new_positions_are_margined_at_the_last_one_and_none_falls(job):
    def trade():
        set_cell(job, "assets", "spot", 1, -1.0)
        hold(job, "long", 4.0)
        hold(job, "short", -0.5)
        hold(job, "new", 1.0)
        set_balances(job, BALANCES + "new,USDC,1\n")

    spot = pd.read_parquet(job.parent / "market/assets.parquet")["spot"][0]
    first, second, third, fourth = watched(
        job, trade, None, lambda: set_cell(job, "assets", "spot", 1, spot)
    )
    assert [look["update"] for look in (first, second, third, fourth)] == [1, 2, 2, 3]
    assert second["stale"] and second["mode"] == "incremental" and second["charged"] == 3
    assert second["held"] == 1 and first["held"] == fourth["held"] == 0
    assert second["margins_as_of"] == first["as_of"] and not fourth["stale"]
    assert (second["calls"]["opened"], fourth["calls"]["continued"]) == (1, 1)  # of the new one
    same_as_full(job)
    before, stale, after = (tables(job, number) for number in (1, 2, 3))
    assert after[0]["initial"]["long"] > 1.9 * before[0]["initial"]["long"]
    assert after[0]["initial"]["short"] < 0.2 * before[0]["initial"]["short"]
    for one, old, new in zip(stale, before, after, strict=True):
        assert one.loc["short"].equals(old.loc["short"])
        others = ["fallen", "long", "new", "owner"]
        assert one.loc[others].equals(new.loc[others])


def test_with_unreadable_collateral_market_and_positions_are_margined_beside_the_last_one(job):
    def trade():
        (job.parent / "balances.csv").write_text("account,asset\n")
        set_cell(job, "assets", "spot", 1, 90_000.0)
        hold(job, "owner", 9.0)

    looks = watched(job, trade, lambda: set_balances(job, BALANCES + "owner,USDC,7\n"))
    assert [look["update"] for look in looks] == [1, 2, 3]
    assert looks[1]["stale"] and looks[1]["mode"] == "full" and not looks[2]["stale"]
    assert looks[2]["mode"] == "collateral"  # nothing else is new
    before, stale, after = (tables(job, number)[0] for number in (1, 2, 3))
    assert after["initial"]["owner"] > 8.9 * before["initial"]["owner"]  # 6 as many, 1.5 the price
    assert (stale["initial"] == np.maximum(before["initial"], after["initial"])).all()
    manifest = json.loads((job.parent / "watch/updates/000002/manifest.json").read_text())
    old = json.loads((job.parent / "watch/updates/000001/manifest.json").read_text())
    hashes = [{file["file"]: file["sha256"] for file in m["inputs"]} for m in (old, manifest)]
    differ = {name for name in hashes[0] if hashes[0][name] != hashes[1][name]}
    assert differ == {"assets.parquet", "positions.parquet"}
    same_as_full(job)


def test_stale_margins_are_raised_by_the_uplift_until_inputs_are_good_again(job):
    text = job.read_text()
    states = {}

    def spoil():
        states.update(old=(job.parent / "watch/current/states.parquet").read_bytes())
        edit_text(job, "level = 0.975", "level = 97.5")

    def grow():
        set_balances(job, BALANCES.replace("500000", "400000"))

    looks = watched(
        job, spoil, None, grow, lambda: set_balances(job, BALANCES), lambda: job.write_text(text),
        None, uplift=0.1,
    )  # fmt: skip
    assert [look["update"] for look in looks] == [1, 2, 2, 3, 4, 5, 5]
    assert [look["mode"] for look in looks[1:6]] == ["uplift"] * 2 + ["collateral"] * 3
    assert [look["uplift"] for look in looks] == [0.0, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0]
    (exact, parts), (raised, more) = tables(job, 1), tables(job, 2)
    for name in ("initial", "maintenance"):
        np.testing.assert_allclose(raised[name], 1.1 * exact[name], atol=0.0100001)
        assert (raised[name] >= 1.1 * exact[name] - 1e-9).all()
    assert more.drop(columns="uplift").equals(parts) and set(more) == {*parts, "uplift"}
    assert tables(job, 3)[0].equals(raised)
    assert (job.parent / "watch/current/states.parquet").read_bytes() == states["old"]
    same_as_full(job)


def test_an_old_market_has_the_uplift_too_although_no_file_changed(job):
    looks = watched(job, None, None, every=60.0, most_age=60.5, uplift=0.25)
    assert [look["stale"] for look in looks] == [False, True, True]
    assert [(look["update"], look["mode"]) for look in looks[1:]] == [(2, "uplift")] * 2
    old, raised = tables(job, 1)[0], tables(job, 2)[0]
    np.testing.assert_allclose(raised["initial"], 1.25 * old["initial"], atol=0.0100001)
