"""Which fault an error of obstore tells of, and what the settings of a Parquet output are called.

S3's codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; those of MinIO and Ceph that differ are here, too.
"""

import errno
import re

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from modelway_platform.insight.outputs.faults.fault import Fault, Settings
from modelway_platform.insight.outputs.faults.here import reason
from modelway_platform.insight.outputs.faults.statuses import fault_of_status
from modelway_platform.insight.outputs.faults.texts import fault_in

_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_OS_ERROR = re.compile(r"\(os error (\d{1,4})\)")
_CODES = {
    "NoSuchBucket": Fault.NO_SUCH_TARGET,
    "InvalidBucketName": Fault.NO_SUCH_TARGET,
    "AccessDenied": Fault.FORBIDDEN,
    "AllAccessDisabled": Fault.FORBIDDEN,
    "AccountProblem": Fault.FORBIDDEN,
    "InvalidAccessKeyId": Fault.UNKNOWN_CALLER,
    "SignatureDoesNotMatch": Fault.UNKNOWN_CALLER,
    "ExpiredToken": Fault.UNKNOWN_CALLER,
    "InvalidToken": Fault.UNKNOWN_CALLER,
    "RequestTimeTooSkewed": Fault.CLOCK,
    "EntityTooLarge": Fault.TOO_LARGE,
    "SlowDown": Fault.TOO_OFTEN,
    "RequestLimitExceeded": Fault.TOO_OFTEN,
    "ServiceUnavailable": Fault.OVERLOADED,
    "InternalError": Fault.BROKEN,
    "QuotaExceeded": Fault.FULL,
    "XMinioStorageFull": Fault.FULL,
    "PermanentRedirect": Fault.MOVED,
    "AuthorizationHeaderMalformed": Fault.MOVED,
}


def told_of(error: Exception, address: str) -> str:
    """A sentence for people; nothing of the error's own text, which may have what a request was signed with."""
    text, settings = str(error), settings_of(address)
    if local := _local(error, text):
        return _told_of_file(local, address, settings)
    fault, said = _fault_of(error, text)
    return fault.told(address, settings, said)


def _fault_of(error: Exception, text: str) -> tuple[Fault, str]:
    """With the word that the store itself has for it."""
    code, status = _CODE.search(text), _STATUS.search(text)
    if code and code[1] in _CODES:
        return _CODES[code[1]], code[1]
    if status:
        return fault_of_status(int(status[1])), f"status {status[1]}"
    kinds = ((UnauthenticatedError, Fault.UNKNOWN_CALLER), (PermissionDeniedError, Fault.FORBIDDEN))
    return next((fault for kind, fault in kinds if isinstance(error, kind)), fault_in(text) or Fault.UNUSUAL), ""


def settings_of(address: str) -> Settings:
    """Names in `outputs.toml` and `stores.toml`."""
    bucket = address.removeprefix("s3://").partition("/")[0]
    return Settings(
        place="address in outputs.toml, or endpoint and region in stores.toml",
        known_by="the keys that stores.toml or the environment of modelway up names",
        trust="have its issuer trusted by this machine (SSL_CERT_FILE, or ca-certificates)",
        encryption="http:// or https:// in endpoint of stores.toml",
        patience="it is tried again",
        target=f"bucket as {bucket}",
        language="S3",
    )


def _told_of_file(error: OSError, address: str, settings: Settings) -> str:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    if address.startswith("s3:"):
        advice = "make room" if full else "see owner and permissions"
        return f"{address}: a file on the way there cannot be used: {reason(error)}; {advice} in the state directory"
    if full:
        return Fault.FULL.told(address, settings)
    return f"{address}: {reason(error)}; see whether it is mounted, and its owner and permissions"


def _local(error: Exception, text: str) -> OSError | None:
    """The system's own error, where there is one."""
    if isinstance(error, OSError) and error.errno:
        return error
    found = _OS_ERROR.search(text)
    if found is None or fault_in(text) in {Fault.REFUSED, Fault.UNREACHABLE, Fault.CLOSED}:
        return None
    number = int(found[1])
    return OSError(number, errno.errorcode.get(number, "unknown"))
