"""Every failure that is expected, as one tree; `app.api.problems` turns it into problem+json.

AppError
├── NotFoundError            404 not_found
├── InvalidRequestError      422 invalid_request      carries `errors` with pointers
│   └── InvalidUploadError   422 invalid_upload       carries the first bad records and their total
├── ConflictError            409 conflict             the state forbids it; says which state
│   └── NameTakenError       409 name_taken
├── IdempotencyError         400 / 409 / 422          idempotency_key_required, _in_use, _reused
├── BudgetError              402 budget_exceeded
├── PreconditionError        412 / 428                precondition_failed, precondition_required
├── TooLargeError            413 too_large
├── UnsupportedMediaError    415 unsupported_media
├── UnauthorizedError        401 unauthorized
├── RangeError               416 range_not_satisfiable
├── NotAcceptableError       406 not_acceptable
└── UnavailableError         503 unavailable          retryable; carries Retry-After
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (JSON pointer or query name; line of a file), what, how to mend it."""

    pointer: str
    code: str
    message: str
    line: int | None = None


class AppError(Exception):
    """A failure with an answer: a status, a code that programs read, a title and a sentence for people."""

    status = 500
    code = "internal_error"
    title = "Something went wrong"
    retryable = False

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        errors: Sequence[Fault] = (),
        retry_after_s: float | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.extra = extra or {}


class NotFoundError(AppError):
    status, code, title = 404, "not_found", "Not found"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"There is no {noun} {name if len(name) <= 100 else f'{name[:99]}…'!r}.")


class InvalidRequestError(AppError):
    status, code, title = 422, "invalid_request", "The request is not valid"


def tell_faults(what: str, faults: Sequence[Fault]) -> str:
    """The sentence above some faults, at least one: what is wrong where there is one, else where they are."""
    if len(faults) == 1:
        return f"The {what} does not hold: {faults[0].message}"
    places = ", ".join(dict.fromkeys(fault.pointer for fault in faults[:5]))
    return f"The {what} does not hold in {len(faults)} places: {places}{', …' if len(faults) > 5 else ''}."


class InvalidUploadError(InvalidRequestError):
    status, code, title = 422, "invalid_upload", "The upload is not valid"


class ConflictError(AppError):
    status, code, title = 409, "conflict", "The present state forbids this"


class NameTakenError(ConflictError):
    code, title = "name_taken", "The name is taken"


class IdempotencyError(AppError):
    status, code, title = 422, "idempotency_key_reused", "The Idempotency-Key does not fit"


class BudgetError(AppError):
    status, code, title = 402, "budget_exceeded", "The budget does not allow this"


class PreconditionError(AppError):
    status, code, title = 412, "precondition_failed", "The precondition failed"


class TooLargeError(AppError):
    status, code, title = 413, "too_large", "The body is too large"


class UnsupportedMediaError(AppError):
    status, code, title = 415, "unsupported_media", "The media type or encoding is not supported"


class UnauthorizedError(AppError):
    status, code, title = 401, "unauthorized", "A valid key is needed"


class RangeError(AppError):
    status, code, title = 416, "range_not_satisfiable", "The range lies outside the file"


class NotAcceptableError(AppError):
    status, code, title = 406, "not_acceptable", "No such representation"


class UnavailableError(AppError):
    status, code, title = 503, "unavailable", "The service cannot answer just now"
    retryable = True
