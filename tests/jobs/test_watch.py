"""Watching a job: each change is met with as little work as is enough, and equals a full run."""

import gc
import json
import os
import sqlite3
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from compiling import compiled
from job_files import edit_table, edit_text, set_cell
from report_pages import shown
from safeguard_sets import HEAD, MOST_OFFSET, STRESS_BUFFER
from small_jobs import POSITIONS
from watch_jobs import (
    Script,
    content,
    hold,
    make_watched,
    same_as_full,
    set_balances,
    watched,
)

from jaxmargin.jobs import load_inputs, run_watch
from jaxmargin.jobs.watch import _updates

SAFEGUARDS = HEAD + STRESS_BUFFER + MOST_OFFSET
CHARGED = """
[safeguards]
file = "set.toml"
most_offset = "default"

[[add_on]]
kind = "wrong-way"
maintenance_share = 0.5
share = 0.1
"""


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


def test_a_changed_position_margins_its_account_alone_and_equals_a_full_run_bit_for_bit(
    job, undrawn
):
    first, second = watched(job, lambda: hold(job, "long", 2.5))
    assert (first["mode"], first["charged"], first["update"]) == ("full", 4, 1)
    assert (second["mode"], second["charged"], second["priced"]) == ("incremental", 1, 0)
    assert second["update"] == 2 and second["changed"] == ["positions.parquet"]
    same_as_full(job)
    manifest = json.loads((job.parent / "watch/current/manifest.json").read_text())
    full = json.loads((job.parent / "full/manifest.json").read_text())
    assert manifest["inputs"] == full["inputs"] and manifest["warnings"] == full["warnings"]
    assert (job.parent / "watch/current" / manifest["job"]).resolve() == job.resolve()
    calls = pd.read_parquet(job.parent / "watch/current/calls.parquet")
    page = shown(job.parent / "watch", "margin", job.parent / "page")
    assert page.tiles["Margin calls"][0] == str((calls["status"] != "closed").sum())


def test_accounts_that_come_and_go_leave_the_others_alone_and_equal_a_full_run(job):
    def come_and_go():
        hold(job, "kept", -1.0)  # between the others by name
        edit_table(job, "positions", lambda table: table[table["account"] != "owner"])

    _, second, third = watched(job, come_and_go, lambda: hold(job, "owner", 7.0))
    assert second["mode"] == "incremental" and second["charged"] == 2
    assert third["mode"] == "incremental" and third["charged"] == 1
    same_as_full(job)


def test_a_run_of_which_most_accounts_are_gone_begins_anew(job):
    def only(*accounts):
        set_balances(job, "".join(f"{account},USDC,500000\n" for account in accounts))
        rows = pd.DataFrame([(account, "BTC-SPOT", 1.0) for account in accounts])
        edit_table(job, "positions", lambda _: rows.set_axis(POSITIONS.columns, axis=1))

    # rows of the run: 4 of it, then 5 of 3 accounts, and 5 of 2, which are more than twice 2
    looks = watched(job, lambda: only("b", "long", "short"), lambda: only("b", "long"),
                    lambda: only("c", "long"))  # fmt: skip
    assert [look["mode"] for look in looks] == ["full", "incremental", "incremental", "full"]
    same_as_full(job)


@pytest.mark.parametrize("kind", ["fixed-percentage", "scan-grid"])
def test_rulebooks_of_venues_are_updated_bit_for_bit_too(job, kind):
    text = job.read_text()
    start, end = text.index("[scenarios]"), text.index("[allocation]")
    job.write_text(text[:start] + f'[rulebook]\nkind = "{kind}"\n' + text[end:])
    _, second = watched(job, lambda: hold(job, "short", -4.0))
    assert second["mode"] == "incremental" and second["charged"] == 1
    same_as_full(job)


def test_safeguards_and_add_ons_apply_to_incremental_margins_too(job):
    (job.parent / "set.toml").write_text(SAFEGUARDS)
    job.write_text(job.read_text() + CHARGED)
    _, second = watched(job, lambda: hold(job, "short", -4.0))
    assert second["mode"] == "incremental" and second["charged"] == 1
    same_as_full(job, "safeguards", "safeguards_state")


