"""The job's state machine, and what each action means in each state."""

from typing import get_args

import pytest

from app.errors import ConflictError
from app.pipeline.lifecycle import FINAL_STATES, TRANSITIONS, Action, can_move, plan_action
from app.store.models import JOB_STATES


def test_the_table_speaks_of_exactly_the_states_a_job_can_have() -> None:
    assert set(TRANSITIONS) == set(JOB_STATES)
    assert set().union(*TRANSITIONS.values()) <= set(JOB_STATES)
    assert set(JOB_STATES) >= FINAL_STATES


@pytest.mark.parametrize("state", JOB_STATES)
def test_every_state_can_reach_an_end(state: str) -> None:
    reached, frontier = {state}, {state}
    while frontier:
        frontier = set().union(*(TRANSITIONS[found] for found in frontier)) - reached
        reached |= frontier
    assert reached & FINAL_STATES


@pytest.mark.parametrize("action", get_args(Action))
@pytest.mark.parametrize("state", JOB_STATES)
def test_every_action_moves_along_the_table_or_does_nothing_or_is_refused(action: Action, state: str) -> None:
    target = _plan_or_refuse(action, state)
    assert target in ("noop", "refused") or can_move(state, target)


def _plan_or_refuse(action: Action, state: str) -> str:
    try:
        return plan_action(action, state)
    except ConflictError:
        return "refused"


def test_a_refusal_names_the_state_and_the_states_that_allow_the_action() -> None:
    with pytest.raises(ConflictError, match="completed") as caught:
        plan_action("pause", "completed")
    assert caught.value.extra == {"state": "completed", "allowed_states": ["finalizing", "in_progress", "queued"]}


@pytest.mark.parametrize("action", ["pause", "cancel", "resume"])
@pytest.mark.parametrize("state", JOB_STATES)
def test_asking_twice_is_asking_once(action: Action, state: str) -> None:
    target = _plan_or_refuse(action, state)
    assert target in ("noop", "refused") or plan_action(action, target) == "noop"


def test_no_job_moves_to_itself_or_out_of_an_unknown_state() -> None:
    assert not any(can_move(state, state) for state in JOB_STATES)
    assert not can_move("dreaming", "queued")


@pytest.mark.parametrize(
    ("action", "state", "target"),
    [
        ("pause", "in_progress", "paused"),
        ("pause", "paused", "noop"),
        ("resume", "paused", "queued"),
        ("cancel", "paused", "cancelling"),
        ("cancel", "cancelled", "noop"),
        ("retry-failed", "completed", "queued"),
        ("rerun", "cancelled", "queued"),
    ],
)
def test_an_action_leads_where_it_says(action: Action, state: str, target: str) -> None:
    assert plan_action(action, state) == target


@pytest.mark.parametrize(("action", "state"), [("pause", "completed"), ("cancel", "failed"), ("rerun", "in_progress")])
def test_an_action_out_of_place_is_a_conflict(action: Action, state: str) -> None:
    with pytest.raises(ConflictError):
        plan_action(action, state)
