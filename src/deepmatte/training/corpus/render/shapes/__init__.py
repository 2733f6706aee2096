"""Text, wires, things with holes and solid objects: hard edges of all widths."""

from deepmatte.training.corpus.render.shapes.holes import SHAPE_HOLES
from deepmatte.training.corpus.render.shapes.meshes import SHAPE_MESHES
from deepmatte.training.corpus.render.shapes.solids import SHAPE_SOLIDS
from deepmatte.training.corpus.render.shapes.text import SHAPE_TEXT
from deepmatte.training.corpus.render.shapes.wires import SHAPE_WIRES

SHAPES = (*SHAPE_TEXT, *SHAPE_WIRES, *SHAPE_MESHES, *SHAPE_HOLES, *SHAPE_SOLIDS)
