"""Takes a deployment of a flow's back, as an operator would:

    python go_back.py photograph NAME FILE             notes what the tables hold now
    python go_back.py restore NAME FILE PROGRAMS       archives what came since, restores to the photograph;
                                                       prints the prefix of the restored tables last
"""

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "infra"))

from janitor import Janitor
from restoring.world import World


def photograph(name: str, file: str) -> None:
    with World(name, made=True) as world:
        world.photographed()
        Path(file).write_text(json.dumps(world.photograph))


def restore(name: str, file: str, programs: str) -> None:
    os.environ["SHAREKEEP_TEST_FUNCTIONS"] = programs
    with World(name, made=True) as world:
        world.photograph = json.loads(Path(file).read_text())
        with Janitor(world.bucket) as janitor:
            janitor.follow(world.current)
        world.restoring().run()
        print(world.current.prefix)


if __name__ == "__main__":
    tasks = {task.__name__: task for task in (photograph, restore)}
    tasks[sys.argv[1]](*sys.argv[2:])
