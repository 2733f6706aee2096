import os
from pathlib import Path

import pytest

from deepmatte import outputs
from deepmatte.errors import BadOutput


def write(path: Path, data: bytes = b"new", overwrite: bool = False) -> None:
    with outputs.whole_file(path, overwrite) as descriptor:
        os.write(descriptor, data)


def test_what_is_written_appears_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "a.bin")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write(tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    (tmp_path / "mine").chmod(0o640)
    write(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine").read_bytes() == b"new"
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_may_not_be_read_takes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: object, flags: int, *mode: int, **rest: int) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    write(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_a_file_in_the_way_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(BadOutput, match="exists already"):
        write(path)
    assert path.read_bytes() == b"old"
    write(path, overwrite=True)
    assert path.read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with pytest.raises(BadOutput, match="exists already"), outputs.whole_file(path):
        path.write_bytes(b"someone else's")
    assert path.read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


def write_half(path: Path, failure: BaseException) -> None:
    with outputs.whole_file(path, overwrite=True) as descriptor:
        os.write(descriptor, b"half of it")
        raise failure


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, ValueError, SystemExit])
def test_any_exception_leaves_nothing_and_keeps_the_old_file(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(kind):
        write_half(path, kind())
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(BadOutput, match=r"a\.bin cannot be written: No space left"),
        outputs.whole_file(tmp_path / "a.bin"),
    ):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_hard_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    with pytest.raises(BadOutput, match="exists already"), outputs.whole_file(tmp_path / "b.bin"):
        (tmp_path / "b.bin").touch()


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def write_both(folder: Path, overwrite: bool = False) -> None:
    with outputs.whole_files([folder / "a", folder / "b"], overwrite) as descriptors:
        for descriptor in descriptors:
            os.write(descriptor, b"new")


def test_several_files_appear_together(tmp_path: Path) -> None:
    with outputs.whole_files([tmp_path / "a", tmp_path / "b"]):
        assert not {"a", "b"} & {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_if_one_of_several_cannot_be_none_appears(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(BadOutput, match="b exists already"):
        write_both(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    with pytest.raises(KeyError), outputs.whole_files([tmp_path / "a", tmp_path / "b"], overwrite=True):
        raise KeyError
    assert (tmp_path / "b").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_if_one_of_several_is_taken_at_the_last_moment_the_others_go_again(tmp_path: Path) -> None:
    both = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(BadOutput, match="b exists already"), outputs.whole_files(both):
        (tmp_path / "b").write_text("someone else's")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "someone else's"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    write_both(tmp_path)
    for _ in range(3):
        with pytest.raises(BadOutput):
            write_both(tmp_path)
    write_both(tmp_path, overwrite=True)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_of_the_longest_kind_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("n" * 255))


def test_names_that_cannot_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "a", "does not exist"),
        (tmp_path / "file" / "a", "does not exist"),
        (tmp_path / "pipe", "no regular file"),
        (tmp_path / "nul\0", "cannot be written"),
        (tmp_path / ("n" * 256), "cannot be written"),
        (Path(), "is a folder"),
    ):
        with pytest.raises(BadOutput, match=said) as caught:
            write(path, overwrite=True)
        assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_to_is_found_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # chmod does not hold back the superuser
    with pytest.raises(BadOutput, match="cannot be written to"):
        outputs.check_target(tmp_path / "a.bin")


def test_checking_writes_nothing(tmp_path: Path) -> None:
    outputs.check_target(tmp_path / "a.bin")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "shown"), [("ä b.png", "ä b.png"), ("a\nb.png", r"'a\nb.png'"), ("\udcff", r"'\udcff'")]
)
def test_odd_names_are_shown_on_one_line(path: str, shown: str) -> None:
    assert outputs.show(path) == shown


def test_bytes_are_written_whole_and_replace_only_when_asked(tmp_path: Path) -> None:
    outputs.write_bytes(tmp_path / "file", b"one")
    with pytest.raises(BadOutput, match="exists already"):
        outputs.write_bytes(tmp_path / "file", b"two")
    outputs.write_bytes(tmp_path / "file", b"three", overwrite=True)
    assert (tmp_path / "file").read_bytes() == b"three"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_with_all_it_holds(tmp_path: Path) -> None:
    with outputs.whole_folder(tmp_path / "new") as folder:
        (folder / "a.bin").write_bytes(b"new")
        assert not (tmp_path / "new").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"new"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with outputs.whole_folder(tmp_path / "new") as folder:
        (folder / "a.bin").touch()
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.bin"]


def fill_half(path: Path, failure: BaseException) -> None:
    with outputs.whole_folder(path) as folder:
        (folder / "a.bin").write_bytes(b"half of it")
        raise failure


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, ValueError, SystemExit])
def test_any_exception_leaves_no_folder(tmp_path: Path, kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        fill_half(tmp_path / "new", kind())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_free_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.mkdir()
    (path / "a.bin").write_bytes(b"old")
    for taken in (path, path / "a.bin"):
        with pytest.raises(BadOutput, match="no empty folder"):
            fill_half(taken, ValueError())
    with pytest.raises(BadOutput, match="make it first"):
        fill_half(tmp_path / "nowhere" / "new", ValueError())
    assert (path / "a.bin").read_bytes() == b"old"


def test_a_folder_that_is_filled_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.mkdir()
    with pytest.raises(BadOutput, match="cannot be written"), outputs.whole_folder(path):
        (path / "a.bin").write_bytes(b"someone else's")
    assert (path / "a.bin").read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


def test_of_very_many_names_ten_are_shown() -> None:
    assert outputs.name_some(["b", "a\n"]) == "'a\\n', b"
    assert outputs.name_some(f"{number:02}" for number in range(11)).endswith("08, 09, 10")
    assert outputs.name_some(f"{number:02}" for number in range(12)).endswith("08, 09 and 2 more")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    for name in (".deepmatte-0123456789ab.part", "mine.part", ".deepmatte-notes"):
        (tmp_path / name).touch()
    outputs.remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".deepmatte-notes", "mine.part"]
    outputs.remove_parts(tmp_path / "nothing")


def test_folders_are_made_or_it_is_said_why_not(tmp_path: Path) -> None:
    for _ in range(2):
        outputs.make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadOutput, match="file/a cannot be made"):
        outputs.make_folder(tmp_path / "file/a")
