"""The Hugging Face hub's own client: what is asked of it, what it shows, what its errors mean."""

from __future__ import annotations

import glob
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.bundle.mark import there
from nerdistill.errors import AssetError, NerdistillError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import tqdm

    from nerdistill.progress import Progress, Task

MB = 1_000_000
BYTES_BAR = "huggingface_hub.snapshot_download"
"""The name of the client's bar that counts what is on the disk."""
FORBIDDEN = frozenset({401, 403})
ASK_FOR_ACCESS = (
    "Accept its terms in a browser where it asks for that, set HF_TOKEN to a token that may read "
    "it, and run the same command again."
)
AGAIN = "Run the same command again: what has arrived is kept."


@dataclass(frozen=True, slots=True)
class HubClient:
    """Asks one hub: the one that HF_ENDPOINT names, else the public one."""

    api: HfApi

    def files(self, repo: str, revision: str, *, kind: str) -> dict[str, int]:
        """The size of every file of a repository, by its path."""
        from huggingface_hub.hf_api import RepoFile

        entries = self.api.list_repo_tree(repo, revision=revision, repo_type=kind, recursive=True)
        return {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}

    def fetch(
        self,
        repo: str,
        revision: str,
        folder: Path,
        sizes: Mapping[str, int],
        progress: Progress,
        *,
        kind: str = "model",
    ) -> None:
        """Fetch files of a repository into a folder, those that are not there."""
        from huggingface_hub import snapshot_download

        if not sizes:
            return
        # A run that was killed leaves a file that no other run goes on with.
        for part in (folder / ".cache").rglob("*.incomplete"):
            part.unlink(missing_ok=True)
        total = sum(sizes.values())
        before = sum(size for name, size in sizes.items() if there(folder, {name: size}))
        with progress.task(f"fetch {repo}", total=max(1, total // MB), unit="MB") as task:
            task.skip(before // MB)
            snapshot_download(
                repo,
                repo_type=kind,
                revision=revision,
                local_dir=folder,
                allow_patterns=[glob.escape(name) for name in sizes],
                tqdm_class=_bar(task),
            )

    def damaged(self, repo: str, revision: str, folder: Path) -> list[str]:
        """The files of a folder whose content is not what the hub's checksums say."""
        found = self.api.verify_repo_checksums(repo, revision=revision, local_dir=folder)
        return sorted(one["path"] for one in found.mismatches)


def open_hub() -> HubClient:
    """A client that may go out.

    Raises:
        OfflineError: this process is closed to the hub.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise OfflineError(
            "the hub's client is switched off (HF_HUB_OFFLINE)",
            "Only `nerdistill bundle create` downloads, on a connected machine, and only where its "
            "shell allows it: unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE",
        )
    return HubClient(HfApi(library_name="nerdistill"))


@contextmanager
def told_error(repo: str, revision: str) -> Iterator[None]:
    """Turn the client's errors into one line with a remedy. A full disk stays an OSError.

    Raises:
        AssetError: the hub refuses, does not know it, or cannot be reached.
    """
    from huggingface_hub import errors

    # The base of the errors of whichever HTTP library it uses.
    lost: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        yield
    except NerdistillError:
        raise
    except errors.RevisionNotFoundError as error:
        raise AssetError(
            f"the hub has no commit {revision} of {repo}",
            "Give [sources] the 40 hexadecimal digits of a commit from the repository's history.",
        ) from error
    except errors.GatedRepoError as error:
        raise AssetError(f"the hub does not open {repo}: it is gated", ASK_FOR_ACCESS) from error
    except errors.RepositoryNotFoundError as error:
        raise AssetError(
            f"the hub shows no repository {repo}",
            "Mend `hub` or `kind` under [sources]; for a private one set HF_TOKEN to a token that "
            "may read it.",
        ) from error
    except (OSError, lost, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _told(repo, error) from error


def _told(repo: str, error: Exception) -> AssetError:
    """What the first of the chained errors that tells something says; never an address."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    for one in chain:
        status = getattr(getattr(one, "response", None), "status_code", None)
        if status in FORBIDDEN:
            return AssetError(
                f"the hub does not open {repo} (it answered {status})", ASK_FOR_ACCESS
            )
        if status is not None:
            return AssetError(f"the hub answered {status} when asked for {repo}", AGAIN)
    reason = f"{type(chain[-1]).__name__}: {' '.join(str(chain[-1]).split())[:200]}"
    return AssetError(f"{repo} cannot be fetched from the hub: {reason}", AGAIN)


def _bar(task: Task) -> type[tqdm]:
    """A bar for the client that shows nothing and tells a task of each megabyte."""
    from huggingface_hub.utils.tqdm import tqdm

    lock = threading.Lock()
    arrived = 0

    class Bar(tqdm):
        """Counts where it is the bar of bytes."""

        def __init__(self, *args: object, **settings: object) -> None:
            self._counts = settings.get("name") == BYTES_BAR
            super().__init__(*args, **{**settings, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal arrived
            if self._counts and n:
                with lock:
                    before, arrived = arrived // MB, arrived + int(n)
                    if arrived // MB != before:
                        task.advance(arrived // MB - before)
            return None

    return Bar
