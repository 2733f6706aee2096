"""What a study holds, study.json, and which pairs a rater sees in which order.

A study is a folder: study.json, pictures/ and, once it is served, votes.sqlite. Pictures are named by their
content, so that neither an address nor the page tells a method's name.
"""

import hashlib
import json
import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deepmatte.errors import BadInput
from deepmatte.outputs import show

FORMAT = "deepmatte-study/1"
PLAN_FILE = "study.json"
PICTURE_FOLDER = "pictures"
BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255)}
TITLE = "Which cutout is better?"
TEXT = (
    "A cutout is the subject of a photo, laid on plain black or white. You will see two cutouts of the same"
    " photo at a time and choose the better one: look closely at hair, fur, holes and soft edges."
    " You may stop at any time and go on later.\n\n"
    "Stored are: your answers, how long each took, and the name you enter, if you enter one."
    " By starting you agree to this."
)
QUESTION = "Which cutout is more accurate and realistic, above all in its fine details?"

_PICTURE_NAME = re.compile(r"[0-9a-f]{20}\.(png|jpg)")


@dataclass(frozen=True)
class Photo:
    """An original photo: its name, the file in pictures/ that shows it, its size in pixels."""

    name: str
    picture: str
    height: int
    width: int

    def __post_init__(self) -> None:
        _check_picture(self.picture)
        if min(self.height, self.width) < 1:
            raise BadInput(
                f"the photo {self.name} is {self.width} × {self.height} px; expected at least 1 × 1"
            )


@dataclass(frozen=True)
class Pair:
    """Two cutouts of one photo on one background.

    first and second are methods. In an attention check both are the same method, and the second picture shows
    its matte broken: the first is the right answer.
    """

    photo: str
    background: str
    first: str
    second: str
    first_picture: str
    second_picture: str
    is_check: bool

    def __post_init__(self) -> None:
        _check_picture(self.first_picture)
        _check_picture(self.second_picture)
        if self.background not in BACKGROUNDS:
            raise BadInput(f"a background is {self.background!r}; expected one of {', '.join(BACKGROUNDS)}")
        if self.is_check != (self.first == self.second):
            raise BadInput(f"the pair {self.key} compares a method with itself; only attention checks do")

    @property
    def key(self) -> str:
        """What names this pair in the votes; raters never see it."""
        if self.is_check:
            return f"check/{self.photo}/{self.background}/{self.first}"
        return f"{self.photo}/{self.background}/{self.first}/{self.second}"


