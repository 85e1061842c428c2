"""Folders of results are read as their JSON files say, or refused with every reason."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
from result_folders import change, every_folder, margin_folder

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems
from jaxmargin.jobs import write_report
from jaxmargin.jobs._result_folders import read_results
from jaxmargin.jobs._result_kinds import KINDS

NAMES = ["alpha", "beta", "gamma", "delta"]
WRONG = ("x", [1], {"x": []}, True, -1, 10**400)


def read(folder):
    problems = Problems()
    found = read_results([folder], problems)
    return found, problems.found


def facts_file(folder):
    return next(folder / kind.facts for kind in KINDS.values() if (folder / kind.facts).exists())


@pytest.mark.parametrize("table", ["requirements", "components"])
def test_any_bit_that_turns_over_in_a_table_is_noticed(tmp_path, table):
    file = margin_folder(tmp_path / "m", NAMES) / f"{table}.parquet"
    content, random = file.read_bytes(), np.random.default_rng(6)
    for at in random.integers(0, 8 * len(content), 60).tolist():
        spoiled = bytearray(content)
        spoiled[at // 8] ^= 1 << at % 8
        file.write_bytes(spoiled)
        found, problems = read(tmp_path / "m")
        assert not found and len(problems) == 1
        assert f"{table}.parquet: not the SHA-256 that manifest.json states" in problems[0]


def test_a_table_of_an_earlier_run_is_not_shown(tmp_path):
    """It lies there, but the JSON file does not name it; a needed one that it does not is told."""
    folder = margin_folder(tmp_path / "m", NAMES, states=True)
    states = pd.read_parquet(folder / "states.parquet")
    margin_folder(folder, NAMES[:2], states=False)
    (found,), problems = read(folder)
    assert not problems and "states" not in found.tables and len(states) == 4
    change(folder, tables=[])
    found, problems = read(folder)
    assert not found and len(problems) == 2
    assert all("not among the tables that manifest.json names" in each for each in problems)


def test_files_of_other_folders_are_not_tables(tmp_path):
    folder = margin_folder(tmp_path / "m", NAMES)
    facts = json.loads((folder / "manifest.json").read_text())
    for entry in facts["tables"]:
        entry["file"] = f"../m/{entry['file']}"
    found, problems = read(change(folder, tables=facts["tables"]))
    assert not found and "not among the tables" in problems[0]


def test_a_table_above_the_limit_is_refused(tmp_path, monkeypatch):
    folder = margin_folder(tmp_path / "m", NAMES)
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "100")
    found, problems = read(folder)
    assert not found and all("too large" in each for each in problems)


def places(content, above=()):
    """Where values stand in plain data."""
    for key, value in content.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


def test_a_value_of_another_type_is_shown_or_refused_but_never_a_fault(tmp_path, undrawn):
    """Every key of every JSON file in turn, in six ways."""
    folders, out = every_folder(tmp_path, NAMES, "plain"), tmp_path / "report.html"
    status = {"stale": True, "since": "now", "problems": ["p"], "state": "running"}
    (folders[0] / "status.json").write_text(json.dumps(status))
    tried, refused = 0, []
    for folder in folders:
        write_report([folder], out)
        for file in (facts_file(folder), folder / "status.json"):
            text = file.read_text() if file.exists() else "{}"
            for path in places(json.loads(text)):
                for wrong in WRONG:
                    facts = json.loads(text)
                    inner = facts
                    for key in path[:-1]:
                        inner = inner[key]
                    inner[path[-1]] = copy.deepcopy(wrong)
                    file.write_text(json.dumps(facts))
                    tried += 1
                    try:
                        write_report([folder], out)
                    except InvalidInputError as error:
                        refused.append((folder, error.problems))
            if text != "{}":
                file.write_text(text)
    assert tried > 500 and len(refused) > tried / 3
    assert all(str(folder) in each for folder, problems in refused for each in problems)


@pytest.mark.parametrize(("key", "value"), [("counts", [1]), ("versions", ["x"]), ("inputs", [1])])
def test_what_is_of_another_type_is_named(tmp_path, key, value):
    found, problems = read(change(margin_folder(tmp_path / "m", NAMES), **{key: value}))
    assert not found and len(problems) == 1
    assert f"{key} is not " in problems[0]


def test_json_nested_too_deep_is_refused(tmp_path):
    folder = margin_folder(tmp_path / "m", NAMES)
    (folder / "manifest.json").write_text('{"a":' * 5_000 + "1" + "}" * 5_000)
    found, problems = read(folder)
    assert not found and "levels" in problems[0] and str(folder) in problems[0]
