"""Versions: an edit names the one it edits, so that nobody overwrites what they have not seen."""

from collections.abc import Sequence

from app.errors import PreconditionError


def require_version(etags: Sequence[str], etag: str) -> None:
    """Let a change pass only where it names this version (or `*`); raises PreconditionError: 428 without any, 412."""
    if not etags:
        raise PreconditionError(
            "Say which version you edit: send its etag as If-Match.", code="precondition_required", status=428
        )
    if "*" not in etags and etag not in etags:
        raise PreconditionError(f"This has changed since you read it; its etag is {etag} now. Read it again.")
