#!/usr/bin/env python3
"""Measure annotation: speed against a loopback server, peers on the same server, memory.

    scripts/bench_annotate.py speed                        # nerdistill and a sequential loop
    scripts/bench_annotate.py speed --peer litellm=PYTHON  # and a library in another environment
    scripts/bench_annotate.py memory --million

The server answers each request after 200 ms and has room for 64 at once. Every contender runs in a
process of its own, one after the other, so that ratios within one run count. PYTHON is the
interpreter of an environment with the library: `pip install litellm`, `pip install distilabel`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nerdistill.annotate.protocol import Reply, Request
    from nerdistill.types import Sentence

LATENCY, ROOM = 0.2, 64
CAPACITY = ROOM / LATENCY
SEQUENTIAL = 300
"""Sentences that the sequential loop is timed on; the rest is extrapolated."""
PEERS = ROOT / "scripts" / "peers"
TEXT = (
    "the of Ada Karl said on Monday Berlin court ruled against minister in a case that Rovers won "
    "two nil after long talks with Kestrel Holdings about new ferries"
)
WORDS = TEXT.split()


@dataclass
class Found:
    """What a contender's process measured: answers, seconds, CPU seconds, peak memory in MB."""

    answered: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    megabytes: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def sentences(count: int) -> Iterator[Sentence]:
    """Made sentences of 20 words, no two alike."""
    from nerdistill.types import Sentence

    draw = random.Random(1)  # noqa: S311 - filling, not secrets
    for number in range(count):
        words = (*(draw.choice(WORDS) for _ in range(18)), f"N{number}", ".")
        yield Sentence(f"d{number}#0", words)


def requests(count: int) -> Iterator[Request]:
    """What nerdistill asks about them."""
    from nerdistill.annotate.job import Job
    from nerdistill.annotate.prompt import load_prompt
    from nerdistill.annotate.protocol import Sampling
    from nerdistill.labels import load_schema

    job = Job("vllm", "m", load_prompt("standard"), load_schema("conll"), Sampling())
    return job.requests(sentences(count))


def run_nerdistill(base_url: str, count: int, *, logprobs: bool) -> Found:
    """Ask for every sentence and store every reply, as `nerdistill annotate run` does."""
    from nerdistill.annotate.ask import Asker, Tally
    from nerdistill.annotate.chat import ChatAnnotator
    from nerdistill.annotate.endpoint import ChatSettings
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.secrets import Key
    from nerdistill.annotate.wire import Dialect
    from nerdistill.progress import Silent

    dialect = Dialect("max_tokens", logprobs)
    settings = ChatSettings(base_url, Key(""), dialect, max_concurrency=256)
    with (
        tempfile.TemporaryDirectory() as folder,
        ReplyStore(Path(folder) / "store") as store,
        Silent().task("ask", total=count, unit="sentences") as task,
        timed() as spent,
    ):
        asker = Asker(
            ChatAnnotator(settings),
            store,
            task,
            Tally(),
            most_tokens=4096,
            readable=lambda _request, reply: reply.text.startswith("{"),
        )
        asker.ask(requests(count))
        spent.answered = store.count()
    return spent


def run_sequential(base_url: str, count: int) -> Found:
    """The official client in a loop, one request after the other."""
    import openai

    from nerdistill.annotate.wire import Dialect, body_of

    client = openai.OpenAI(api_key="none", base_url=base_url)
    dialect = Dialect("max_tokens", logprobs=False)
    asked = min(count, SEQUENTIAL)
    with timed() as spent:
        for request in requests(asked):
            answer = client.chat.completions.create(**body_of(request, dialect))  # type: ignore[call-overload]
            spent.answered += bool(answer.choices[0].message.content)
    return spent


def run_bare(base_url: str, count: int) -> Found:
    """Nothing but bytes over sockets: what the server can do on this machine."""
    import asyncio

    port = urlsplit(base_url).port
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Ada won."}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: {len(body)}\r\n\r\n"
    left = iter(range(count))

    async def caller() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        done = 0
        for _ in left:
            writer.write((head + body).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in answer.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            await reader.readexactly(length)
            done += 1
        writer.close()
        return done

    async def all_callers() -> int:
        return sum(await asyncio.gather(*(caller() for _ in range(2 * ROOM))))

    with timed() as spent:
        spent.answered = asyncio.run(all_callers())
    return spent


@contextmanager
def timed() -> Iterator[Found]:
    """Seconds and CPU seconds of a block; filled in when it ends."""
    spent = Found()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.seconds, spent.cpu = time.perf_counter() - wall, time.process_time() - cpu


class AtOnce:
    """An annotator without latency, in this process: it finds the last word but one."""

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """A right reply to each."""
        from nerdistill.annotate.protocol import Reply

        for request in requests:
            (sentence,) = request.sentences
            text = f'{{"entities":[{{"label":"PER","text":"{sentence.tokens[-2]}"}}]}}'
            yield Reply(request.key, text, "stop", 250, 20)


def run_memory(source: str, count: int) -> Found:
    """Label a file with an annotator without latency, as the command does."""
    from nerdistill.annotate.audit import Auditor
    from nerdistill.annotate.job import Job
    from nerdistill.annotate.output import AnnotationWriter
    from nerdistill.annotate.prompt import load_prompt
    from nerdistill.annotate.protocol import Failure, Sampling
    from nerdistill.annotate.replies import ReplyStore
    from nerdistill.annotate.run import annotate
    from nerdistill.corpus.formats import stream_corpus
    from nerdistill.labels import load_schema
    from nerdistill.progress import Silent

    stream = stream_corpus(Path(source))
    total = sum(1 for _ in stream())  # the command checks the whole file first
    out = Path(source).with_suffix(".out.jsonl")
    auditor = Auditor()
    job = Job("inprocess", "m", load_prompt("standard"), load_schema("conll"), Sampling())
    with ReplyStore(out.with_suffix(".sqlite")) as store, AnnotationWriter(out) as writer:

        def keep(document: str, sentence: Sentence, outcome: object) -> None:
            if isinstance(outcome, Failure):
                raise TypeError(outcome.message)
            writer.add(document, sentence, outcome)  # type: ignore[arg-type]
            auditor.add(sentence, outcome)  # type: ignore[arg-type]

        with timed() as spent:
            counts = annotate(
                stream,
                job,
                annotator=AtOnce(),
                store=store,
                progress=Silent(),
                sink=keep,
                total=total,
            )
    if counts.asked != count:
        raise ValueError(f"{counts.asked} of {count} were asked")
    spent.answered = counts.asked
    return spent


CONTENDERS: dict[str, Callable[[str, int], Found]] = {
    "bare sockets": run_bare,
    "nerdistill": lambda url, count: run_nerdistill(url, count, logprobs=False),
    "nerdistill, logprobs": lambda url, count: run_nerdistill(url, count, logprobs=True),
    "sequential loop": run_sequential,
    "memory": run_memory,
}


def child(name: str, where: str, count: int) -> Found:
    """Run a contender in a process of its own."""
    command = [sys.executable, __file__, "--child", name, where, str(count)]
    return measured(command)


def measured(command: list[str]) -> Found:
    """What a contender's process prints last, with the memory that it took."""
    process = subprocess.run(  # noqa: S603 - our own programs
        command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **QUIET}
    )
    return Found(**json.loads(process.stdout.splitlines()[-1]))


