"""Scores generated photos by examples/on_ray.py, kills the actor while it works, and looks at what was written: use.py.
Measures its rate, with nobody killed: use.py rate."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "package"))
from engine import rate, survives  # noqa: E402

ENVIRONMENT = {"RAY_DATA_DISABLE_PROGRESS_BARS": "1"}


def is_actor(process):
    """Ray names its processes by the class that scores."""
    command = (process / "cmdline").read_bytes()
    return command.startswith(b"ray::") and b"Score" in command


if sys.argv[1:] == ["rate"]:
    rate("on_ray.py", ENVIRONMENT)
else:
    # By then it has loaded its models and is at work.
    survives("on_ray.py", is_actor, ENVIRONMENT, at_work_after=1.5)
