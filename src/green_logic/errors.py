"""Every error that this project raises, named after what the caller does next.

GreenLogicError
├── InvalidBattleError      the input is wrong: fix the line, run again
├── ConflictError           two truths for one battle: the first one stays, nothing was written
├── VerificationError       the data is not what was sealed: distrust it
├── RetryableError          the world failed, not the battle: the same call may succeed later
│   └── StorageError        nothing was acknowledged: free space or permissions, run the same command again
│       └── UnsettledError  a judged file of the inbox cannot be moved: mend the folders; its battles are on record
├── ConfigurationError      the operator must change a setting, a key or a file
│   ├── SandboxUnavailableError   this machine cannot isolate hostile code
│   └── LedgerMissingError        there is no ledger where a reader looked
└── NotEvaluatedError       the judge failed for good: the battle is set aside, never scored

The message says which one, what was expected and what was found; the hint says the next step.
"""

from __future__ import annotations


class GreenLogicError(Exception):
    """Base of all errors raised on purpose. `code` is stable and machine-readable."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidBattleError(GreenLogicError):
    """A battle, a result or a DBOM that breaks the input contract."""

    code = "invalid-battle"


class ConflictError(GreenLogicError):
    """A different result for a battle that is already recorded; row and proof of the first one stay."""

    code = "conflict"


class VerificationError(GreenLogicError):
    """Bytes that are not what the judge sealed. `kind` names the broken check, e.g. "signature"."""

    code = "verification"

    def __init__(self, message: str, *, kind: str = "seal", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class RetryableError(GreenLogicError):
    """Infrastructure failed (sandbox, judge endpoint, file system). Never a score."""

    code = "retryable"


class StorageError(RetryableError):
    """The ledger or a file under the data directory cannot be written; what was acknowledged stays."""

    code = "storage"


class UnsettledError(StorageError):
    """A judged file of the inbox cannot be moved to its place until somebody mends the folders."""

    code = "unsettled"


class ConfigurationError(GreenLogicError):
    """A setting, a key or a file that only the operator can put right."""

    code = "configuration"


class SandboxUnavailableError(ConfigurationError):
    """No isolation on this machine, so hostile code is not run."""

    code = "sandbox-unavailable"


class LedgerMissingError(ConfigurationError):
    """A command that only reads found no ledger; reading never makes one."""

    code = "no-ledger"


class NotEvaluatedError(GreenLogicError):
    """The judge could not evaluate a battle, retries included. It is set aside with this reason."""

    code = "not-evaluated"
