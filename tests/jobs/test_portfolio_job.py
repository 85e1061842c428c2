"""Venues' portfolio margin on a job, side by side."""

import dataclasses
import hashlib
import json
import shutil
import tomllib

import numpy as np
import pytest
from job_files import edit_table, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import rulebook_library
from jaxmargin.jobs import run_compare, run_margin
from jaxmargin.jobs._load import load_inputs
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs._venue_rulebooks import build_venue_rulebook

NAMES = ["okx-pm", "deribit-pm", "bybit-uta"]
COINS = ("BTC", "ETH")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Perpetuals and futures of two coins."""
    path = make_job(tmp_path_factory.mktemp("portfolio"), accounts=9)
    kept = set()

    def of_two_coins(table):
        linear = table["kind"].str.contains("future|perpetual")
        table = table[linear & table["underlying"].isin(COINS)]
        kept.update(table["instrument"])
        return table

    edit_table(path, "instruments", of_two_coins)
    edit_table(path, "positions", lambda table: table[table["instrument"].isin(kept)])
    return path


def test_three_venues_margin_every_account_of_a_job(job):
    compared = run_compare(job, NAMES, job.parent / "out")
    wide = compared.margins.pivot(index="account", columns="rulebook", values="initial")
    held = load_inputs(job).book.accounts
    assert set(wide.index) == set(held) and len(wide.columns) == 3
    assert np.isfinite(wide.to_numpy()).all() and (wide.to_numpy() > 0.0).all()
    worst = compared.margins.set_index(["rulebook", "account"])["worst_scenario"]
    assert set(worst["bybit-uta"]) == {"no move"}
    assert worst["deribit-pm"].str.contains(r"BTC|ETH").all()


def test_what_an_underlying_follows_needs_settings_of_its_own(job, tmp_path):
    """A wrapped coin is in the unit of its coin: a set without the coin would margin nothing."""
    inputs = load_inputs(job)
    assets, instruments = inputs.market.assets.copy(), inputs.book.instruments
    assets.loc[assets["asset"] == "ETH", ["kind", "base"]] = ["wrapped", "BTC"]
    inputs = dataclasses.replace(
        inputs,
        market=dataclasses.replace(inputs.market, assets=assets),
        book=dataclasses.replace(
            inputs.book, instruments=instruments[instruments["underlying"] == "ETH"]
        ),
    )
    text = (
        'rulebook = "okx-pm"\n[own]\nsource = "chosen"\ndate = 2026-02-05\n[own.parameters]\n'
        "initial_factor = 1.3\nextreme_share = 0.5\n[own.assets.ETH]\nspot_moves = [-0.1, 0.1]\n"
        "extreme_move = 0.2\nleast_basis_move = 0.002\nannualized_basis_move = 0.05\n"
        "minimum_rate = 0.005\nminimum_lower = [0.0]\nminimum_multiplier = [1.0]\n"
    )
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=r"assets\.BTC\.extreme_move: no value"):
        build_venue_rulebook("okx-pm", None, file, inputs, "[rulebook]")
    file.write_text(text + text[text.index("[own.assets") :].replace("ETH", "BTC"))
    rule = build_venue_rulebook("okx-pm", None, file, inputs, "[rulebook]")
    assert float(rule.extreme_move[list(assets["asset"]).index("BTC")]) == 0.2


def test_the_settings_are_inputs_of_a_run_and_a_changed_file_is_found(job, tmp_path):
    """SHA-256 by hashlib; set and date as the file states them."""
    folder = tmp_path / "job"
    shutil.copytree(job.parent, folder)
    packaged = rulebook_library()["fixed-percentage"]
    own = folder / "own.toml"
    shutil.copy(packaged, own)
    text = job.read_text()
    start, end = text.index("[scenarios]"), text.index("[allocation]")
    paths = {"own": 'file = "own.toml"\n', "packaged": ""}
    for name, line in paths.items():
        rule = f'[rulebook]\nkind = "fixed-percentage"\nset = "leverage-4"\n{line}\n'
        (folder / f"{name}-job.toml").write_text(text[:start] + rule + text[end:])
    stated = tomllib.loads(packaged.read_text())["leverage-4"]
    digest = hashlib.sha256(packaged.read_bytes()).hexdigest()
    for name, file in (("own", own), ("packaged", packaged)):
        manifest = run_margin(folder / f"{name}-job.toml", folder / name).manifest
        facts = {key: manifest["scenarios"][key] for key in ("set", "date", "file", "sha256")}
        assert facts == {
            "set": "leverage-4",
            "date": str(stated["date"]),
            "file": file.name,
            "sha256": digest,
        }
        hashes = {each["file"]: each["sha256"] for each in manifest["inputs"]}
        assert hashes.get("own.toml") == (digest if name == "own" else None)
    read_run(folder / "own")
    own.write_text(own.read_text() + "# other\n")
    with pytest.raises(InvalidInputError, match=r"own\.toml: not the SHA-256"):
        read_run(folder / "own")
    content = json.loads((folder / "own/manifest.json").read_text())
    content["inputs"] = [each for each in content["inputs"] if each["file"] != "own.toml"]
    (folder / "own/manifest.json").write_text(json.dumps(content))
    with pytest.raises(InvalidInputError, match=r"has 6 of the 7 files"):
        read_run(folder / "own")
