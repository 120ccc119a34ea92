"""The only writer of error bodies: every failure becomes RFC 9457 problem+json."""

import difflib
import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, get_args

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.errors import AppError, Fault, InvalidRequestError, UnavailableError
from app.store.outages import is_outage, is_standstill

PROBLEM_MEDIA_TYPE = "application/problem+json"
FAULTS_SHOWN = 1000

log = logging.getLogger("syphus.api")


class ProblemFault(BaseModel):
    """One thing that is wrong: where (JSON pointer, query name, line), what, how to mend it."""

    pointer: str
    code: str
    message: str
    line: int | None = None


class Problem(BaseModel):
    """The shape of every error body, for the OpenAPI document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: list[ProblemFault]


class UnknownPathError(AppError):
    status, code, title = 404, "not_found", "Not found"


class MethodError(AppError):
    status, code, title = 405, "method_not_allowed", "The method is not allowed here"


def install_problems(app: FastAPI) -> None:
    """Answer every exception that reaches the router with problem+json."""
    app.add_exception_handler(AppError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)


def describe_problem(error: AppError, *, path: str, request_id: str) -> dict[str, Any]:
    """The body of a problem: type, title, status, detail, instance, code, request_id, retryable, errors."""
    problem: dict[str, Any] = {
        "type": f"urn:syphus:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": path,
        "code": error.code,
        "request_id": request_id,
        "retryable": error.retryable or error.retry_after_s is not None,
        "errors": [_describe_fault(fault) for fault in error.errors[:FAULTS_SHOWN]],
    }
    return problem | {key: value for key, value in error.extra.items() if key not in problem}


def make_problem(error: AppError, scope: Scope, headers: dict[str, str] | None = None) -> Response:
    """The response for an error, with Retry-After where waiting helps."""
    state = scope.get("state", {})
    body = describe_problem(error, path=scope.get("path", ""), request_id=state.get("request_id", ""))
    headers = dict(headers or {})
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="syphus"'
    content = orjson.dumps(body, default=str)
    return Response(content, error.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def translate_exception(error: Exception, scope: Scope) -> AppError:
    """The expected failure behind any exception; what nobody foresaw is logged and becomes a plain 500."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, RequestValidationError):
        return _translate_validation(error, scope)
    if isinstance(error, HTTPException):
        return _translate_http(error, scope)
    if is_outage(error):
        log.warning("database_away", extra={"error": type(error).__name__})
        return UnavailableError("The database does not answer just now; try again shortly.", retry_after_s=2)
    if is_standstill(error):
        log.warning("standstill", exc_info=error)
        detail = "Another request changed the same at that moment, and nothing of this one was done; try again."
        return UnavailableError(detail, retry_after_s=1)
    log.error("unexpected_error", exc_info=error, extra={"request_id": scope.get("state", {}).get("request_id")})
    return AppError("An unexpected error happened; quote the request_id when you report it.")


def name_near_matches(word: str, known: Iterable[str]) -> str:
    """How to mend an unknown name: the nearest known ones, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    return f"Known here: {', '.join(names)}." if names else "None is known here."


async def _answer(request: Request, error: Exception) -> Response:
    expected = translate_exception(error, request.scope)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if expected.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_of(request))
    return make_problem(expected, request.scope, headers)


def _describe_fault(fault: Fault) -> dict[str, Any]:
    described: dict[str, Any] = {"pointer": fault.pointer, "code": fault.code, "message": fault.message}
    if fault.line is not None:
        described["line"] = fault.line
    return described


def _methods_of(request: Request) -> list[str]:
    methods: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(request.scope["path"]):
            methods |= context.methods or set()
    return sorted(methods | {"HEAD"}) if "GET" in methods else sorted(methods)


def _translate_http(error: HTTPException, scope: Scope) -> AppError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return UnknownPathError(f"Nothing lives at {scope['path']!r}; /openapi.json lists every path.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        method = scope.get("state", {}).get("method", scope["method"])
        hint = ""
        if method == "PUT" and scope["path"].startswith("/v1/datasets/"):
            hint = (
                " To upload a file with `curl -T`, end the address without a slash: `curl -T train.json …/v1/datasets`."
            )
        return MethodError(f"{scope['path']!r} does not answer {method}; the Allow header lists what it does.{hint}")
    status = HTTPStatus(error.status_code)
    translated = AppError(str(error.detail), code=status.name.lower(), status=status.value)
    translated.title = status.phrase
    return translated


def _translate_validation(error: RequestValidationError, scope: Scope) -> AppError:
    faults = [_translate_fault(entry, error.body, scope) for entry in error.errors()]
    places = ", ".join(dict.fromkeys(fault.pointer or "the body" for fault in faults[:5]))
    more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
    return InvalidRequestError(
        f"Not valid: {places}{more}; `errors` says what is wrong and how to mend it.", errors=faults
    )


def _translate_fault(entry: dict[str, Any], body: Any, scope: Scope) -> Fault:
    source, *rest = entry["loc"]
    kind, message = str(entry["type"]), str(entry["msg"])
    pointer = "".join(f"/{_escape(part)}" for part in rest) if source == "body" else str(rest[0])
    if kind == "missing":
        return Fault(pointer, "missing", "This is required and was not given.")
    if kind == "extra_forbidden":
        known = _known_fields(scope, rest[:-1])
        return Fault(
            pointer, "unknown_field", f"There is no field {rest[-1]!r}. {name_near_matches(str(rest[-1]), known)}"
        )
    if kind in {"model_attributes_type", "dict_type", "model_type"}:
        return Fault(pointer, "wrong_type", "A JSON object is expected here.")
    given = entry.get("input")
    shown = f" Given: {given!r}." if isinstance(given, str | int | float | bool) and len(str(given)) <= 100 else ""
    return Fault(pointer, kind, message.removeprefix("Value error, ").rstrip(".") + "." + shown)


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _known_fields(scope: Scope, path: Sequence[Any]) -> list[str]:
    field = getattr(scope.get("route"), "body_field", None)
    model = _model_in(field.field_info.annotation) if field is not None else None
    for part in path:
        if model is not None and isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
