"""`accelerate launch -m jamflow_rt.train.scale RECIPE --shards DIR`, or `python -m` for one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jamflow_rt.errors import InvalidInput, JamflowError
from jamflow_rt.train.scale.run import train_recipe


def main() -> None:
    """Train by a recipe on this process's share of the clips."""
    parser = argparse.ArgumentParser(prog="jamflow_rt.train.scale", description=main.__doc__)
    parser.add_argument("recipe", help="a YAML file, or the name of a shipped recipe")
    parser.add_argument("--shards", type=Path, required=True, help="folder of prepared clips")
    parser.add_argument(
        "--work", type=Path, default=Path("runs"), help="the run gets a folder in it (runs)"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="other than the recipe's, such as batches.frames=4800",
    )
    options = parser.parse_args()
    try:
        train_recipe(options.recipe, options.shards, options.work, options.settings)
    except JamflowError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)


if __name__ == "__main__":
    main()
