import io
import os
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.records import bundle
from signalbox.decision import sha256_hex
from signalbox.errors import InputError
from signalbox.ledger import Limits, harvest


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_files_folders_and_archives_each_content_once(tmp_path):
    one, two = bundle(), bundle("promotion")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.json").write_bytes(one)
    (tmp_path / "again.json").write_bytes(one)
    (tmp_path / "z.zip").write_bytes(zipped({"deep/y.json": two, "notes.txt": b"hello"}))
    (tmp_path / "plan.json").write_bytes(b'{"matrix": []}')
    (tmp_path / "log.txt").write_bytes(b"\xff")
    found = harvest(tmp_path)
    assert {b.data for b in found.bundles} == {one, two}
    assert {b.sha256 for b in found.bundles} == {sha256_hex(one), sha256_hex(two)}
    assert (found.refused, found.others) == ((), 1)


def test_names_inside_an_archive_reach_nothing_outside(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    one = bundle()
    (inside / "z.zip").write_bytes(zipped({"../../evil.json": one, "/abs/evil.json": bundle()}))
    assert len(harvest(inside).bundles) == 2
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "z.zip"]


def test_links_and_special_files_are_refused_by_name(tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_bytes(bundle())
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link.json").symlink_to(secret)
    (inside / "folder").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.json")
    found = harvest(inside)
    assert found.bundles == ()
    assert sorted(r.where for r in found.refused) == ["link.json", "pipe.json"]


def test_an_archive_that_inflates_without_end_is_cut(tmp_path):
    (tmp_path / "bomb.zip").write_bytes(zipped({"b.json": b" " * 5_000_000, "ok.json": bundle()}))
    found = harvest(tmp_path, Limits(record_bytes=len(bundle()) + 1000))
    assert len(found.bundles) == 1
    assert [r.where for r in found.refused] == ["bomb.zip!b.json"]
    assert "larger" in found.refused[0].why


def test_too_many_files_and_too_many_bytes_stop_the_reading(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.json").write_bytes(bundle())
    found = harvest(tmp_path, Limits(files=3))
    assert len(found.bundles) == 3
    assert "more than 3 files" in found.refused[0].why
    assert "more than 10 bytes" in harvest(tmp_path, Limits(total_bytes=10)).refused[0].why


def test_broken_bundles_are_named_and_the_rest_is_kept(tmp_path):
    good = bundle()
    (tmp_path / "good.json").write_bytes(good)
    (tmp_path / "cut.json").write_bytes(good[:-20])
    (tmp_path / "bad.json").write_bytes(bundle(verdict="maybe"))
    (tmp_path / "changed.json").write_bytes(good.replace(b'"mode":"observe"', b'"mode":"enforce"'))
    (tmp_path / "list.json").write_bytes(b"[]")
    (tmp_path / "not.zip").write_bytes(b"PK\x03\x04 no")
    found = harvest(tmp_path)
    assert [b.where for b in found.bundles] == ["good.json"]
    assert sorted(r.where for r in found.refused) == [
        "bad.json",
        "changed.json",
        "cut.json",
        "list.json",
        "not.zip",
    ]
    assert all(r.why for r in found.refused)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_a_damaged_archive_never_escapes_as_an_exception(tmp_path_factory, position, junk):
    folder = tmp_path_factory.mktemp("zips")
    data = bytearray(zipped({"a.json": bundle(id="x")}))
    data[position : position + len(junk)] = junk
    (folder / "a.zip").write_bytes(bytes(data))
    found = harvest(folder)
    assert len(found.bundles) + len(found.refused) <= 2


def test_no_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        harvest(tmp_path / "absent")