def test_market_history_and_settings_are_margined_in_full(job):
    def longer(table):
        return pd.concat([table.head(-3), table.tail(3).assign(close=[50_000.0, 2_000.0, 90.0])])

    looks = watched(
        job,
        lambda: set_cell(job, "assets", "spot", 1, 61_000.0),
        lambda: edit_table(job, "history", longer),
        lambda: edit_text(job, "level = 0.975", "level = 0.99"),
    )
    assert [look["mode"] for look in looks] == ["full"] * 4
    assert [look["changed"] for look in looks[1:]] == [
        ["assets.parquet"], ["history.parquet"], ["job.toml"]
    ]  # fmt: skip
    totals = [
        pd.read_parquet(job.parent / f"watch/updates/{number:06d}/requirements.parquet")["initial"]
        for number in range(1, 5)
    ]
    assert len({round(total.sum(), 2) for total in totals}) == 4
    same_as_full(job)


def test_where_nothing_changed_only_the_status_is_refreshed_and_no_file_is_read(job, monkeypatch):
    for file in job.parent.rglob("*.*"):
        os.utime(file, (1e9, 1e9))  # long ago, so that times of writing tell
    hashed = []
    monkeypatch.setattr(
        "jaxmargin.jobs.watch._look.sha256", lambda file: hashed.append(file) or file.name
    )
    out, kept = job.parent / "watch", {}

    def remember():
        kept.update(content(out / "current"))

    first, second, third = watched(job, remember, job.touch)
    files = 1 + 3 + 3 + 1  # the job, its market, its book, its history
    assert len(hashed) == files + 1 and hashed[-1] == job  # again only what was touched
    assert first["update"] == second["update"] == third["update"] == 1
    assert first["checked"] < second["checked"] < third["checked"]
    assert [path.name for path in (out / "updates").iterdir()] == ["000001"]
    assert content(out / "current") == kept


def test_a_position_that_changes_in_a_database_is_margined_alone(job):
    def trade(quantity):
        with sqlite3.connect(job.parent / "book.db") as database:
            held = POSITIONS.assign(
                quantity=POSITIONS["quantity"].where(POSITIONS.index > 0, quantity)
            )
            held.sample(frac=1.0, random_state=int(quantity)).to_sql(
                "held", database, index=False, if_exists="replace"
            )
        database.close()

    trade(4.0)
    edit_text(job, "positions.parquet", "sqlite:///book.db::held")
    first, second, third, fourth = watched(
        job, None, lambda: trade(5.0), (job.parent / "book.db").unlink
    )
    assert first["update"] == second["update"] == 1
    assert (third["mode"], third["charged"]) == ("incremental", 1)
    assert fourth["stale"] and "there is no file" in fourth["problems"][0]
    trade(5.0)
    same_as_full(job)


def test_two_hundred_updates_compile_nothing_and_hold_no_more_memory(job, monkeypatch):
    """Positions come from memory, and nothing waits for the disk: what is left is quick."""
    tables, file = load_inputs(job).book, job.parent / "positions.parquet"
    held, modes, random = [], {}, np.random.default_rng(7)

    def made_up(*arguments):
        quantity = np.round(random.uniform(-4.0, 4.0, 4), 4)
        changed = np.where(random.random(4) < 0.3, quantity, tables.positions["quantity"])
        return replace(tables, positions=tables.positions.assign(quantity=changed))

    def trade():
        file.write_bytes(random.bytes(100))

    def count(status, calls):
        modes[status["update"]] = status["mode"]
        if status["update"] in (20, 200):  # the first few make the programs
            gc.collect()
            held.append((len(names), len(jax.live_arrays()), len(gc.get_objects())))

    monkeypatch.setattr(_updates, "read_book", made_up)
    monkeypatch.setattr(os, "fsync", lambda number: None)
    with compiled() as names:
        run_watch(
            job, job.parent / "watch", keep=3, clock=Script(*[trade] * 200), report=count
        )  # fmt: skip
    assert len(modes) == 201 and set(list(modes.values())[1:]) == {"incremental"}
    (programs, arrays, objects), after = held
    assert after[:2] == (programs, arrays) and after[2] < 1.01 * objects
