"""Who may ask: bearer keys, or nobody but this machine where none are set."""

import hmac
import ipaddress
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import make_problem
from app.errors import UnauthorizedError
from app.pipeline.costing import read_overrides
from app.settings import Settings

OPEN_PATHS = frozenset(
    {"/", "/console.css", "/console.js", "/docs", "/docs.css", "/docs.js", "/openapi.json", "/healthz", "/readyz"}
    | {"/v1/openapi.json", "/v1/healthz", "/v1/readyz"}
)


OPEN_PREFIX = "/v1/shown/"  # signed addresses: whoever has one may fetch one picture


class StartRefusedError(Exception):
    """The service may not start like this; the message says what to set."""


def check_start(settings: Settings) -> None:
    """Refuse prices that cannot be read, and to listen to a network without keys.

    Raises StartRefusedError with one clear line.
    """
    try:
        read_overrides(settings.prices)
    except ValueError as error:
        raise StartRefusedError(f"SYPHUS_PRICES does not hold: {error}.") from error
    if settings.auth == "off" or split_keys(settings):
        return
    if settings.auth == "on":
        raise StartRefusedError("SYPHUS_AUTH=on needs keys: set SYPHUS_API_KEYS to one or more, separated by commas.")
    if not settings.is_loopback:
        raise StartRefusedError(
            f"Refusing to listen on {settings.host} without keys: set SYPHUS_API_KEYS, "
            "or SYPHUS_AUTH=off if something in front of the service checks who asks."
        )


def split_keys(settings: Settings) -> list[str]:
    """The keys of this process, in the order they were given."""
    return [key.strip() for key in settings.api_keys.split(",") if key.strip()]


class KeyDoor:
    """Lets a request through when its key is known; notes whose key it was as `state.principal`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope["path"]):
            try:
                scope["state"]["principal"] = identify(scope, scope["app"].state.settings)
            except UnauthorizedError as error:
                await make_problem(error, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path is served without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIX)


def identify(scope: Scope, settings: Settings) -> str:
    """A short name for the key that was sent, empty where no keys are in use.

    Raises UnauthorizedError. The key itself goes nowhere.
    """
    keys = split_keys(settings)
    if settings.auth == "off":
        return ""
    if not keys:
        _check_neighbourhood(scope)
        return ""
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise UnauthorizedError("Send `Authorization: Bearer <key>` with one of the keys of SYPHUS_API_KEYS.")
    digest = _digest(given.strip())
    matches = [hmac.compare_digest(_digest(key), digest) for key in keys]
    if not any(matches):
        raise UnauthorizedError("This key is not known here; check it for missing characters.")
    return digest.hex()[:12]


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _check_neighbourhood(scope: Scope) -> None:
    """Without keys only this machine is served, whatever address the server was bound to.

    The Host header is looked at too: a web page that rebinds its name to 127.0.0.1 is no neighbour.
    """
    server = (scope.get("server") or ("", None))[0]
    if not _is_address(server):
        return
    headers = Headers(scope=scope)
    asked = [headers.get("host", ""), urlsplit(headers.get("origin", "")).netloc]
    named = [urlsplit(f"//{netloc}").hostname or "" for netloc in asked if netloc]
    if all(_is_loopback(name) for name in (server, *named)):
        return
    raise UnauthorizedError(
        "Without keys the service answers on loopback only: set SYPHUS_API_KEYS and send "
        "`Authorization: Bearer <key>`, or set SYPHUS_AUTH=off."
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
