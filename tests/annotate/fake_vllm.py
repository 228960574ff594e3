"""A program that takes vLLM's arguments and does what the model's config.json says, as `fake`.

It writes its process ids to the model's folder as `pids`: its own, and that of a child.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    """Answers every question with one status, and one for text with a token."""

    status = 200
    token: str | None = None

    def do_GET(self) -> None:
        """Tell the status."""
        self.send_response(self.status)
        self.end_headers()

    def do_POST(self) -> None:
        """Tell the token to whoever asks for one."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fits = self.path == "/v1/completions" and asked["max_tokens"] == 1
        self.send_response(200 if fits and self.token is not None else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"choices": [{"text": self.token}]}).encode())

    def log_message(self, *arguments: object) -> None:
        """Keep the log clean."""


def main() -> None:
    """Serve, die or hang."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments, _ = parser.parse_known_args()
    told = json.loads((arguments.model / "config.json").read_text())["fake"]
    sys.stdout.write(told.get("says", "INFO ready") + "\n")
    sys.stdout.flush()
    if "dies" in told:
        sys.exit(told["dies"])
    if told.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    part = arguments.model / "pids.part"
    part.write_text(json.dumps([os.getpid(), child.pid]))
    part.rename(arguments.model / "pids")
    Health.status = told.get("status", 200)
    Health.token = told.get("token")
    HTTPServer(("127.0.0.1", arguments.port), Health).serve_forever()


if __name__ == "__main__":
    main()
