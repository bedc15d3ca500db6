"""Object stores: open the file system of a URL, put objects, and explain a store's errors.

Credentials come from the sources that the store's own tools use (for S3, ``AWS_ACCESS_KEY_ID`` and related
variables, or ``~/.aws``), never from a URL.
"""

from __future__ import annotations

import http
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pyarrow import ArrowException
from pyarrow import fs as arrow

from lenet_pipeline.errors import StorageError
from lenet_pipeline.system import first_line

_S3_OPTIONS = ("endpoint_override", "region", "scheme")
_ARROW_SCHEMES = ("gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_CONNECT_S = 3.0  # for each of three attempts, so that an unreachable host fails within ten seconds

_SECRET_USER = re.compile(r"(://[^/@:?]*:)[^/@]*@")
_SECRET_OPTION = re.compile(
    r"([?&][^=&]*(?:key|secret|token|password|credential|sig)[^=&]*=)[^&]*", re.IGNORECASE
)

_CREDENTIALS = (
    "access is denied; set credentials with read and write access in the environment "
    "(for S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
)
_NO_BUCKET = "the bucket does not exist; create it, or correct the URL"
_NO_ANSWER = (
    "the store does not answer; check the network and the host in the URL (endpoint_override=HOST:PORT, and "
    "scheme=http if it has no TLS)"
)
# Keys are the bare letters of messages, because pyarrow and boto3 differ in spacing and punctuation.
_MEANINGS = {
    "nosuchbucket": _NO_BUCKET,
    "accessdenied": _CREDENTIALS,
    "forbidden": _CREDENTIALS,
    "invalidaccesskeyid": _CREDENTIALS,
    "signaturedoesnotmatch": _CREDENTIALS,
    "expiredtoken": _CREDENTIALS,
    "nocredentials": _CREDENTIALS,
    "locatecredentials": _CREDENTIALS,
    "httpstatus301": "the bucket is in another region; add region=NAME to the URL",
    "networkconnection": _NO_ANSWER,
    "couldnotconnect": _NO_ANSWER,
    "connecttimeout": _NO_ANSWER,
    "conditionalrequestconflict": "another writer changed it at the same time; run the same command again",
}


def mask_url(url: str) -> str:
    """Return a URL with passwords and keys replaced by ``***``, to print it."""
    return _SECRET_OPTION.sub(r"\1***", _SECRET_USER.sub(r"\1***@", url))


def explain(error: BaseException) -> str:
    """Return the cause of a store's error and, if known, its remedy, as one clause."""
    letters = re.sub(r"[^a-z0-9]", "", f"{type(error).__name__} {error}".lower())
    known = next((meaning for words, meaning in _MEANINGS.items() if words in letters), None)
    return known or mask_url(first_line(error))


def check_url(url: str) -> None:
    """Check a URL without opening it, so that settings can be read offline.

    Raises:
        StorageError: the protocol or an S3 option is unknown, the bucket is missing, or the URL contains
            an S3 key.
    """
    parts = urlsplit(url)
    if parts.scheme in _ARROW_SCHEMES:
        return
    if parts.scheme != "s3":
        _check_fsspec(url, parts.scheme)
        return
    unknown = sorted({name for name, _ in parse_qsl(parts.query)} - set(_S3_OPTIONS))
    if "@" in parts.netloc or any(mask_url(f"?{name}=x") != f"?{name}=x" for name in unknown):
        raise StorageError(
            f"{mask_url(url)} contains a key; remove it, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "in the environment"
        )
    if unknown:
        raise StorageError(f"{url} has an unknown option {unknown[0]}; available: {', '.join(_S3_OPTIONS)}")
    if not parts.netloc:
        raise StorageError(f"{url} has no bucket; write s3://BUCKET/PREFIX")


@lru_cache(maxsize=16)
def open_file_system(url: str) -> tuple[arrow.FileSystem, str]:
    """Open the file system of a URL, once per process.

    Returns:
        The file system, and the path of the URL's folder in it.

    Raises:
        StorageError: the URL cannot be opened.
    """
    check_url(url)
    parts = urlsplit(url)
    try:
        if parts.scheme == "s3":
            return _open_s3(dict(parse_qsl(parts.query))), parts.netloc + parts.path.rstrip("/")
        if parts.scheme in _ARROW_SCHEMES:
            file_system, path = arrow.FileSystem.from_uri(url)
        else:
            import fsspec

            opened, path = fsspec.core.url_to_fs(url)
            file_system = arrow.PyFileSystem(arrow.FSSpecHandler(opened))
        return file_system, path.rstrip("/")
    except (ArrowException, OSError, ValueError, ImportError) as exc:
        raise StorageError(f"cannot open {mask_url(url)}: {explain(exc)}") from exc


def put_new(url: str, path: str, content: bytes) -> bool:
    """Put a new object and return True; if it exists, change nothing and return False.

    If two writers put at the same time, exactly one gets True on S3 (a conditional put, ``If-None-Match``)
    and on fsspec protocols that create exclusively. Arrow's ``gs``, ``abfs`` and ``hdfs`` lack such an
    operation. There this function checks first, and two writers within milliseconds can both get True.
    """
    file_system, _ = open_file_system(url)
    if isinstance(file_system, arrow.S3FileSystem):
        return _put_new_s3(url, path, content)
    if isinstance(file_system, arrow.PyFileSystem):
        try:
            file_system.handler.fs.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        return True
    if file_system.get_file_info(path).type != arrow.FileType.NotFound:
        return False
    put(file_system, path, content)
    return True


def put(file_system: arrow.FileSystem, path: str, content: Any) -> None:
    """Put an object in one write: a stream that fails between two writes would be closed as complete."""
    if not isinstance(file_system, arrow.S3FileSystem):  # S3 has no folders
        file_system.create_dir(path.rpartition("/")[0], recursive=True)
    with file_system.open_output_stream(path, compression=None) as stream:
        stream.write(content)


def has_bucket(file_system: arrow.FileSystem, path: str) -> bool:
    """Return whether an S3 bucket exists; True for other stores. Listing a missing bucket finds no files."""
    if not isinstance(file_system, arrow.S3FileSystem):
        return True
    return bool(file_system.get_file_info(path.partition("/")[0]).type != arrow.FileType.NotFound)


def _check_fsspec(url: str, scheme: str) -> None:
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as exc:
        raise StorageError(
            f"cannot open {mask_url(url)}: {scheme}:// is not s3, gs, hdfs or an installed fsspec protocol "
            f"({exc})"
        ) from exc


def _open_s3(options: dict[str, str]) -> arrow.S3FileSystem:
    # Opening sends no request; the first read or write reports a wrong bucket.
    return arrow.S3FileSystem(connect_timeout=_CONNECT_S, allow_delayed_open=True, **options)


def _put_new_s3(url: str, path: str, content: bytes) -> bool:
    """Put a new object with boto3, because Arrow's S3 file system has no conditional put."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ClientError
    except ImportError as exc:
        raise StorageError(
            "committing a dataset to S3 needs boto3 for conditional writes; "
            "run pip install 'lenet-pipeline[s3]'"
        ) from exc
    options = dict(parse_qsl(urlsplit(url).query))
    host = options.get("endpoint_override")
    bucket, _, key = path.partition("/")
    client = boto3.client(
        "s3",
        endpoint_url=f"{options.get('scheme', 'https')}://{host}" if host else None,
        region_name=options.get("region"),
        config=Config(connect_timeout=_CONNECT_S, retries={"total_max_attempts": 3}),
    )
    try:
        client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
    except ClientError as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] != http.HTTPStatus.PRECONDITION_FAILED:
            raise
        # A put that was retried because its response was lost finds its own object.
        return bool(client.get_object(Bucket=bucket, Key=key)["Body"].read() == content)
    finally:
        client.close()
    return True
