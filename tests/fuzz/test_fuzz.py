"""Spoiled files of every kind are read, or refused by name: no other exception, and no traceback.

JAXMARGIN_FUZZ says how many are tried; JAXMARGIN_FUZZ_SEED makes them others.
"""

import os
import warnings

import numpy as np
import pytest
from fuzz.mutations import spoil_bytes, spoil_table, spoil_text, table_bytes
from fuzz.readers import readers, refusal

TRIED = int(os.environ.get("JAXMARGIN_FUZZ", "2500"))
SEED = int(os.environ.get("JAXMARGIN_FUZZ_SEED", "20261126"))


def weight(reader):
    """How often a reader is chosen: a whole job takes long, and files of settings are many."""
    settings = reader.file.name == "settings.toml"
    return 4.0 if reader.whole else 3.0 if settings else 10.0


@pytest.fixture(scope="module")
def every_reader(tmp_path_factory):
    return readers(tmp_path_factory.mktemp("fuzz"))


def spoiled(reader, random):
    """The bytes of a spoiled file."""
    if reader.table is None:
        if random.integers(0, 3) == 0:
            return spoil_bytes(reader.sound, random)
        return spoil_text(reader.sound.decode("utf-8"), random).encode("utf-8")
    with warnings.catch_warnings(action="ignore"):  # of pandas, about what it is asked to write
        if random.integers(0, 3) == 0:
            content = table_bytes(reader.table, reader.file.suffix, random)
            return spoil_bytes(content, random)
        content = None
        while content is None:  # pandas cannot write every table
            content = table_bytes(spoil_table(reader.table, random), reader.file.suffix, random)
    return content


def test_sound_files_are_taken(every_reader):
    for reader in every_reader:
        assert refusal(reader) == (), reader.name


def test_no_spoiled_file_ends_in_anything_but_a_message_that_names_it(every_reader, capsys):
    weights = np.array([weight(reader) for reader in every_reader])
    refused = 0
    for number in range(TRIED):
        random = np.random.default_rng([SEED, number])
        reader = every_reader[random.choice(len(every_reader), p=weights / weights.sum())]
        content = spoiled(reader, random)
        reader.file.write_bytes(content)
        try:
            problems = refusal(reader)
        except BaseException as error:
            kept = reader.file.with_name("spoiled" + reader.file.suffix)
            kept.write_bytes(content)
            error.add_note(f"fuzz input {number} of seed {SEED}, {reader.name}: {kept}")
            raise
        finally:
            reader.file.write_bytes(reader.sound)
        names = [each.file.name for each in every_reader if each.file.is_relative_to(reader.root)]
        names.append(str(reader.root))  # of a file whose name was spoiled
        for problem in problems:
            assert any(name in problem for name in names), (number, reader.name, problem)
            assert problem.isprintable(), (number, reader.name, problem)
        refused += bool(problems)
    with capsys.disabled():
        print(f"\nfuzz: {TRIED:,} spoiled files tried, {refused:,} refused, 0 tracebacks")
    assert 0.3 * TRIED < refused < TRIED
