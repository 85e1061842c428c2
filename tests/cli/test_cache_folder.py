"""Compiled programs are kept in a folder that no one else can write to, or not at all."""

import os
import stat

import jax
import pytest

from jaxmargin.cli._session import prepare_jax


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder that the session would use; JAX keeps its own settings."""
    changed = {}
    monkeypatch.setattr(jax.config, "update", changed.__setitem__)
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")
    monkeypatch.setenv("JAXMARGIN_CACHE", str(tmp_path / "cache"))

    def prepare():
        changed.clear()
        kept = prepare_jax()
        assert kept == (changed.get("jax_compilation_cache_dir") == str(tmp_path / "cache"))
        return kept

    return tmp_path / "cache", prepare


def test_a_new_folder_is_for_the_user_alone(cache):
    folder, prepare = cache
    assert prepare() and stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used_and_a_warning_says_so(cache, capsys, mode):
    folder, prepare = cache
    folder.mkdir()
    folder.chmod(mode)
    assert not prepare()
    errors = capsys.readouterr().err
    assert f"warning: compiled programs are not kept: {folder} can be written by others" in errors
    assert f"chmod 700 {folder}" in errors
    folder.chmod(0o755)  # others may read
    assert prepare() and capsys.readouterr().err == ""


def test_a_folder_of_another_user_is_not_used(cache, capsys, monkeypatch):
    folder, prepare = cache
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert not prepare()
    assert "belongs to another user" in capsys.readouterr().err


def test_a_link_to_a_folder_that_others_can_write_to_is_seen_through(cache, tmp_path, capsys):
    folder, prepare = cache
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    folder.symlink_to(tmp_path / "open")
    assert not prepare() and "can be written by others" in capsys.readouterr().err