@dataclass(frozen=True)
class Study:
    """A study as study.json describes it. per_rater: pairs each rater gets besides the checks; None: all."""

    title: str
    text: str
    question: str
    seed: int
    per_rater: int | None
    methods: tuple[str, ...]
    photos: tuple[Photo, ...]
    pairs: tuple[Pair, ...]

    def __post_init__(self) -> None:
        keys = [pair.key for pair in self.pairs]
        names = {photo.name for photo in self.photos}
        if len(set(keys)) < len(keys) or len(names) < len(self.photos):
            raise BadInput("a photo or a pair is there twice; expected each once")
        strangers = {pair.photo for pair in self.pairs} - names
        strangers |= {each for pair in self.pairs for each in (pair.first, pair.second)} - set(self.methods)
        if strangers:
            raise BadInput(f"pairs name {', '.join(sorted(strangers))}, which is no photo or method listed")
        if not any(not pair.is_check for pair in self.pairs):
            raise BadInput("there is no pair to compare; expected at least one")
        if self.per_rater is not None and self.per_rater < 1:
            raise BadInput(f"per_rater is {self.per_rater}; expected at least 1, or null for all pairs")

    @cached_property
    def id(self) -> str:
        """Return what tells studies apart: a hash of pairs and photos. Texts may change without harm."""
        content = [asdict(photo) for photo in self.photos] + [asdict(pair) for pair in self.pairs]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def by_key(self) -> dict[str, Pair]:
        """Return the pairs by their keys."""
        return {pair.key: pair for pair in self.pairs}

    @cached_property
    def pictures(self) -> frozenset[str]:
        """Return the names of all files in pictures/."""
        cutouts = {name for pair in self.pairs for name in (pair.first_picture, pair.second_picture)}
        return frozenset(cutouts | {photo.picture for photo in self.photos})

    def photo(self, name: str) -> Photo:
        """Return the photo of that name."""
        return next(photo for photo in self.photos if photo.name == name)

    def to_json(self) -> str:
        """Return the text of study.json."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def _check_picture(name: str) -> None:
    if not _PICTURE_NAME.fullmatch(name):  # also keeps a study from another place inside its own folder
        raise BadInput(f"a picture is called {name!r}; expected 20 hexadecimal digits and .png or .jpg")


def read_study(directory: Path) -> Study:
    """Read a study folder. Raises BadInput if study.json is missing or wrong, or pictures are missing."""
    path = directory / PLAN_FILE
    try:
        content = json.loads(path.read_bytes())
        study = _parse(content)
    except FileNotFoundError:
        raise BadInput(
            f"{show(directory)} has no {PLAN_FILE}; expected a folder made by `deepmatte study new`"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{show(path)} cannot be read as JSON ({error}); make the study again") from error
    except BadInput as error:
        raise BadInput(f"{show(path)}: {error}") from None
    missing = [name for name in sorted(study.pictures) if not (directory / PICTURE_FOLDER / name).is_file()]
    if missing:
        raise BadInput(f"{show(directory / PICTURE_FOLDER)} lacks {', '.join(missing)}; make the study again")
    return study


def _parse(content: Any) -> Study:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f"this is no study; expected the format {FORMAT}")
    per_rater = None if content.get("per_rater") is None else _value(content, "per_rater", int)
    return Study(
        title=_value(content, "title", str),
        text=_value(content, "text", str),
        question=_value(content, "question", str),
        seed=_value(content, "seed", int),
        per_rater=per_rater,
        methods=tuple(_typed("methods", each, str) for each in _value(content, "methods", list)),
        photos=tuple(_record(Photo, each) for each in _value(content, "photos", list)),
        pairs=tuple(_record(Pair, each) for each in _value(content, "pairs", list)),
    )


def _record(kind: type[Any], content: Any) -> Any:
    fields = kind.__annotations__
    if not isinstance(content, dict) or set(content) != set(fields):
        raise BadInput(f"a {kind.__name__.lower()} must have exactly these values: {', '.join(fields)}")
    return kind(**{name: _value(content, name, wanted) for name, wanted in fields.items()})


def _value(content: Mapping[str, Any], name: str, wanted: type) -> Any:
    if name not in content:
        raise BadInput(f"{name} is missing")
    return _typed(name, content[name], wanted)


def _typed(name: str, value: Any, wanted: type) -> Any:
    if type(value) is not wanted:
        raise BadInput(f"{name} is {value!r:.60}; expected {wanted.__name__}")
    return value


@dataclass(frozen=True)
class Turn:
    """One question to one rater: a pair's key, and whether its second picture is on the left."""

    pair: str
    is_flipped: bool


def draw_turns(study: Study, number: int, counts: Mapping[str, int]) -> tuple[Turn, ...]:
    """Return what the rater of that number is asked, in order.

    counts: how often each pair (by key) was asked already; those asked least come first where a rater does
    not get all. Order and sides are drawn from the study's seed and the number. Every rater gets all checks,
    one in each of as many equal stretches, so that the first comes early.
    """
    chance = random.Random(f"{study.seed}/{number}")
    keys = [pair.key for pair in study.pairs if not pair.is_check]
    checks = [pair.key for pair in study.pairs if pair.is_check]
    chance.shuffle(keys)
    keys.sort(key=lambda key: counts.get(key, 0))
    keys = keys[: study.per_rater]
    chance.shuffle(keys)
    chance.shuffle(checks)
    ends = [len(keys) * stretch // len(checks) for stretch in range(len(checks) + 1)] if checks else []
    for stretch in reversed(range(len(checks))):  # from the back, so that places before stay as they are
        keys.insert(chance.randint(ends[stretch], ends[stretch + 1]), checks[stretch])
    return tuple(Turn(key, chance.random() < 0.5) for key in keys)
