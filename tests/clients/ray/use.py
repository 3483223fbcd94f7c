"""Scores generated photos by examples/on_ray.py, kills the actor while it works, and looks at what was written."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "package"))
from engine import survives  # noqa: E402


def is_actor(process):
    """Ray names its processes by the class that scores."""
    command = (process / "cmdline").read_bytes()
    return command.startswith(b"ray::") and b"Score" in command


# By then it has loaded its models and is at work.
survives("on_ray.py", is_actor, {"RAY_DATA_DISABLE_PROGRESS_BARS": "1"}, at_work_after=1.5)
