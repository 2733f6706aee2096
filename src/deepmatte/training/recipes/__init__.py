"""One file per recipe; a recipe's name is its file's name."""

from deepmatte.errors import BadInput
from deepmatte.training.phases import Recipe
from deepmatte.training.recipes import default

RECIPES: dict[str, Recipe] = {"default": default.RECIPE, "smoke": default.SMOKE}


def find(name: str) -> Recipe:
    """Return a recipe by name. Raises BadInput that lists the names."""
    if name not in RECIPES:
        raise BadInput(f"there is no recipe called {name}; expected one of {', '.join(RECIPES)}")
    return RECIPES[name]
