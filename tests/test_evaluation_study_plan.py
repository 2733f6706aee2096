"""study.json, and who is asked what in which order."""

import dataclasses
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_study import make_study, pair

from deepmatte.errors import BadInput
from deepmatte.evaluation.study.plan import Photo, Study, draw_turns, read_study


def study(pairs: int = 10, checks: int = 0, per_rater: int | None = None, seed: int = 0) -> Study:
    photos = [f"photo{number}" for number in range(max(pairs, checks))]
    return Study(
        title="t",
        text="x",
        question="q",
        seed=seed,
        per_rater=per_rater,
        methods=("a", "b"),
        photos=tuple(Photo(name, f"{'0' * 20}.jpg", 2, 3) for name in photos),
        pairs=(
            *(pair(photo, "a", "b") for photo in photos[:pairs]),
            *(pair(photo, "a", "a") for photo in photos[:checks]),
        ),
    )


def test_a_study_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    found = read_study(folder)
    assert found.to_json() == (folder / "study.json").read_text("utf-8")
    assert found.methods == ("zebrafinch", "yellowhammer", "xenops")
    assert [photo.name for photo in found.photos] == ["cat", "dog"]
    assert len(found.pairs) == 2 * 2 * 3 + 2


def test_texts_may_be_edited_without_making_another_study(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    before = read_study(folder)
    content = json.loads((folder / "study.json").read_text("utf-8"))
    content |= {"title": "Hair", "text": "Wir danken!", "question": "Welches?", "per_rater": 3}
    (folder / "study.json").write_text(json.dumps(content), "utf-8")
    after = read_study(folder)
    assert (after.title, after.text, after.question, after.per_rater) == (
        "Hair",
        "Wir danken!",
        "Welches?",
        3,
    )
    assert after.id == before.id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "expected the format deepmatte-study/1"),
        ({"title": 3}, "title is 3; expected str"),
        ({"seed": None}, "seed is None; expected int"),
        ({"seed": True}, "seed is True; expected int"),
        ({"per_rater": 0}, "expected at least 1"),
        ({"methods": ["zebrafinch", 1]}, "methods is 1"),
        ({"methods": ["zebrafinch"]}, "xenops, yellowhammer"),
        ({"photos": {}}, "photos is"),
        ({"photos": [{"name": "cat"}]}, "a photo must have exactly"),
        ({"pairs": []}, "no pair to compare"),
    ],
)
def test_a_study_that_is_wrong_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = make_study(tmp_path)
    content = json.loads((folder / "study.json").read_text("utf-8"))
    (folder / "study.json").write_text(json.dumps(content | change), "utf-8")
    with pytest.raises(BadInput, match=said) as error:
        read_study(folder)
    assert "study.json" in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first_picture": "../../secret.png"}, "expected 20 hexadecimal digits"),
        ({"background": "green"}, "expected one of black, white"),
        ({"photo": "bird"}, "bird"),
        ({"second": "zebrafinch"}, "compares a method with itself"),
        ({"extra": 1}, "a pair must have exactly"),
    ],
)
def test_a_pair_that_is_wrong_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = make_study(tmp_path)
    content = json.loads((folder / "study.json").read_text("utf-8"))
    content["pairs"][0] |= change
    (folder / "study.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(BadInput, match=said):
        read_study(folder)


def test_a_pair_that_is_there_twice_is_refused() -> None:
    whole = study()
    with pytest.raises(BadInput, match="twice"):
        dataclasses.replace(whole, pairs=(*whole.pairs, whole.pairs[0]))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_other_files_are_no_study(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"study\.json"):
        read_study(tmp_path)


def test_a_folder_without_study_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="deepmatte study new"):
        read_study(tmp_path)


def test_missing_pictures_are_named(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    gone = sorted((folder / "pictures").iterdir())[3]
    gone.unlink()
    with pytest.raises(BadInput, match=f"lacks {gone.name}"):
        read_study(folder)


def test_every_rater_gets_every_pair_and_check_once() -> None:
    for number in range(1, 9):
        turns = draw_turns(study(10, checks=4), number, {})
        assert sorted(turn.pair for turn in turns) == sorted(study(10, checks=4).by_key)


def test_the_order_is_drawn_from_seed_and_number() -> None:
    drawn = {
        (seed, number): draw_turns(study(seed=seed), number, {}) for seed in (0, 1) for number in (1, 2, 3)
    }
    assert len(set(drawn.values())) == 6
    assert drawn[0, 1] == draw_turns(study(seed=0), 1, {})


def test_sides_are_even_in_the_long_run() -> None:
    flipped = Counter(turn.is_flipped for number in range(200) for turn in draw_turns(study(), number, {}))
    # 2000 throws of a coin: five standard deviations are 112.
    assert abs(flipped[True] - 1000) < 112


def test_checks_lie_one_in_each_stretch() -> None:
    places = Counter()
    for number in range(200):
        turns = draw_turns(study(12, checks=3), number, {})
        pairs_before = 0
        for turn in turns:
            if turn.pair.startswith("check/"):
                places[pairs_before] += 1
            else:
                pairs_before += 1
        checks = [place for place, turn in enumerate(turns) if turn.pair.startswith("check/")]
        assert len(checks) == 3
        assert checks[0] <= 4 < checks[2]
    assert set(places) == set(range(13))  # anywhere


def test_who_gets_fewer_pairs_gets_those_asked_least() -> None:
    few = study(10, checks=2, per_rater=3)
    counts = {each.key: 5 for each in few.pairs}
    wanted = [each.key for each in few.pairs if not each.is_check][4:7]
    counts |= dict.fromkeys(wanted, 4)
    turns = draw_turns(few, 1, counts)
    assert len(turns) == 3 + 2
    assert sorted(turn.pair for turn in turns if not turn.pair.startswith("check/")) == sorted(wanted)


def test_pairs_stay_balanced_however_many_raters_come() -> None:
    few, counts = study(10, per_rater=3), Counter()
    for number in range(1, 40):
        counts.update(turn.pair for turn in draw_turns(few, number, counts))
        spread = [counts[each.key] for each in few.pairs]
        assert max(spread) - min(spread) <= 1


def test_drawing_leaves_other_chance_alone() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    draw_turns(study(), 1, {})
    assert random.random() == expected
