"""Foregrounds with exact alpha, drawn by the thousand.

A kind of foreground is a function that draws one picture from a random generator; KINDS names them all. Each
group of kinds has a folder, which lists its own.
"""

from deepmatte.training.corpus.render.blender import STAGED
from deepmatte.training.corpus.render.foliage import FOLIAGE
from deepmatte.training.corpus.render.glass import GLASSES
from deepmatte.training.corpus.render.rendering import Kind
from deepmatte.training.corpus.render.shapes import SHAPES
from deepmatte.training.corpus.render.strands import STRANDS
from deepmatte.training.corpus.render.textiles import TEXTILES
from deepmatte.training.corpus.render.vapour import VAPOURS

_ALL = (*STRANDS, *FOLIAGE, *TEXTILES, *VAPOURS, *GLASSES, *SHAPES, *STAGED)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
# What `all` stands for.
USUAL = tuple(name for name, kind in KINDS.items() if kind.needs is None)
