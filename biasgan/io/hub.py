"""Files on the Hugging Face Hub, by huggingface_hub: named hf:USER/NAME or hf:USER/NAME@REVISION."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PREFIX = "hf:"
LOG_IN = "Log in with: hf auth login"


class Repository(NamedTuple):
    """A repository there, in one state.

    Attributes:
        name: USER/NAME.
        revision: A branch, tag or commit; None for the branch main.
    """

    name: str
    revision: str | None


def on_hub(name: str | Path) -> bool:
    """Whether a name means something on the hub."""
    return str(name).startswith(PREFIX)


def repository(name: str | Path) -> Repository:
    """The repository that a name means.

    Raises:
        ValueError: If it is no such name.
    """
    # Windows would have it with a backslash.
    text = name if isinstance(name, str) else name.as_posix()
    parts = re.fullmatch(r"hf:([\w.-]+/[\w.-]+)(?:@([^@]+))?", text)
    if not parts:
        raise ValueError(f"{text}: expected hf:USER/NAME or hf:USER/NAME@REVISION.")
    return Repository(parts[1], parts[2])


def fetch(name: str | Path, file: str) -> Path:
    """A file of a repository, as it lies in the cache of huggingface_hub; fetched if it is not there, or has changed.

    Raises:
        FileNotFoundError: If there is no such repository, revision or file.
        ImportError: If huggingface_hub is not installed.
        OSError: If the hub cannot be reached, or refuses, and the file is not in the cache.
        ValueError: If it is no such name.
    """
    wanted = repository(name)
    with plain_errors(str(name), file):
        return Path(library().HfApi().hf_hub_download(wanted.name, file, revision=wanted.revision))


def pinned(name: str | Path, file: Path) -> str:
    """The name with the commit that a file in the cache is of: it means the same for ever."""
    return f"{PREFIX}{repository(name).name}@{file.parent.name}"


def publish(name: str, files: Mapping[str, bytes], message: str) -> str:
    """Write files into a repository in one commit; one that is not there is made.

    Args:
        name: Of the repository; the revision is the branch to commit to.
        files: Name of each → its content.
        message: Of the commit.

    Returns:
        Address of the repository.

    Raises:
        FileNotFoundError: If there is no such branch.
        ImportError: If huggingface_hub is not installed.
        OSError: If the hub cannot be reached, or refuses.
        PermissionError: If nobody is logged in.
        ValueError: If it is no such name.
    """
    target = repository(name)
    hub = library()
    if not hub.get_token():
        raise PermissionError(f"{name} cannot be written to: you are not logged in. {LOG_IN}")
    with plain_errors(name):
        address = hub.HfApi().create_repo(target.name, exist_ok=True)
        additions = [hub.CommitOperationAdd(file, content) for file, content in files.items()]
        hub.HfApi().create_commit(target.name, additions, commit_message=message, revision=target.revision)
    return str(address)


def library() -> ModuleType:
    """Its module.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise ImportError(f"hf: needs {error.name}, which is not installed: pip install 'biasgan[hub]'") from error


@contextmanager
def plain_errors(name: str, file: str = "") -> Generator[None]:
    """Say in plain words what goes wrong with a repository within the block."""
    errors = import_module("huggingface_hub.errors")
    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        raise OSError(f"{name} is not in the cache, and the hub cannot be reached or HF_HUB_OFFLINE is set.") from error
    except errors.GatedRepoError as error:
        raise PermissionError(f"{name} is for those who have accepted its terms, on its page. {LOG_IN}") from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(f"{name}: there is no such repository, or it is not yours to see. {LOG_IN}") from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{name}: this repository has no such revision.") from error
    except errors.EntryNotFoundError as error:
        raise FileNotFoundError(f"{name} has no model of biasgan's: no file {file}.") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        more = f" {LOG_IN}, with a token that may write." if status in (401, 403) else ""
        reason = error.server_message or error.response.reason_phrase
        raise OSError(f"{name}: the hub answers {status}, {reason}.{more}") from error
    except (errors.OfflineModeIsEnabled, errors.HTTPError) as error:
        raise OSError(f"{name}: the hub cannot be reached: {error}") from error
