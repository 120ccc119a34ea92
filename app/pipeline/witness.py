"""The witness: a tiny request of a job's own model, which shows whether the endpoint answers anything at all."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.pipeline.parameters import settle_parameters

WITNESS_CONTENT = "Reply with the word yes and nothing else."
WITNESS_TOKENS = 256
"""The most tokens its reply may have: a word, and room for models that think first."""

_LIMITS = ("max_tokens", "max_completion_tokens")


def build_witness(model: str, parameters: Mapping[str, Any]) -> bytes:
    """The request as JSON bytes, with the job's own parameters but a short reply."""
    return orjson.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": WITNESS_CONTENT}],
            **settle_parameters(limit_witness(parameters)),
        }
    )


def limit_witness(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A job's parameters with the bound on the reply's tokens lowered; where an endpoint takes none, none is set."""
    settled = settle_parameters(parameters)
    bounds = {name: min(settled[name], WITNESS_TOKENS) for name in _LIMITS if name in settled}
    return {**parameters, **bounds}
