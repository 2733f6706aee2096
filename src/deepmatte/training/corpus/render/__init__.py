"""Foregrounds with exact alpha, drawn by the thousand.

A kind of foreground is a function that draws one picture from a random generator; KINDS names them all. Each
lives in a module of its own and adds one line here.
"""

from deepmatte.training.corpus.render.fire import FIRES
from deepmatte.training.corpus.render.foliage import LEAFAGE
from deepmatte.training.corpus.render.fur import FURS
from deepmatte.training.corpus.render.grass import GRASSES
from deepmatte.training.corpus.render.plumes import PLUMES
from deepmatte.training.corpus.render.rendering import Kind
from deepmatte.training.corpus.render.smoke import SMOKES
from deepmatte.training.corpus.render.spray import SPRAYS
from deepmatte.training.corpus.render.strands import STRANDS

_ALL = (
    *STRANDS,
    *FURS,
    *PLUMES,
    *GRASSES,
    *SMOKES,
    *FIRES,
    *SPRAYS,
    *LEAFAGE,
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
