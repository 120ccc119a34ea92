"""What an owner asks its keeper for, and what it gets back: plain values that cross the pipe as JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PostgresPlan:
    """`installation` is the folder that holds bin, lib and share, readable by the uid the server runs under."""

    installation: str


@dataclass(frozen=True, slots=True)
class ValkeyPlan:
    binary: str


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """`script` runs under `python`; both stay readable to the owner's uid only, the server drops its rights later."""

    python: str
    script: str
    model_file: str
    model_name: str
    threads: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`uid` and `gid` are None when the servers run as the owner does; `sockets` is a folder with a short path."""

    home: str
    sockets: str
    owner_pid: int
    lock_fd: int
    uid: int | None
    gid: int | None
    postgres: PostgresPlan | None
    valkey: ValkeyPlan | None
    model: ModelPlan | None


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses of a running instance; None for a part that was not asked for. Lives in home/run.json."""

    owner_pid: int
    keeper_pid: int
    database_url: str | None
    redis_url: str | None
    model_url: str | None
    model_name: str | None


def encode(value: Plan | Running) -> bytes:
    return json.dumps(asdict(value)).encode() + b"\n"


def decode_plan(line: bytes) -> Plan:
    fields: dict[str, Any] = json.loads(line)
    parts = {"postgres": PostgresPlan, "valkey": ValkeyPlan, "model": ModelPlan}
    for name, shape in parts.items():
        fields[name] = shape(**fields[name]) if fields[name] else None
    return Plan(**fields)


def decode_running(line: bytes) -> Running:
    return Running(**json.loads(line))
