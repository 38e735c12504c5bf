"""Files: the old one or the new one as a whole, whatever happens."""

import os

import pytest

from focalsk._compat._files import write_whole


def fails(file):
    file.write(b"half")
    raise OSError(27, "File too large")


def test_new_file_takes_the_place(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"one", b"two"):
        write_whole(path, lambda file, content=content: file.write(content))
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("old", [True, False])
def test_failure_leaves_what_was_there_and_names_the_file(tmp_path, old):
    path = tmp_path / "a.txt"
    if old:
        path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large") as caught:
        write_whole(path, fails)
    assert caught.value.filename == str(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"] * old


def test_folder_that_is_not_there_is_told_by_the_name_of_the_file(tmp_path):
    path = tmp_path / "none" / "a.txt"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(path, lambda file: file.write(b""))
    assert caught.value.filename == str(path)


def test_any_interruption_leaves_nothing_behind(tmp_path):
    def interrupted(file):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.txt", interrupted)
    assert not list(tmp_path.iterdir())


def test_links_and_modes_stay(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_whole(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_devices_are_written_to():
    write_whole(os.devnull, lambda file: file.write(b"gone"))
