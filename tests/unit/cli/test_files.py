"""Files: the old content or the new, never a part; nothing that blocks, never ends or is a device."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from signalbox.errors import InputError
from signalbox.files import read_limited, write_atomic


@pytest.mark.parametrize("name", ["plain", "made/on/the/way", "n" * 240, "\udc80"])
def test_what_was_written_is_read(tmp_path, name):
    path = tmp_path / name
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert read_limited(path, 3, "thing") == b"new"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["", ".", "/", "a\0b", "n" * 300])
def test_what_is_no_name_of_a_file_is_said(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"not the name of a file|cannot be written"):
        write_atomic(Path(name), b"x")
    with pytest.raises(InputError):
        read_limited(Path(name), 10, "thing")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_a_folder_and_a_device_are_neither_replaced_nor_read(tmp_path):
    pipe, folder, device = tmp_path / "pipe", tmp_path / "folder", tmp_path / "device"
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    for path in (pipe, folder, device):
        with pytest.raises(InputError, match="not a plain file"):
            write_atomic(path, b"x")
        with pytest.raises(InputError, match=r"plain file|directory"):
            read_limited(path, 10, "thing")
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert device.is_symlink()


def test_a_file_larger_than_it_says_is_cut_off():
    """Files under /proc say that they hold nothing."""
    with pytest.raises(InputError, match="larger than 10 bytes"):
        read_limited(Path("/proc/self/status"), 10, "thing")


def test_what_is_not_there_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "nothing", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="there is no thing here"):
            read_limited(path, 10, "thing")


def test_a_full_disk_leaves_the_old_content(tmp_path, monkeypatch):
    """The limit on the size of a file stands in for the disk: the write fails half-way through."""
    path = tmp_path / "file"
    write_atomic(path, b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from signalbox.files import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomic(Path(sys.argv[1]), b'x' * 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert "InputError" in done.stderr
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_two_writers_leave_one_whole_content(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([65 + i]) * 200_000 for i in range(4)]
    threads = [
        threading.Thread(target=write_atomic, args=(path, data)) for data in contents for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
