import io
import tarfile
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from small_blobs import write_blobs

from deepmatte.errors import BadInput
from deepmatte.training.corpus import shards
from deepmatte.training.corpus.composing import compose_corpus
from deepmatte.training.corpus.compositions import Style
from deepmatte.training.corpus.plans import Settings

SETTINGS = Settings(Style(trimap_px=(0, 4)), {"train": 3, "test": 2}, test_share=0.3, per_shard=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compose_corpus(write_blobs(tmp_path / "corpus"), tmp_path / "shards", settings=SETTINGS)
    return tmp_path / "shards"


def _names(found: list[str], **options: object) -> list[str]:
    return [sample.name for sample in shards.read_shards(found, **options)]  # type: ignore[arg-type]


def test_shards_are_found_by_numbers_and_by_stars(folder: Path) -> None:
    by_star = shards.find_shards(str(folder / "train-*.tar"))
    assert len(by_star) > 2
    assert shards.find_shards(f"{folder}/train-{{000000..{len(by_star) - 1:06d}}}.tar") == by_star
    assert shards.find_shards(by_star[0]) == by_star[:1]
    assert shards.find_shards("https://example.org/train-{098..101}.tar") == [
        f"https://example.org/train-{number}.tar" for number in ("098", "099", "100", "101")
    ]
    with pytest.raises(BadInput, match="nothing like"):
        shards.find_shards(str(folder / "none-*.tar"))


def test_shards_are_read_from_any_place_fsspec_knows(folder: Path) -> None:
    local = shards.find_shards(str(folder / "train-*.tar"))
    memory = fsspec.filesystem("memory")
    for path in local:
        memory.pipe(f"/blobs/{Path(path).name}", Path(path).read_bytes())
    remote = shards.find_shards("memory://blobs/train-*.tar")
    assert [Path(address).name for address in remote] == [Path(path).name for path in local]
    assert _names(remote) == _names(local)
    assert _names([f"memory://blobs/{Path(local[0]).name}"]) == _names(local[:1])
    with pytest.raises(BadInput, match=r"memory://blobs/none\.tar cannot be read"):
        _names(["memory://blobs/none.tar"])


def test_readers_share_the_shards_between_them(folder: Path) -> None:
    found = shards.find_shards(str(folder / "train-*.tar"))
    everything = _names(found)
    parts = [_names(found, part=(index, 2), seed=5) for index in (0, 1)]
    assert sorted(parts[0] + parts[1]) == sorted(everything)
    assert not set(parts[0]) & set(parts[1])
    orders = {tuple(_names(found, seed=seed)) for seed in range(6)}
    assert len(orders) > 1


def test_any_number_of_workers_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    compose_corpus(tmp_path / "corpus", tmp_path / "again", settings=SETTINGS, workers=2)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_how_many_there_are_decides_what_a_shard_holds(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="made with another counts"):
        compose_corpus(tmp_path / "corpus", folder, settings=replace(SETTINGS, counts={"train": 4}))


def test_what_cannot_be_read_is_named(folder: Path) -> None:
    path = folder / "train-000000.tar"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=r"train-000000\.tar cannot be read"):
        _names([str(path)])
    path.write_bytes(b"nothing" * 1000)
    with pytest.raises(BadInput, match=r"train-000000\.tar cannot be read"):
        _names([str(path)])
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a.image.png"), io.BytesIO())
    with pytest.raises(BadInput, match=r"no alpha\.png, trimap\.png for a"):
        _names([str(path)])


def test_what_a_shard_lacks_is_told_again(tmp_path: Path) -> None:
    corpus = write_blobs(tmp_path / "corpus")
    compose_corpus(corpus, tmp_path / "plan", settings=SETTINGS)  # so that the plan has all of them
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "plan.json").write_bytes((tmp_path / "plan/plan.json").read_bytes())
    first = compose_corpus(corpus, folder, settings=SETTINGS)
    path = folder / "train-000000.tar"
    path.unlink()
    with tarfile.open(tmp_path / "plan" / path.name) as whole, tarfile.open(path, "w") as part:
        names = whole.getnames()
        dropped = names[0].split(".")[0]
        for name in names:
            if name.split(".")[0] != dropped:
                member = whole.extractfile(name)
                assert member is not None
                part.addfile(whole.getmember(name), member)
    again = compose_corpus(corpus, folder, settings=SETTINGS)
    assert again.made["train"] == first.made["train"] - 1
    (failure,) = again.failures
    assert "train-000000.tar lacks 1 composition" in failure
    path.write_bytes(b"nothing")
    assert "cannot be read" in compose_corpus(corpus, folder, settings=SETTINGS).failures[0]
