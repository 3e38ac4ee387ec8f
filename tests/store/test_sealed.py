"""A sealed file gives back exactly the lines that went in, whatever they hold and however they are cut."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import BackupRefused
from service.store import sealed

LINES = st.lists(st.binary(max_size=300).map(lambda said: said.replace(b"\n", b" ")), max_size=40)


def written(path: Path, lines: list[bytes], key: bytes | None) -> list[bytes]:
    sealed.write(path, [line + b"\n" for line in lines], key=key)
    sealed.keep(path)
    try:
        return list(sealed.read(path, key=key))
    finally:
        path.unlink()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.integers(min_value=1, max_value=400), st.sampled_from([None, b"k" * 32]))
def test_lines_come_back_as_they_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes], frame: int, key: bytes | None
) -> None:
    monkeypatch.setattr(sealed, "FRAME", frame)
    monkeypatch.setattr(sealed, "COST", 2)
    assert written(tmp_path / "b", lines, key) == lines


def test_what_grows_when_it_is_unpacked_comes_back_whole(tmp_path: Path) -> None:
    """Three megabytes that pack into some kilobytes, in lines that end on either side of what is unpacked at once."""
    lines = [b"0" * size for size in (sealed.FRAME - 1, 0, sealed.FRAME, sealed.FRAME + 1)]
    assert written(tmp_path / "b", lines, None) == lines


def test_what_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LONGEST", 2 * sealed.FRAME)
    with pytest.raises(BackupRefused):
        written(tmp_path / "b", [b"0" * 9 * sealed.FRAME], None)


def test_a_share_without_links_keeps_a_backup_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    assert written(tmp_path / "b", [b"one"], None) == [b"one"]
    sealed.write(tmp_path / "c", [b"one\n"], key=None)
    (tmp_path / "c").write_bytes(b"another's")
    with pytest.raises(BackupRefused, match="not permitted"):
        sealed.keep(tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"another's"


def test_a_key_file_is_long_enough_and_there(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"k" * 31)
    with pytest.raises(BackupRefused, match="32 bytes"):
        sealed.key_in(file)
    with pytest.raises(BackupRefused, match="cannot be read"):
        sealed.key_in(tmp_path / "none")
    file.write_bytes(b"k" * 32)
    assert sealed.key_in(file) == b"k" * 32
