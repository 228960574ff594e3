"""The command `nerdistill annotate run` as a process, against the fault server."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from nerdistill.annotate.output import failures_path, read_annotations
from nerdistill.annotate.replies import ReplyStore
from nerdistill.corpus.formats import read_corpus, write_corpus
from nerdistill.types import Corpus, Document, Sentence
from tests.fault_server.client import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nerdistill.annotate.protocol import Reply
    from nerdistill.types import Annotation
    from tests.fault_server.client import FaultServer

CANARY = "sk-canary-7f3a9c51d2e84b60"
"""The API key of every run: it may stand nowhere but in requests."""
PROGRAM = "from nerdistill.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Teaching:
    """A corpus in a folder, and a server to label it.

    Attributes:
        folder: where everything of the run lies.
        server: who is asked.
        concurrency: requests in flight at most.
    """

    folder: Path
    server: FaultServer
    concurrency: int = 32

    @property
    def out(self) -> Path:
        """The labelled corpus."""
        return self.folder / "out.jsonl"

    def start(self, *words: str, output: int | IO[bytes] = subprocess.PIPE) -> Process:
        """Start the command; `words` are further flags."""
        return subprocess.Popen(
            [
                *(sys.executable, "-c", PROGRAM, "--debug"),
                *("annotate", "run", str(self.folder / "news.jsonl"), "--out", str(self.out)),
                *("--annotator", "openai", "--base-url", self.server.base_url, "--model", "m"),
                *("--max-concurrency", str(self.concurrency), "--progress", "plain", *words),
            ],
            cwd=ROOT,
            # The client writes what it sends where this variable tells it to.
            env={**os.environ, "OPENAI_API_KEY": CANARY, "OPENAI_LOG": "debug"},
            stdout=output,
            stderr=output,
        )

    def run(self, *words: str) -> Ended:
        """Run the command to its end."""
        with self.start(*words) as process:
            out, err = process.communicate()
        return Ended(process.returncode, out.decode(), err.decode())

    def write(self, sentences: Sequence[Sentence]) -> None:
        """Make the corpus."""
        corpus = Corpus(tuple(Document(one.id, (one,)) for one in sentences))
        write_corpus(corpus, self.folder / "news.jsonl")

    def stored(self) -> list[Reply]:
        """Every reply in the store."""
        path = self.out.with_name("out.jsonl.replies.sqlite")
        if not path.exists():
            return []
        with ReplyStore(path) as store:
            return list(store)

    def labelled(self) -> dict[str, Sentence]:
        """The sentences that have labels, by id."""
        return {one.id: one for one in read_corpus(self.out).sentences}

    def annotations(self) -> tuple[Annotation, ...]:
        """Their labels, with where they come from."""
        return read_annotations(self.out)

    def failures(self) -> list[str]:
        """The lines that tell what failed."""
        return failures_path(self.out).read_text().splitlines()


Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended, and what it wrote."""

    code: int
    out: str
    err: str
