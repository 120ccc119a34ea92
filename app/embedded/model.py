"""The embedded model, seen from the keeper: a child that serves the OpenAI protocol on a loopback port."""

import contextlib
import json
import os
import select
import signal
import subprocess

from app.embedded.parts import Part
from app.embedded.plan import ModelPlan, Plan
from app.embedded.spawning import spawn


class Model(Part):
    """Reports its address through a pipe once it serves; keeps its port when it has to be started again."""

    name = "model"
    stop_signals = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))

    def __init__(self, plan: Plan, part: ModelPlan) -> None:
        super().__init__(plan)
        self._part = part
        self._port = 0
        self._report: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        self._close_report()
        self._report, reporting = os.pipe()
        wishes = {
            "model_file": self._part.model_file,
            "model_name": self._part.model_name,
            "threads": self._part.threads,
            "port": self._port,
            "report_fd": reporting,
            "uid": self.plan.uid,
            "gid": self.plan.gid,
            "parent_pid": os.getpid(),
        }
        self.process = spawn(
            [self._part.python, "-I", self._part.script, json.dumps(wishes)],
            log=self.log,
            death_signal=signal.SIGKILL,
            keep_fds=(reporting, self.plan.lock_fd),
            stdin=subprocess.PIPE,
        )
        os.close(reporting)

    def is_ready(self) -> bool:
        if self._report is None:
            return True
        readable, _, _ = select.select([self._report], [], [], 0)
        if not readable:
            return False
        line = os.read(self._report, 256)
        if not line:
            return False
        self._port = int(line)
        self._close_report()
        return True

    def _close_report(self) -> None:
        if self._report is not None:
            with contextlib.suppress(OSError):
                os.close(self._report)
            self._report = None
