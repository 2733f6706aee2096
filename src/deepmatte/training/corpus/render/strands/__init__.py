"""Hair, fur, feathers and grass: strands by the thousand, growing from bodies and stalks."""

from deepmatte.training.corpus.render.strands.fur import FURS
from deepmatte.training.corpus.render.strands.grass import GRASSES
from deepmatte.training.corpus.render.strands.hair import HAIRS
from deepmatte.training.corpus.render.strands.plumes import PLUMES

STRANDS = (*HAIRS, *FURS, *PLUMES, *GRASSES)
