"""What browsers are shown: the review console and a page to try the API, without a build step or a foreign server."""

from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

_FOLDER = Path(__file__).resolve().parents[1] / "web"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def get_console() -> Response:
    """The page; keys are typed into it, since it is served without one."""
    return _answer("console.html", "text/html; charset=utf-8")


@router.get("/console.css")
async def get_style() -> Response:
    """How it looks."""
    return _answer("console.css", "text/css; charset=utf-8")


@router.get("/console.js")
async def get_script() -> Response:
    """What it does."""
    return _answer("console.js", "text/javascript; charset=utf-8")


@router.get("/docs")
async def get_docs() -> Response:
    """The operations of `/openapi.json`, each to be tried."""
    return _answer("docs.html", "text/html; charset=utf-8")


@router.get("/docs.css")
async def get_docs_style() -> Response:
    """How that looks."""
    return _answer("docs.css", "text/css; charset=utf-8")


@router.get("/docs.js")
async def get_docs_script() -> Response:
    """What that does."""
    return _answer("docs.js", "text/javascript; charset=utf-8")


def _answer(name: str, media_type: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    return Response(_read(name), media_type=media_type, headers=headers)


@lru_cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
