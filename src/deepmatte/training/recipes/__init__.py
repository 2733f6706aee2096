"""One file per recipe; a recipe's name is its file's name. Each has a small version, its name and "smoke"."""

from deepmatte.errors import BadInput
from deepmatte.training.phases import Recipe
from deepmatte.training.recipes import default, default_gpu, dim, dim_modern, trial

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for each in (default, default_gpu, dim, dim_modern, trial)
    for recipe in (each.RECIPE, each.SMOKE)
}


def find(name: str) -> Recipe:
    """Return a recipe by name. Raises BadInput that lists the names."""
    if name not in RECIPES:
        raise BadInput(f"there is no recipe called {name}; expected one of {', '.join(RECIPES)}")
    return RECIPES[name]
