"""The model's own process: run as a script by the keeper, `python -I model_server.py '{…}'`.

It loads the model and binds its port first, gives up root next, and lives until its standard input ends.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

import xllamacpp

_SLOTS = 2
_CONTEXT_TOKENS_PER_SLOT = (
    2560  # room for any prompt of ours; a reply that never ends stops here, before its call times out
)
_REPLY_CAP_TOKENS = 512  # of a request that says nothing of max_tokens
_PROMPT_CACHE_MIB = 128
_PR_SET_PDEATHSIG = 1


def _parameters(wishes: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = wishes["model_file"]
    parameters.model_alias = {wishes["model_name"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = wishes["port"]
    parameters.n_parallel = _SLOTS
    parameters.n_ctx = _SLOTS * _CONTEXT_TOKENS_PER_SLOT
    parameters.n_predict = _REPLY_CAP_TOKENS
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.cpuparams.n_threads = wishes["threads"]
    parameters.cpuparams_batch.n_threads = wishes["threads"]
    parameters.n_threads_http = 8
    parameters.warmup = False
    parameters.ui = False
    parameters.verbosity = 1
    return parameters


def _give_up_root(wishes: dict[str, Any]) -> None:
    if wishes["uid"] is not None:
        os.setgroups([])
        os.setgid(wishes["gid"])
        os.setuid(wishes["uid"])
        if sys.platform == "linux":  # a change of uid forgets the signal that was asked for
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != wishes["parent_pid"]:
        os._exit(1)


def serve(wishes: dict[str, Any]) -> None:
    """Serve until standard input ends; the port goes to `report_fd` as soon as requests are answered."""
    server = xllamacpp.Server(_parameters(wishes))
    _give_up_root(wishes)
    port = server.listening_address.rpartition(":")[2]
    os.write(wishes["report_fd"], port.encode())
    os.close(wishes["report_fd"])
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)  # the native server has no orderly end, and nothing to lose


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
