"""Files and batches: questions handed in together, and collected later.

A batch is worked off when it has been looked at often enough. Faults meet its lines as they meet
requests: a refusal goes to the error file, a fault on the wire loses the line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fault_server.http import json_response, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fault_server.faults import Plan
    from tests.fault_server.http import Call

Line = dict[str, Any]
Answer = tuple[int, Line] | None
"""Status and body of one answer; None where it is lost."""


def uploaded(call: Call) -> bytes:
    """The file of a multipart form.

    Raises:
        ValueError: the form has none.
    """
    boundary = call.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    for part in call.body.split(b"--" + boundary):
        head, _, data = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return data.removesuffix(b"\r\n")
    raise ValueError("the form has no file")


@dataclass
class Batch:
    """One batch."""

    id: str
    given: dict[str, Any]
    questions: list[Line]
    looks: int = 0
    status: str = "validating"
    errors: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def plain(self) -> Line:
        """The batch as the protocol writes it."""
        return {
            "id": self.id,
            "object": "batch",
            "created_at": 1_700_000_000,
            "endpoint": self.given["endpoint"],
            "input_file_id": self.given["input_file_id"],
            "completion_window": self.given["completion_window"],
            "metadata": self.given.get("metadata"),
            "status": self.status,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "request_counts": {"total": len(self.questions), "completed": 0, "failed": 0}
            | self.counts,
            "output_file_id": self.files.get("output"),
            "error_file_id": self.files.get("error"),
        }


class Desk:
    """Takes files and batches, and gives them back."""

    def __init__(self, answer: Callable[[Line, str], Answer]) -> None:
        """`answer` gives status and body for a question and the caller's key."""
        self._answer = answer
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, Batch] = {}
        self._uploads = 0

    def route(self, call: Call, plan: Plan) -> bytes | None:
        """The response to a call that concerns files or batches; None for any other."""
        kind, *names = call.path.partition("?")[0].removeprefix("/v1/").split("/")
        if kind == "files":
            return self._on_files(call, names)
        return self._on_batches(call, names, plan) if kind == "batches" else None

    def _on_files(self, call: Call, names: list[str]) -> bytes | None:
        match call.method, *names:
            case ["POST"]:
                return json_response(self._file(self._keep(uploaded(call))))
            case "GET", name if name in self._files:
                return json_response(self._file(name))
            case "GET", name, "content" if name in self._files:
                return response(200, self._files[name], kind="application/octet-stream")
            case "DELETE", name if name in self._files:
                del self._files[name]
                return json_response({"id": name, "object": "file", "deleted": True})
        return None

    def _on_batches(self, call: Call, names: list[str], plan: Plan) -> bytes | None:
        match call.method, *names:
            case ["GET"]:
                told = [batch.plain() for batch in reversed(self._batches.values())]
                return json_response({"object": "list", "data": told, "has_more": False})
            case ["POST"]:
                return json_response(self._open(json.loads(call.body)).plain())
            case "GET", name if name in self._batches:
                return json_response(self._look(self._batches[name], call.key, plan).plain())
            case "POST", name, "cancel" if name in self._batches:
                self._batches[name].status = "cancelled"
                return json_response(self._batches[name].plain())
        return None

    def _keep(self, data: bytes) -> str:
        self._uploads += 1
        name = f"file-{self._uploads}"
        self._files[name] = data
        return name

    def _file(self, name: str) -> Line:
        size = len(self._files[name])
        return {
            "id": name,
            "object": "file",
            "bytes": size,
            "created_at": 1_700_000_000,
            "filename": "batch.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def _open(self, given: dict[str, Any]) -> Batch:
        lines = self._files[given["input_file_id"]].splitlines()
        batch = Batch(f"batch-{len(self._batches) + 1}", given, [json.loads(one) for one in lines])
        names = {one["custom_id"] for one in batch.questions}
        if not names or len(names) < len(lines):
            batch.status = "failed"
            batch.errors = [{"code": "duplicate_custom_id", "message": "custom_id is not unique."}]
        self._batches[batch.id] = batch
        return batch

    def _look(self, batch: Batch, key: str, plan: Plan) -> Batch:
        batch.looks += 1
        if batch.status in {"validating", "in_progress"}:
            batch.status = "in_progress"
            if batch.looks > plan.looks:
                self._work_off(batch, key, plan)
        return batch

    def _work_off(self, batch: Batch, key: str, plan: Plan) -> None:
        batch.status = plan.batch
        in_time = len(batch.questions) // 2 if plan.batch == "expired" else len(batch.questions)
        good: list[Line] = []
        bad = [_late(one) for one in batch.questions[in_time:]]
        for one in batch.questions[:in_time]:
            answered = self._answer(one["body"], key)
            if answered is not None:
                (good if answered[0] == 200 else bad).append(_line(one, *answered))
        batch.counts = {"completed": len(good), "failed": len(bad)}
        # The protocol promises no order.
        for name, lines in (("output", good[::-1]), ("error", bad)):
            if lines:
                text = "".join(json.dumps(line) + "\n" for line in lines)
                batch.files[name] = self._keep(text.encode())


def _line(question: Line, status: int, body: Line) -> Line:
    name = question["custom_id"]
    answer = {"status_code": status, "request_id": f"req-{name}", "body": body}
    return {"id": f"batch_req-{name}", "custom_id": name, "response": answer, "error": None}


def _late(question: Line) -> Line:
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return {"custom_id": question["custom_id"], "response": None, "error": error}
