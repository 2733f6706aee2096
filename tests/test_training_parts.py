import os
from pathlib import Path

import pytest

from deepmatte import outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.training import checkpoint, parts


def test_no_part_is_larger_and_all_make_up_the_file(tmp_path: Path) -> None:
    content = bytes(range(250)) * 5
    parts.write(tmp_path / "last.pt", content, 300)
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("last.pt.*.*"))]
    assert sizes == [300, 300, 300, 300, 50]
    assert not (tmp_path / "last.pt").exists()
    assert parts.exists(tmp_path / "last.pt")
    assert parts.read(tmp_path / "last.pt") == content


@pytest.mark.parametrize(("before", "after"), [(300, 400), (300, None), (None, 300), (None, None)])
def test_a_new_file_replaces_the_old_one_in_either_form(
    tmp_path: Path, before: int | None, after: int | None
) -> None:
    for other in ("best.pt", "last.pt.bak", "last.pt.notes.txt", "last.pt.old.000"):
        (tmp_path / other).write_bytes(b"another file")
    parts.write(tmp_path / "last.pt", b"old" * 300, before)
    parts.write(tmp_path / "last.pt", b"new" * 300, after)
    assert parts.read(tmp_path / "last.pt") == b"new" * 300
    assert len(list(tmp_path.iterdir())) == 4 + (1 if after is None else 4)


def test_an_end_half_way_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.write(tmp_path / "last.pt", b"old" * 300, 300)
    write_bytes, written = outputs.write_bytes, []

    def fail(path: Path, *arguments: object, **options: object) -> None:
        if len(written) == 2:
            raise BadOutput("the disk is full")
        written.append(path)
        write_bytes(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(outputs, "write_bytes", fail)
    with pytest.raises(BadOutput):
        parts.write(tmp_path / "last.pt", b"new" * 300, 300)
    assert parts.read(tmp_path / "last.pt") == b"old" * 300
    monkeypatch.undo()
    parts.write(tmp_path / "last.pt", b"new" * 300, 300)
    assert len(list(tmp_path.iterdir())) == 4  # what was left half-written is gone


def test_of_both_forms_the_newer_counts(tmp_path: Path) -> None:
    parts.write(tmp_path / "last.pt", b"in parts", 3)
    (tmp_path / "last.pt").write_bytes(b"whole")
    for newer, content in (("last.pt.parts", b"in parts"), ("last.pt", b"whole")):
        os.utime(tmp_path / newer, (2e9, 2e9 + len(newer)))
        os.utime(tmp_path / ({"last.pt", "last.pt.parts"} - {newer}).pop(), (1e9, 1e9))
        assert parts.read(tmp_path / "last.pt") == content


def test_missing_and_damaged_parts_are_named(tmp_path: Path) -> None:
    parts.write(tmp_path / "last.pt", b"0123456789", 4)
    second = next(tmp_path.glob("last.pt.*.001"))
    second.write_bytes(b"????")
    with pytest.raises(BadInput, match=r"last\.pt\.parts lists are damaged; copy them again"):
        parts.read(tmp_path / "last.pt")
    second.unlink()
    with pytest.raises(BadInput, match=r"001 is missing; copy all parts"):
        parts.read(tmp_path / "last.pt")


def test_a_checkpoint_in_parts_is_a_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, checkpoint.State("smoke", step=3), {}, part_bytes=500)
    assert max(path.stat().st_size for path in tmp_path.glob("last.pt.*.*")) <= 500
    assert checkpoint.exists(tmp_path)
    assert checkpoint.load(tmp_path)[0].step == 3
