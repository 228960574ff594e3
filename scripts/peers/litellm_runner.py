"""Ask a server through litellm: `litellm_runner.py BASE_URL REQUESTS.jsonl`."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import litellm

AT_ONCE = 128
"""Requests in flight: twice the server's room, so that it never waits."""


async def ask(base_url: str, bodies: list[dict[str, object]]) -> int:
    """Every request, through `acompletion`, which is what its documentation says for many."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(body: dict[str, object]) -> bool:
        async with room:
            model = f"openai/{body.pop('model')}"
            answer = await litellm.acompletion(
                model=model, api_base=base_url, api_key="none", num_retries=0, **body
            )
            return bool(answer.choices[0].message.content)

    return sum(await asyncio.gather(*map(one, bodies)))


def main() -> None:
    """Print what was measured as JSON."""
    base_url, path = sys.argv[1:]
    bodies = [json.loads(line) for line in Path(path).read_text().splitlines()]
    litellm.suppress_debug_info = True
    wall, cpu = time.perf_counter(), time.process_time()
    answered = asyncio.run(ask(base_url, bodies))
    found = {
        "answered": answered,
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
