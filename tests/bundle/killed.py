"""Runs bootstrap.py and kills it at one step: `killed.py BOOTSTRAP FACTS STEP LOG ARGUMENT...`.

A step is anything that changes a disk or starts a program. STEP counts from 1; 0 kills never. What
was done is written to LOG, a line a step.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

STEPS = frozenset(
    {
        "os.chmod",
        "os.chown",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
        "shutil.copyfile",
        "subprocess.Popen",
    }
)
boot, facts, step, log, *arguments = sys.argv[1:]
done: list[str] = []


def watch(event: str, told: tuple[object, ...]) -> None:
    """Count a step, or die before it."""
    if event not in STEPS:
        return
    done.append(f"{event} {told[0]}")
    if len(done) == int(step):
        os.kill(os.getpid(), signal.SIGKILL)


spec = importlib.util.spec_from_file_location("bootstrap", boot)
if spec is None or spec.loader is None:
    sys.exit(f"{boot} is no program")
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(module)
# Looking at this machine takes longer than all the rest.
vars(module)["facts"] = lambda *_: json.loads(Path(facts).read_text())
sys.addaudithook(watch)
code = module.run(arguments)
step = "0"
Path(log).write_text("\n".join(done))
sys.exit(code)
