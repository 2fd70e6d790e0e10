"""The blocks of docs/recipes.md, here where what they use is installed: none is skipped."""

from test_recipes import *  # noqa: F401, F403
