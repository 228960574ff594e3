"""Run the server: its first line on standard output is its port."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from tests.fault_server.faults import Plan
from tests.fault_server.server import Server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_server")
    parser.add_argument("--port", type=int, default=0, help="0 is any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a request takes")
    parser.add_argument("--capacity", type=int, default=64, help="requests at once")
    parser.add_argument("--log", type=Path, help="gets a line `digest outcome` a request")
    parser.add_argument("--model", default="m", help="what /v1/models tells")
    parser.add_argument("--faults", default="{}", help="a plan, as JSON: see faults.py")
    return parser.parse_args()


async def _main() -> None:
    given = _arguments()
    server = Server(
        latency=given.latency,
        capacity=given.capacity,
        log=given.log,
        model=given.model,
        plan=Plan(**json.loads(given.faults)),
    )
    listening = await server.serve(given.port)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the starter reads it
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
