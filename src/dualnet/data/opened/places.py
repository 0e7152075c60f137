"""Folders on a disk or in object storage, through the file systems of Arrow: what lies in them, and errors that say what is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError, ResourceError, UsageError, near_path
from ..open_input import SHOWN
from ..read_table import PARQUET
from ..table_files import URL

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

STORES = {"s3": "S3", "gs": "Google Cloud Storage", "abfs": "Azure", "abfss": "Azure"}
CREDENTIALS = {  # where Arrow looks for who asks
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine",
    "abfs": "AZURE_STORAGE_CONNECTION_STRING, `az login`, or the identity of the machine",
}
TABLE = re.compile(r"(events|items|users)(?:[-_.].*)?$")  # names of the parts of tables
SECONDS = 20  # for a connection, and for an answer to one request
PATIENCE = 60  # for all attempts at one request of Google's store, whose own limit is a quarter of an hour
_DENIED = re.compile(
    r"ACCESS_DENIED|credential|40[13]\b|FORBIDDEN|SIGNATURE|INVALID_ACCESS_KEY|Unauthenticated|permission", re.I
)
_ABSENT = re.compile(r"NO_SUCH_(BUCKET|KEY)|does not exist|\b404\b|not found|NoSuch(Bucket|Key)|RESOURCE_NOT_FOUND", re.I)
_OF_STORE = re.compile(r"AWS Error|google::cloud|Azure|curl", re.I)


@dataclass(frozen=True)
class Found:
    """A file in a place.

    Parameters
    ----------
    path : str
        As the file system names it.
    inner : tuple of str
        Its folders and name below the place.
    size : int
        Bytes.
    changed : int
        When, in nanoseconds since 1970; 0 where it is not known.
    """

    path: str
    inner: tuple[str, ...]
    size: int
    changed: int


@dataclass(frozen=True)
class Place:
    """A folder on a disk or in object storage.

    Parameters
    ----------
    name : str
        For texts, without secrets.
    system : pyarrow.fs.FileSystem
        Where it is.
    path : str
        As the file system names it.
    scheme : str
        ``s3``, ``gs``, ``abfs``, or the empty text for a disk.
    """

    name: str
    system: FileSystem
    path: str
    scheme: str = ""

    def files(self) -> list[Found]:
        """Return all files below, sorted by name, without those that begin with ``_`` or ``.`` (marks of who wrote them).

        Raises
        ------
        DataError
            If there is no such folder, or nobody may read it.
        ResourceError
            If the store does not answer.
        """
        from pyarrow.fs import FileSelector, FileType

        with self.asking():
            about = self.system.get_file_info(self.path)
            if about.type == FileType.NotFound:
                raise DataError(self._absent())
            if about.type != FileType.Directory:
                raise DataError(f"{self.name} is a file; name the folder that it is in, or read it with Dataset.from_tables")
            listed = self.system.get_file_info(FileSelector(self.path, recursive=True))
        found = []
        for info in listed:
            inner = tuple(info.path[len(self.path) :].strip("/").split("/"))
            if info.type != FileType.File or any(name.startswith(("_", ".")) for name in inner):
                continue
            if info.size or inner[-1].lower().endswith(PARQUET):  # an empty part was cut short; other empty files are marks
                found.append(Found(info.path, inner, info.size or 0, info.mtime_ns or 0))
        return sorted(found, key=lambda file: file.inner)

    def named(self, file: Found) -> str:
        """Return what a file is called in texts."""
        return f"{self.name.rstrip('/')}/{'/'.join(file.inner)}"

    @contextmanager
    def asking(self, file: Found | None = None) -> Iterator[None]:
        """Turn what a store raises into one sentence that names it, or a file of it, with the remedy."""
        from pyarrow import ArrowException

        try:
            yield
        except (OSError, ArrowException) as error:
            raise self._told(error, file) from error

    @contextmanager
    def fetching(self, file: Found) -> Iterator[None]:
        """As `asking`, for what a store says while a file is read; what is wrong with the file itself passes."""
        try:
            yield
        except OSError as error:
            if not (self.scheme and _OF_STORE.search(str(error))):
                raise
            raise self._told(error, file) from error

    def _told(self, error: Exception, file: Found | None) -> DataError | ResourceError:
        text, name = str(error), self.name if file is None else self.named(file)
        if not self.scheme:
            why = getattr(error, "strerror", None) or text[:SHOWN]
            return DataError(f"{name} cannot be read: {why}; mend its permission or name another")
        store = STORES[self.scheme]
        if _ABSENT.search(text):
            return DataError(self._absent() if file is None else f"{name} is no longer there; run it again when all parts are")
        if _DENIED.search(text):
            return DataError(
                f"{name}: {store} refuses to show it ({_short(text)}); say who asks with {CREDENTIALS[self.scheme[:4]]},"
                " and let them list and read it"
            )
        return ResourceError(
            f"{name}: {store} does not answer ({_short(text)}); check the network and the address, and run it again"
        )

    def _absent(self) -> str:
        bucket = self.path.partition("/")[0]
        where = f"check the bucket '{bucket}', the folder and the region" if self.scheme else "check the name"
        return f"there is no folder {self.name}; {where}{'' if self.scheme else near_path(self.path)}"


def is_opened(source: str) -> bool:
    """Return whether a text is an address, or a local folder with nothing but Parquet files, or with events among its tables."""
    url = URL.fullmatch(source)
    if url is not None and url[1].lower() in STORES:
        return True
    try:
        names = sorted(os.listdir(source))  # noqa: PTH208 - a Path raises for a name that is too long
    except (OSError, ValueError):  # a name with a NUL is no folder either
        return False
    files = [name for _, _, inner in os.walk(source) for name in inner if not name.startswith(("_", "."))]
    return has_events(names) or (bool(files) and all(name.lower().endswith(PARQUET) for name in files))


def has_events(names: Sequence[str]) -> bool:
    """Return whether names in a folder are those of tables, with a file or a folder of events among them."""
    tables = [TABLE.match(name) for name in names if "." not in name or name.lower().endswith(PARQUET)]
    return any(found is not None and found[1] == "events" for found in tables)


def place_of(source: str | Path) -> Place:
    """Return the place of a local folder or an address.

    Parameters
    ----------
    source : str or Path
        A folder, or ``s3://bucket/folder``, ``gs://...``, ``abfs://...``. Who asks is taken from the environment, as the store's own
        tools do (``AWS_ENDPOINT_URL`` names another S3 server).

    Raises
    ------
    UsageError
        For another kind of address, or one that holds a secret.
    DataError
        If nobody may read it, or this build of Arrow does not know the store.
    """
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem, LocalFileSystem

    url = None if isinstance(source, Path) or os.path.isdir(source) else URL.fullmatch(source)  # noqa: PTH112 - a Path would fold //
    if url is None:
        folder = Path(source).expanduser()
        return Place(str(source), LocalFileSystem(), str(folder.absolute()))
    scheme, rest = url[1].lower(), url[2]
    if scheme not in STORES:
        raise UsageError(
            f"{url[1]}:// is not known; give a folder, or an address that begins with s3://, gs:// or abfs:// (databases: --sql, or"
            " Dataset.from_sql)"
        )
    host, query = rest.partition("/")[0], rest.partition("?")[2]
    if not host.partition("?")[0] or "///" in str(source)[: len(scheme) + 4]:
        raise UsageError(f"{str(source).partition('?')[0]} names no bucket; write {scheme}://bucket/folder")
    if "@" in host and (scheme == "s3" or ":" in host):
        raise UsageError(
            f"an address of {STORES[scheme]} may not hold a secret, which messages and logs would repeat; use {CREDENTIALS[scheme[:4]]}"
        )
    name = f"{scheme}://{rest.partition('?')[0]}"
    try:
        if scheme == "s3" and "?" not in rest:
            return Place(name, _s3(host), rest.rstrip("/"), scheme)
        if scheme == "gs" and "retry_limit_seconds" not in query:
            rest += f"{'&' if query else '?'}retry_limit_seconds={PATIENCE}"
        system, path = FileSystem.from_uri(f"{scheme}://{rest}")
    except ValueError as error:  # Arrow was built without it, or the address is none
        raise DataError(f"{name} cannot be opened: {_short(str(error))}; check the address") from error
    except (OSError, ArrowException) as error:
        raise Place(name, LocalFileSystem(), host, scheme)._told(error, None) from error
    return Place(name, system, path.rstrip("/"), scheme)


def _s3(bucket: str) -> FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    scheme, _, host = endpoint.rpartition("://")
    own: dict[str, Any] = {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"} if endpoint else {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and not own:
        region = resolve_s3_region(bucket)
    return S3FileSystem(
        region=region, connect_timeout=SECONDS, request_timeout=SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=4), **own,
    )  # fmt: skip


def _short(text: str) -> str:
    return " ".join(text.split())[:SHOWN]
