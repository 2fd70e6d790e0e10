"""The blocks of docs/recipes.md, in an environment that has all their packages, so that none is skipped."""

from test_recipes import *  # noqa: F401, F403
