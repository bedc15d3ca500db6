"""Object stores: the file system a URL names, a put that refuses to replace, what a store's errors mean.

Credentials come from where the store's own tools take them (for S3 ``AWS_ACCESS_KEY_ID`` and its like, or
``~/.aws``), never from a URL.
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

_S3_OPTIONS = ("endpoint_override", "region", "scheme")
_ARROW_SCHEMES = ("gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_CONNECT_S = 3.0  # each of three attempts: a host that does not answer is told within ten seconds

_SECRET_USER = re.compile(r"(://[^/@:?]*:)[^/@]*@")
_SECRET_OPTION = re.compile(
    r"([?&][^=&]*(?:key|secret|token|password|credential|sig)[^=&]*=)[^&]*", re.IGNORECASE
)

_CREDENTIALS = (
    "access is denied; put credentials that may read and write there into the environment "
    "(for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
)
_NO_BUCKET = "there is no such bucket; create it, or correct the URL"
_NO_ANSWER = (
    "the store does not answer; check the network and the URL's host (endpoint_override=HOST:PORT, and "
    "scheme=http where it has no TLS)"
)
# What a store's libraries say, letters only: the words of pyarrow and boto3 differ in little else.
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
    "conditionalrequestconflict": "another writer was at it in the same moment; run the same command again",
}


def mask_url(url: str) -> str:
    """Return a URL as it may be shown: with no password and no key."""
    return _SECRET_OPTION.sub(r"\1***", _SECRET_USER.sub(r"\1***@", url))


def explain(error: BaseException) -> str:
    """Say in one clause what a store refused and what to do."""
    letters = re.sub(r"[^a-z0-9]", "", f"{type(error).__name__} {error}".lower())
    known = next((meaning for words, meaning in _MEANINGS.items() if words in letters), None)
    return known or mask_url((str(error) or type(error).__name__).splitlines()[0])


def check_url(url: str) -> None:
    """Refuse a URL that nothing here can open; opens nothing, so that settings can be read offline.

    Raises:
        StorageError: no such protocol, an S3 option that is not known, or an S3 key in the URL.
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
            f"{mask_url(url)} holds a key; take it out of the URL, and put AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY into the environment"
        )
    if unknown:
        raise StorageError(f"{url}: there is no option {unknown[0]}; there is: {', '.join(_S3_OPTIONS)}")
    if not parts.netloc:
        raise StorageError(f"{url} names no bucket; write s3://BUCKET/PREFIX")


@lru_cache(maxsize=16)
def open_file_system(url: str) -> tuple[arrow.FileSystem, str]:
    """Open the file system that a URL names; once a process.

    Returns:
        The file system, and where in it the URL's folder is.

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
    """Put an object that must not exist yet; return False, changing nothing, where it does.

    Of two writers at the same moment exactly one is told True on S3 (a conditional put, ``If-None-Match``)
    and where an fsspec protocol creates exclusively. Arrow's own ``gs``, ``abfs`` and ``hdfs`` have no such
    operation: there we look first, and two writers within the same milliseconds may both be told True.
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
    """Put a whole object by one write: a stream that fails halfway must not be closed as if it were whole."""
    if not isinstance(file_system, arrow.S3FileSystem):  # there are no folders on S3
        file_system.create_dir(path.rpartition("/")[0], recursive=True)
    with file_system.open_output_stream(path, compression=None) as stream:
        stream.write(content)


def has_bucket(file_system: arrow.FileSystem, path: str) -> bool:
    """Tell whether an S3 bucket exists, of which a listing says only that nothing is in it."""
    if not isinstance(file_system, arrow.S3FileSystem):
        return True
    return bool(file_system.get_file_info(path.partition("/")[0]).type != arrow.FileType.NotFound)


def _check_fsspec(url: str, scheme: str) -> None:
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as exc:
        raise StorageError(
            f"cannot open {mask_url(url)}: {scheme}:// is neither s3, gs, hdfs nor a protocol of fsspec that "
            f"is installed here ({exc})"
        ) from exc


def _open_s3(options: dict[str, str]) -> arrow.S3FileSystem:
    # Opened without a round trip: what is wrong with the bucket is told by the write itself.
    return arrow.S3FileSystem(connect_timeout=_CONNECT_S, allow_delayed_open=True, **options)


def _put_new_s3(url: str, path: str, content: bytes) -> bool:
    """Put by way of boto3: Arrow's S3 knows no conditional put."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ClientError
    except ImportError as exc:
        raise StorageError(
            "committing a dataset to S3 needs boto3, for a put that refuses to replace; "
            "pip install 'lenet-pipeline[s3]'"
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
        # A put that was sent again because its answer was lost meets itself.
        return bool(client.get_object(Bucket=bucket, Key=key)["Body"].read() == content)
    finally:
        client.close()
    return True
