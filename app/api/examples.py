"""The field of orders that says which in-context examples are shown."""

from typing import Literal

from pydantic import Field

from app.api.deps import Body
from app.pipeline.selecting.policy import LARGEST_SEED, MOST_EXAMPLES, MOST_TOKENS


class ExamplesBody(Body):
    """Which of the prompt's in-context examples are shown with an item."""

    mode: Literal["fixed", "random", "nearest", "coverage"] = "fixed"
    k: int | None = Field(None, ge=0, le=MOST_EXAMPLES, description="At most so many; 4 unless they are fixed.")
    max_tokens: int | None = Field(
        None, ge=1, le=MOST_TOKENS, description="About what they may cost together, at four bytes a token."
    )
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="Of a random choice; the job's own by default.")