QUIET = {
    "NO_PROXY": "127.0.0.1",
    "OPENAI_API_KEY": "none",
    # litellm asks the internet for prices when it is imported.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


@contextmanager
def server() -> Iterator[str]:
    """The test server; yields its base URL."""
    command = [sys.executable, "-m", "tests.fault_server", "--port", "0"]
    command += ["--latency", str(LATENCY), "--capacity", str(ROOM)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:  # noqa: S603 - as above
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def speed(count: int, repeats: int, peers: dict[str, str]) -> dict[str, list[Found]]:
    """Every contender on the same server, again and again, and the median of each."""
    from rich.console import Console
    from rich.table import Table

    names = ["bare sockets", "nerdistill", "nerdistill, logprobs", *peers, "sequential loop"]
    rows: dict[str, list[Found]] = {name: [] for name in names}
    with server() as base_url:
        for _ in range(repeats):
            for name in names:
                if name in peers:
                    asked = Path(tempfile.mkdtemp()) / "requests.jsonl"
                    write_bodies(asked, count)
                    runner = str(PEERS / f"{name}_runner.py")
                    found = measured([peers[name], runner, base_url, str(asked)])
                else:
                    found = child(name, base_url, count)
                rows[name].append(found)
    table = Table(title=f"{count:,} sentences, {LATENCY} s latency, room for {ROOM}")
    for column in ("", "answers", "answers/s", "of capacity", "CPU ms/request", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    for name, runs in rows.items():
        one = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
        table.add_row(
            name + (" (extrapolated)" if one.answered < count else ""),
            f"{one.answered:,}",
            f"{one.rate:.1f}",
            f"{100 * one.rate / CAPACITY:.1f} %",
            f"{1000 * one.cpu / one.answered:.2f}",
            f"{one.megabytes:.0f}",
        )
    Console(width=100).print(table)
    return rows


def write_bodies(path: Path, count: int) -> None:
    """The bodies of all requests, a line each, for programs without nerdistill."""
    from nerdistill.annotate.wire import Dialect, body_of

    dialect = Dialect("max_tokens", logprobs=False)
    with path.open("w") as stream:
        for request in requests(count):
            stream.write(json.dumps(body_of(request, dialect)) + "\n")


def memory(sizes: list[int]) -> dict[str, list[Found]]:
    """Peak memory over corpora of growing size."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="peak memory of a run with an annotator without latency")
    for column in ("sentences", "peak MB", "seconds", "sentences/s"):
        table.add_column(column, justify="right")
    rows: dict[str, list[Found]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "text.jsonl"
            with source.open("w") as stream:
                for one in sentences(size):
                    stream.write(json.dumps({"id": one.id, "tokens": one.tokens}) + "\n")
            found = child("memory", str(source), size)
        cells = (f"{found.megabytes:.0f}", f"{found.seconds:.1f}", f"{found.rate:,.0f}")
        table.add_row(f"{size:,}", *cells)
        rows[f"{size} sentences"] = [found]
    Console().print(table)
    return rows


def main() -> None:
    """Read the command line."""
    if "--child" in sys.argv:
        name, where, count = sys.argv[2:]
        found = CONTENDERS[name](where, int(count))
        found.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(asdict(found)))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--million", action="store_true", help="memory: a million sentences too")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    given = parser.parse_args()
    if given.what == "speed":
        peers = dict(one.split("=", 1) for one in given.peer)
        rows = speed(given.sentences, given.repeats, peers)
    else:
        rows = memory([1_000, 10_000, 100_000, *([1_000_000] if given.million else [])])
    if given.json:
        found_by_name = {name: [asdict(run) for run in runs] for name, runs in rows.items()}
        facts = {"cpus": os.cpu_count(), "python": sys.version, "found": found_by_name}
        given.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
