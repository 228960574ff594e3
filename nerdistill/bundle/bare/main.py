"""The command line of `bootstrap.py`: verify a bundle, install it."""

import argparse
import os
import shlex
import sys
import time
from typing import List, Optional

from nerdistill.bundle.bare.install import Wishes, install
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.verify import read_key, verify

EVERY = 5.0
"""Seconds between two lines of progress."""

EPILOG = """examples:
  python3 -I bootstrap.py verify /media/usb/bundle --key bundle.pub
  python3 -I bootstrap.py install /media/usb/bundle --key bundle.pub --into /opt/nerdistill

Compare this file's sha256 with the one that its maker told you before you run it, and carry the
public key by another way than the bundle. Nothing of the bundle runs before its signature and all
its digests have passed. Nothing is written to the medium.
"""


class _Progress:
    """A line every few seconds: how much has been read."""

    def __init__(self) -> None:
        self.done = 0
        self.told = time.time()

    def tick(self, count: int) -> None:
        """Count bytes; several threads do, so that a line may come a moment late."""
        self.done += count
        if time.time() - self.told > EVERY:
            self.told = time.time()
            self.say("read {:,} MiB".format(self.done >> 20))

    @staticmethod
    def say(text: str) -> None:
        """One line for the person who waits."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _threads(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _place(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty name is no folder")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bootstrap.py",
        description="Verify and install a nerdistill bundle on a machine without a network.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="verify | install")
    checking = commands.add_parser("verify", help="check the signature and every byte")
    installing = commands.add_parser("install", help="verify, then install")
    for one in (checking, installing):
        one.add_argument("bundle", metavar="BUNDLE", help="the folder with manifest.json")
        one.add_argument(
            "--key", required=True, help="the public key: its file, or its 64 hexadecimal digits"
        )
        one.add_argument(
            "--volumes",
            action="append",
            default=[],
            metavar="DIR",
            help="where else volumes lie, when they came on several media; may be repeated",
        )
        one.add_argument("--jobs", type=_threads, help="threads; default: one a core")
    installing.add_argument(
        "--into", required=True, type=_place, metavar="ROOT", help="the folder to install below"
    )
    installing.add_argument("--python", help="the Python to build on; default: one that fits")
    installing.add_argument("--group", help="let only this group use the installation")
    installing.add_argument(
        "--allow-rollback", action="store_true", help="accept an older bundle than is installed"
    )
    return parser


def run(arguments: Optional[List[str]] = None) -> int:
    """Run and tell the exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if not wanted.command:
        parser.print_help()
        return 2
    shown = _Progress()
    try:
        key = read_key(wanted.key)
        if wanted.command == "verify":
            told = verify(wanted.bundle, key, wanted.volumes, wanted.jobs, shown.tick).manifest
            shown.say("whole and signed: {} {}".format(told.name, told.version))
            return 0
        wishes = Wishes(
            bundle=wanted.bundle,
            key=key,
            root=wanted.into,
            folders=wanted.volumes,
            python=wanted.python,
            group=wanted.group,
            allow_rollback=wanted.allow_rollback,
            jobs=wanted.jobs,
        )
        folder = install(wishes, shown.say, shown.tick)
    except Refused as error:
        shown.say("bootstrap: refused: {}".format(error))
        return 1
    except OSError as error:
        shown.say(
            "bootstrap: {}: {}. Free space or mend the permissions, then run the same command "
            "again.".format(error.filename or wanted.bundle, error.strerror or error)
        )
        return 1
    except KeyboardInterrupt:
        shown.say("bootstrap: interrupted. Run the same command again to go on.")
        return 130
    shown.say("installed: {}".format(folder))
    program = os.path.join(wanted.into, "current", ".venv", "bin", "nerdistill")
    shown.say("next: {} doctor".format(shlex.quote(program)))
    return 0


if __name__ == "__main__":
    sys.exit(run())
