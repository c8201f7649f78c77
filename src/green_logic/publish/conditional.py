"""Create-only puts to S3: `If-None-Match: *`, so that of two uploads of one name the store refuses the second.

pyarrow's file systems have no conditional put (26.0), so these speak through boto3, the extra `green-logic[s3]`, with
the same address, options and credentials. Errors come as OSError, in words; see `store_error`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from green_logic.errors import ConfigurationError, GreenLogicError, StorageError

PART_BYTES = 64 << 20  # sent again at most when a connection breaks; 10,000 parts hold 640 GB
ATTEMPTS = 4  # of each request, with growing pauses of up to 20 s: a store that is restarting is waited for
# what a store answers that no second attempt will change, and what to do about it
HINTS = {
    ("NoSuchBucket", "NO_SUCH_BUCKET"): "make the bucket first, or correct the address",
    ("InvalidAccessKeyId", "INVALID_ACCESS_KEY_ID", "SignatureDoesNotMatch", "SIGNATURE_DOES_NOT_MATCH", "ExpiredToken",
     "NoCredentials", "INVALID_CLIENT_TOKEN_ID", "UNRECOGNIZED_CLIENT"):
        "give valid credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws",
    ("AccessDenied", "ACCESS_DENIED", "Forbidden"): "these credentials may not do that: it takes the rights to list, "
        "get, put and delete objects under the prefix",
}  # fmt: skip
RETRY = "nothing that was published is lost: run the same command again"


def store_error(address: str, error: OSError) -> GreenLogicError:
    """What to raise for an error of a store: StorageError, or ConfigurationError where no retry will help."""
    text = str(error)
    for words, hint in HINTS.items():
        if any(word in text for word in words):
            return ConfigurationError(f"{address}: {text}", hint=hint)
    return StorageError(f"{address}: {text}", hint=RETRY)


def find_puts(destination: str) -> ConditionalPuts | None:
    """The create-only puts of an address; None where there are none, or boto3 is not installed."""
    place = urlsplit(destination)
    if place.scheme != "s3":
        return None
    try:
        import boto3  # noqa: PLC0415  an extra, and slow to import
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        return None
    options = {name: values[-1] for name, values in parse_qs(place.query).items()}
    user, _, secret = place.netloc.rpartition("@")[0].partition(":")
    endpoint = options.get("endpoint_override")
    # checksums in trailers are refused by many stores that are not Amazon's; every upload is read back anyway
    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, request_checksum_calculation="when_required"
    )
    try:
        with _as_os_error():
            client = boto3.client(
                "s3",
                region_name=options.get("region"),
                endpoint_url=f"{options.get('scheme', 'https')}://{endpoint}" if endpoint else None,
                aws_access_key_id=unquote(user) or None,
                aws_secret_access_key=unquote(secret) or None,
                config=config,
            )
    except (OSError, ValueError) as error:  # a profile or an endpoint that makes no sense
        raise ConfigurationError(f"s3: {error}", hint="correct the AWS_… variables, ~/.aws or the address") from error
    return ConditionalPuts(client)


class ConditionalPuts:
    """Create-only puts through a boto3 client. `honoured` turns False once the store was seen to ignore them;
    before it was `checked`, nobody knows.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.checked = False
        self.honoured = True

    def create(self, path: str, content: BinaryIO) -> bool:
        """Create `bucket/key`. Raises FileExistsError when the store has it already.

        True when the answer to an earlier attempt was lost and the store now says that the object exists: the caller
        finds out whether it is that attempt's. A store that knows no conditions clears `honoured`, and has no object.
        """
        bucket, _, key = path.partition("/")
        size = content.seek(0, io.SEEK_END)
        content.seek(0)
        try:
            with _as_os_error():
                if size <= PART_BYTES:
                    self._client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
                else:
                    self._create_in_parts(bucket, key, content)
        except _ExistsError as error:
            if error.attempts == 1:
                raise
            return True
        except _UnknownConditionError:
            self.honoured = False
        return False

    def check_honoured(self, path: str, data: bytes) -> None:
        """Once, put an object again that was just created: a store that does not refuse ignores the condition.

        The bytes are the same, so nothing is lost where it does not.
        """
        if self.checked:
            return
        bucket, _, key = path.partition("/")
        self.checked = True
        try:
            with _as_os_error():
                self._client.put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
            self.honoured = False
        except FileExistsError:
            pass
        except _UnknownConditionError:
            self.honoured = False

    def abort_stale(self, prefix: str, age_s: float) -> int:
        """Give up uploads in parts that a crash left under a prefix: no reader sees them, but they are paid for."""
        bucket, _, start = prefix.partition("/")
        stale = 0
        with _as_os_error():
            found = self._client.list_multipart_uploads(Bucket=bucket, Prefix=f"{start}/").get("Uploads", [])
            for upload in found:
                if (datetime.now(UTC) - upload["Initiated"]).total_seconds() > age_s:
                    self._abort(bucket, upload["Key"], upload["UploadId"])
                    stale += 1
        return stale

    def _create_in_parts(self, bucket: str, key: str, content: BinaryIO) -> None:
        upload = self._client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        name = {"Bucket": bucket, "Key": key, "UploadId": upload}
        parts: list[dict[str, Any]] = []
        try:
            while chunk := content.read(PART_BYTES):
                number = len(parts) + 1
                part = self._client.upload_part(**name, PartNumber=number, Body=chunk)
                parts.append({"PartNumber": number, "ETag": part["ETag"]})
            self._client.complete_multipart_upload(**name, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            with contextlib.suppress(Exception):  # the error that ended it is the one to tell
                self._abort(bucket, key, upload)
            raise

    def _abort(self, bucket: str, key: str, upload: str) -> None:
        self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)


class _ExistsError(FileExistsError):
    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(message)
        self.attempts = attempts


class _UnknownConditionError(OSError):
    pass


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    from botocore.exceptions import (  # noqa: PLC0415  an extra
        BotoCoreError,
        ClientError,
    )

    try:
        yield
    except ClientError as error:
        attempts = 1 + error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        code = error.response.get("Error", {}).get("Code", "")
        # 409: another upload of this name was under way, and one of the two will be there
        if code in {"PreconditionFailed", "412", "ConditionalRequestConflict"}:
            raise _ExistsError(str(error), attempts) from error
        if code == "NotImplemented":
            raise _UnknownConditionError(str(error)) from error
        raise OSError(f"{code}: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
