import logging
import shutil
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from biasgan.io.files import PARTIAL

S3 = "s3://"
RETRIES = {"mode": "standard", "total_max_attempts": 5}


class StorageError(OSError):
    """A file of a folder or of object storage that cannot be read or written; the message says why and what to do."""


class AbsentError(StorageError):
    """A file that is not there."""


class Storage:
    """The files of a folder, or of a prefix in object storage of S3's kind, by their names.

    Credentials and endpoint come from the environment, as for every program that uses boto3: AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_ENDPOINT_URL. All methods raise StorageError if the storage cannot be
    reached or does not take a file.

    Args:
        root: A path, or `s3://bucket/prefix`.
        anonymous: Ask object storage without credentials, as public buckets allow.

    Raises:
        ValueError: If it is of another kind of storage.
    """

    def __init__(self, root: str | Path, anonymous: bool = False) -> None:
        text = str(root).rstrip("/")
        if "://" in text and not text.startswith(S3):
            raise ValueError(f"{text} is neither a folder nor s3://bucket/prefix.")
        self.folder = None if text.startswith(S3) else Path(root).expanduser().absolute()
        self.root = text if self.folder is None else str(self.folder)
        self.anonymous = anonymous

    def get(self, name: str, target: Path) -> None:
        """Copy a file from the storage.

        Raises:
            AbsentError: If there is none.
            StorageError: If the storage cannot be reached.
        """
        if not self.folder:
            return self.call("download_file", name, Filename=str(target))
        try:
            shutil.copyfile(self.folder / name, target)
        except FileNotFoundError as error:
            raise AbsentError(f"{self.folder / name} does not exist.") from error

    def put(self, name: str, source: Path) -> None:
        """Move a file into the storage, whole or not at all.

        Raises:
            StorageError: If the storage cannot be reached or does not take it.
        """
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Beside the target first: the source may be on another disk.
            partial = self.folder / f"{PARTIAL}{name}"
            shutil.move(source, partial)
            partial.replace(self.folder / name)
        else:
            self.call("upload_file", name, Filename=str(source))
            source.unlink()

    def remove(self, name: str) -> None:
        """Remove a file if it is there.

        Raises:
            StorageError: If the storage cannot be reached.
        """
        if self.folder:
            (self.folder / name).unlink(missing_ok=True)
        else:
            self.call("delete_object", name)

    def call(self, operation: str, name: str, **more: str) -> None:
        """Ask object storage to do something with a file, and say plainly what goes wrong."""
        # It tells each time where endpoint and credentials are from.
        logging.getLogger("botocore").setLevel(logging.WARNING)
        errors, signature = extra("botocore.exceptions"), extra("botocore").UNSIGNED if self.anonymous else None
        config = extra("botocore.config").Config(connect_timeout=10, retries=RETRIES, signature_version=signature)
        # A client for each call: loader processes begin as copies of one that has read the index, and would share its
        # connections.
        client = client_maker(threading.get_ident())("s3", config=config)
        bucket, _, prefix = self.root.removeprefix(S3).partition("/")
        address = f"{self.root}/{name}"
        try:
            getattr(client, operation)(Bucket=bucket, Key=f"{prefix}/{name}".lstrip("/"), **more)
        except (errors.BotoCoreError, errors.ClientError, extra("boto3.exceptions").Boto3Error) as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") in ("404", "NoSuchKey"):
                raise AbsentError(f"{address} does not exist.") from error
            raise StorageError(
                f"{address}: {str(error).rstrip('.')}. Check the address, AWS_ENDPOINT_URL and the credentials, in "
                "AWS_… or ~/.aws."
            ) from error
        finally:
            client.close()


@cache
def client_maker(thread: int) -> Callable[..., Any]:
    """What makes the clients of a thread: for the first one it reads, for a tenth of a second, all that S3 can do."""
    return extra("boto3").session.Session().client


def extra(module: str) -> ModuleType:
    """Import a module of the extra for sets in chunks.

    Raises:
        ImportError: If it is not installed; says what to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Sets in chunks need {module.split('.')[0]}, which is not installed: pip install 'biasgan[streaming]'"
        ) from error
