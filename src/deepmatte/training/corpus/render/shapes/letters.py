"""An alphabet of strokes of its own, and words that mean nothing, so that no font is needed.

Each letter is drawn on a grid four wide; capitals reach from 0 down to the line at 6, tails to 8.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]

# Strokes, parted by spaces: corners as two digits, x and y; with ~ a smooth curve that the corners guide.
_STROKES = {
    "A": "062046 1434",
    "B": "0006 ~002040432303 ~032343462606",
    "C": "~414020000306264645",
    "D": "0006 ~002040464626 2606",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "~41402000030626464644 4424",
    "H": "0006 4046 0343",
    "I": "2026",
    "J": "~404346260605",
    "K": "0006 400346",
    "L": "000646",
    "M": "0600244046",
    "N": "06004640",
    "O": "~204043462606030020",
    "P": "0600 ~002040432303",
    "Q": "~204043462606030020 2446",
    "R": "0600 ~002040432303 2346",
    "S": "~4140200003234346260605",
    "T": "0040 2026",
    "U": "~00030626464340",
    "V": "002640",
    "W": "0016223640",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    "a": "~444222020406264644 4246",
    "b": "0006 ~040222424446260604",
    "c": "~434222020406264645",
    "d": "4046 ~444222020406264644",
    "e": "~04444222020406264645",
    "f": "~4020101216 0232",
    "g": "~444222020406264644 ~4246482808",
    "h": "0006 ~0402224446",
    "i": "2226 2020",
    "j": "~22262808 2020",
    "k": "0006 320436",
    "l": "2026",
    "m": "0206 ~0402122426 ~2422324446",
    "n": "0206 ~0402224446",
    "o": "~224244462606040222",
    "p": "0208 ~040222424446260604",
    "q": "4248 ~444222020406264644",
    "r": "0206 ~04022232",
    "s": "~4342220204244446260605",
    "t": "~10131636 0232",
    "u": "~02040626464442 4246",
    "v": "022642",
    "w": "0216233642",
    "x": "0246 4206",
    "y": "0226 4208",
    "z": "02420646",
    "0": "~204043462606030020 3115",
    "1": "112026",
    "2": "~01002040422406 0646",
    "3": "~0020404323 ~234346260605",
    "4": "36300444",
    "5": "400003 ~032343462606",
    "6": "~402000030626464323 0304",
    "7": "004016",
    "8": "~204043230300 0020 ~23434626060323",
    "9": "~432303002040434626 2606",
    "!": "2024 2626",
    "?": "~01002040432324 2626",
    "&": "~4602002030321406264644",
    "-": "0333",
}
LINE, HIGH, WIDE = 6.0, 6.0, 4.0
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiouy"
# Places along a curve, and along a straight piece.
_CURVED, _STRAIGHT = 28, 6


def some_word(rng: Generator, length: int) -> str:
    """Return a word of so many letters, in capitals, small letters or both, seldom digits and signs."""
    if rng.random() < 0.15:
        word = "".join(rng.choice(list("0123456789")) for _ in range(length))
    else:
        first = int(rng.integers(2))
        word = "".join(
            str(rng.choice(list(_VOWELS if (i + first) % 2 else _CONSONANTS))) for i in range(length)
        )
    case = rng.random()
    word = word.upper() if case < 0.5 else word.capitalize() if case < 0.75 else word
    return word[:-1] + str(rng.choice(["!", "?", "&"])) if length > 2 and rng.random() < 0.12 else word


def strokes(letter: str) -> list[Doubles]:
    """Return the strokes of a letter, each (K, 2), on the alphabet's grid."""
    lines = []
    for text in _STROKES[letter].split(" "):
        digits = [float(digit) for digit in text if digit.isdigit()]
        corners = np.array(digits).reshape(-1, 2)
        lines.append(_spline(corners) if text.startswith("~") else _along(corners))
    return lines


def set_words(words: list[str], spacing: float) -> list[list[Doubles]]:
    """Return the strokes of each letter of words set line by line, 0 to 1 wide at most and around nought.

    spacing: what is between two letters, as a share of a letter's width.
    """
    letters = []
    pitch = WIDE * (1 + spacing)
    for row, word in enumerate(words):
        narrow = [0.35 if letter in "Iil1!j" else 1.0 for letter in word]
        starts = np.concatenate([[0.0], np.cumsum([pitch * share + (1 - share) for share in narrow])])
        for letter, start, share in zip(word, starts, narrow, strict=False):
            offset = np.array([start - starts[-1] / 2 - (1 - share) * 1.4, row * 9.5])
            letters.append([line + offset for line in strokes(letter)])
    places = np.concatenate([line for letter in letters for line in letter])
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1.0)
    return [[(line - (low + high) / 2) / size for line in letter] for letter in letters]


def _along(corners: Doubles) -> Doubles:
    """Return places along straight pieces."""
    parts = [
        start + (end - start) * np.linspace(0, 1, _STRAIGHT)[:, None]
        for start, end in itertools.pairwise(corners)
    ]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])]) if parts else corners[[0, 0]]


def _spline(corners: Doubles) -> Doubles:
    """Return places along the quadratic B-spline that corners guide; it starts and ends in the outer ones."""
    middles = (corners[1:-2] + corners[2:-1]) / 2
    joints = np.concatenate([corners[:1], middles, corners[-1:]])
    t = np.linspace(0, 1, max(4, _CURVED // len(joints)))[:, None]
    parts = [
        (1 - t) ** 2 * start + 2 * t * (1 - t) * guide + t**2 * end
        for start, guide, end in zip(joints[:-1], corners[1:-1], joints[1:], strict=True)
    ]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
