"""Leaves, twigs and trees: meshes of bent blades on branching stems."""

from deepmatte.training.corpus.render.foliage.leaves import LEAFAGE
from deepmatte.training.corpus.render.foliage.trees import WOODS

FOLIAGE = (*LEAFAGE, *WOODS)
