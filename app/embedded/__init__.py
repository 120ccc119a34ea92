"""A private PostgreSQL, Valkey and small model under one folder, for whoever has no URL of a real one.

    owner (API, supervisor, test run) --pipe--> keeper --> postgres, valkey-server, model server
      holds home/lock                           holds it too; ends its children when the pipe ends

The owner starts a keeper process and talks to it through a pipe only. The keeper is the parent of the servers:
it restarts one that dies and stops all of them when the owner stops, exits or is killed. If the keeper itself is
killed, the kernel tells the servers to stop. Everything that belongs to an instance carries the lock of its folder
(or of its database), so that a later start knows when the last of them has gone and never signals a stranger.
"""

from app.embedded.endpoints import Endpoints, PartSettings, open_embedded, resolve_endpoints
from app.embedded.failures import EmbeddedError
from app.embedded.launching import Embedded, find_running, start_embedded

__all__ = [
    "Embedded",
    "EmbeddedError",
    "Endpoints",
    "PartSettings",
    "find_running",
    "open_embedded",
    "resolve_endpoints",
    "start_embedded",
]
