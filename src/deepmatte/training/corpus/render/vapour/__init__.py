"""Smoke, fire, spray and splashes: what has no edge, or edges everywhere."""

from deepmatte.training.corpus.render.vapour.fire import FIRES
from deepmatte.training.corpus.render.vapour.smoke import SMOKES
from deepmatte.training.corpus.render.vapour.splashes import SPLASHED
from deepmatte.training.corpus.render.vapour.spray import SPRAYS

VAPOURS = (*SMOKES, *FIRES, *SPRAYS, *SPLASHED)
