"""Locks of a run's folder where they are taken, cannot be taken, or cannot be told."""

import errno
import fcntl
import os

import pytest
from run_steps import start

from jaxmargin.jobs.run import run_status
from jaxmargin.jobs.run._lock import is_locked, locked, locked_shard


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def of_nfs(number, kind):
    """`flock` by byte ranges: an exclusive one needs a file that is open to be written."""
    if kind & fcntl.LOCK_EX and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")


def test_status_works_where_exclusive_locks_need_a_file_open_to_be_written(out, monkeypatch):
    start(out)
    monkeypatch.setattr(fcntl, "flock", of_nfs)
    assert run_status(out).is_running is False


def test_status_of_who_may_only_read_is_told_on_a_local_disk_and_unknown_on_nfs(
    out, monkeypatch, run_command
):
    start(out, share=(0, 2))
    opened = os.open

    def read_only(path, way, *more):
        if str(path).endswith("lock") and way & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, way, *more)

    with locked(out, alone=False):
        monkeypatch.setattr(os, "open", read_only)
        assert is_locked(out) is True
    assert is_locked(out) is False
    monkeypatch.setattr(fcntl, "flock", of_nfs)
    assert is_locked(out) is None
    code, said, _ = run_command("status", out)
    assert code == 0
    assert "not complete, and whether a process is at work cannot be told" in said


@pytest.mark.parametrize(
    "hold", [lambda out: locked(out, alone=True), lambda o: locked_shard(o, 0)]
)
def test_a_disk_without_locks_is_told_with_the_file_and_the_cure(tmp_path, monkeypatch, hold):
    def without(number, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    with (
        pytest.raises(OSError, match=r"cannot be held \(No locks available\).*Make room") as caught,
        hold(tmp_path),
    ):
        pass
    assert str(caught.value.filename).startswith(str(tmp_path / "lock"))


def test_a_disk_too_full_to_say_who_holds_it_is_told_with_the_file_and_the_cure(
    tmp_path, monkeypatch
):
    def full(*words):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    message = "No space left on device"
    with pytest.raises(OSError, match=message) as caught, locked(tmp_path, alone=True):
        pass
    assert caught.value.filename == str(tmp_path / "lock")


def test_an_error_of_the_body_stays_as_it_is(tmp_path):
    with (
        pytest.raises(OSError, match="of the body") as caught,
        locked(tmp_path, alone=True),
        locked_shard(tmp_path, 0),
    ):
        raise OSError(errno.EIO, "of the body")
    assert caught.value.filename is None


def test_status_of_a_file_is_bad_input(tmp_path, run_command):
    (tmp_path / "out").write_text("")
    code, _, errors = run_command("status", tmp_path / "out")
    assert code == 2
    assert (
        errors
        == f"error: {tmp_path / 'out'}: not a folder. Give the --out folder of jaxmargin run.\n"
    )
