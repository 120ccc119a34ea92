"""The states of a job, the moves between them, and what a person may ask of a job in each."""

from typing import Literal

from app.errors import ConflictError

Action = Literal["pause", "resume", "cancel", "retry-failed", "rerun", "retranslate"]

TRANSITIONS: dict[str, frozenset[str]] = {
    "validating": frozenset({"queued", "cancelled", "failed", "expired"}),
    "queued": frozenset({"in_progress", "paused", "cancelling", "cancelled", "failed", "expired"}),
    "in_progress": frozenset({"paused", "finalizing", "cancelling", "failed", "expired"}),
    "paused": frozenset({"queued", "in_progress", "cancelling", "cancelled", "failed", "expired"}),
    "finalizing": frozenset({"completed", "in_progress", "paused", "cancelling", "failed", "expired"}),
    "cancelling": frozenset({"cancelled"}),
    "completed": frozenset({"queued"}),
    "cancelled": frozenset({"queued"}),
    "failed": frozenset({"queued"}),
    "expired": frozenset({"queued"}),
}
"""From each state the states it may become; a final one is left only by retry-failed or rerun."""

FINAL_STATES = frozenset({"completed", "cancelled", "failed", "expired"})
RUNNING_STATES = frozenset({"queued", "in_progress", "finalizing"})
"""States in which a worker may claim a shard."""
WORKING_STATES = RUNNING_STATES - {"queued"}
"""States in which calls may start."""

PAUSE_REASONS = ("user", "budget", "provider_outage", "poison_rate", "relate_failed")
RERUN_STARTS = ("parse", "filter", "translate", "relate")

_TARGETS: dict[Action, dict[str, str]] = {
    "pause": {"queued": "paused", "in_progress": "paused", "finalizing": "paused"},
    "resume": {"paused": "queued"},
    "cancel": {
        "validating": "cancelled",
        "queued": "cancelling",
        "in_progress": "cancelling",
        "paused": "cancelling",
        "finalizing": "cancelling",
    },
    "retry-failed": dict.fromkeys(FINAL_STATES - {"cancelled"}, "queued"),
    "rerun": dict.fromkeys(FINAL_STATES, "queued"),
    "retranslate": {"completed": "queued", "failed": "queued"},
}
_ALREADY: dict[Action, frozenset[str]] = {
    "pause": frozenset({"paused"}),
    "resume": RUNNING_STATES,
    "cancel": frozenset({"cancelling", "cancelled"}),
    "retry-failed": RUNNING_STATES,
    "rerun": frozenset(),
    "retranslate": frozenset(),
}


def can_move(source: str, target: str) -> bool:
    """Whether a job may go from one state to another; a state is no move to itself."""
    return target in TRANSITIONS.get(source, frozenset())


def plan_action(action: Action, state: str) -> str:
    """The state an action leads to, or "noop" where the job is already there (asking twice is asking once).

    Raises ConflictError where the state forbids it; the error names the state and the states that allow it.
    """
    target = _TARGETS[action].get(state)
    if target is not None:
        return target
    if state in _ALREADY[action]:
        return "noop"
    allowed = ", ".join(sorted(_TARGETS[action]))
    raise ConflictError(
        f"A job that is {state} cannot take {action}; the action is for jobs that are {allowed}.",
        extra={"state": state, "allowed_states": sorted(_TARGETS[action])},
    )
