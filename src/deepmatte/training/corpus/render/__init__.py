"""Foregrounds with exact alpha, drawn by the thousand.

A kind of foreground is a function that draws one picture from a random generator; KINDS names them all. Each
lives in a module of its own and adds one line here.
"""

from deepmatte.training.corpus.render.bubbles import FOAMS
from deepmatte.training.corpus.render.fire import FIRES
from deepmatte.training.corpus.render.foliage import LEAFAGE
from deepmatte.training.corpus.render.fur import FURS
from deepmatte.training.corpus.render.glass import GLASSES
from deepmatte.training.corpus.render.grass import GRASSES
from deepmatte.training.corpus.render.holes import SHAPE_HOLES
from deepmatte.training.corpus.render.plumes import PLUMES
from deepmatte.training.corpus.render.rendering import Kind
from deepmatte.training.corpus.render.smoke import SMOKES
from deepmatte.training.corpus.render.solids import SHAPE_SOLIDS
from deepmatte.training.corpus.render.splashes import SPLASHED
from deepmatte.training.corpus.render.spray import SPRAYS
from deepmatte.training.corpus.render.staging import STAGED
from deepmatte.training.corpus.render.strands import STRANDS
from deepmatte.training.corpus.render.text import SHAPE_TEXT
from deepmatte.training.corpus.render.textiles import TEXTILES
from deepmatte.training.corpus.render.trees import WOODS
from deepmatte.training.corpus.render.wires import SHAPE_WIRES

_ALL = (
    *STRANDS,
    *FURS,
    *PLUMES,
    *GRASSES,
    *SMOKES,
    *FIRES,
    *SPRAYS,
    *SPLASHED,
    *LEAFAGE,
    *SHAPE_TEXT,
    *SHAPE_WIRES,
    *SHAPE_HOLES,
    *SHAPE_SOLIDS,
    *GLASSES,
    *FOAMS,
    *TEXTILES,
    *WOODS,
    *STAGED,
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
# What `all` stands for.
USUAL = tuple(name for name, kind in KINDS.items() if kind.needs is None)
