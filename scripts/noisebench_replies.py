"""Write NoiseBench labels as the replies of a language model, for the replay annotator.

python scripts/noisebench_replies.py LABELS.jsonl --labels noise_llm --out REPLIES.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nerdistill.annotate.simulated import write_reply
from nerdistill.labels import detect_scheme, tags_to_spans
from nerdistill.types import Sentence


def convert(line: str, labels: str) -> str:
    """One sentence's labels as a recorded reply; an entity that occurs twice is listed twice."""
    row = json.loads(line)
    sentence = Sentence(str(row["orig_idx_nodoc"]), tuple(row["tokens"]))
    spans = tags_to_spans(row[labels], detect_scheme([row[labels]]))
    record = {
        "idx": row["orig_idx_nodoc"],
        "tokens": sentence.tokens,
        "reply": write_reply(sentence, spans),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the arguments, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="labels.jsonl of NoiseBench")
    parser.add_argument("--labels", default="noise_llm", help="the label set, such as noise_llm")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with given.file.open(encoding="utf-8") as stream:
        lines = [convert(line, given.labels) for line in stream]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("".join(lines), encoding="utf-8")
    print(f"{given.out}: {len(lines)} replies")


if __name__ == "__main__":
    main()
