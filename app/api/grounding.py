"""What an order says about the claims of its pairs."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from app.api.deps import Body

ClaimClass = Literal["object", "count", "colour", "position", "order", "time", "difference", "consistency"]
PolicyName = Literal["off", "flag", "reject", "repair"]


class GroundingBody(Body):
    """What becomes of pairs with claims that the annotation, or another pair of the item, contradicts."""

    policy: PolicyName = Field(
        description="`repair` asks the model once to write such pairs again, by a further paid call."
    )
    then: Literal["flag", "reject"] = Field("flag", description="What is done about what is wrong after a repair.")
    classes: list[ClaimClass] | None = Field(None, max_length=20, description="What is checked; everything by default.")


def _spell_out(given: object) -> object:
    return {"policy": given} if isinstance(given, str) else given


def _offer_names(schema: dict[str, Any]) -> None:
    """The document offers the short form beside the object."""
    schema["anyOf"].insert(0, {"type": "string", "enum": list(get_args(PolicyName))})


GroundingOrder = Annotated[
    GroundingBody | None,
    BeforeValidator(_spell_out),
    Field(
        description='Check what pairs claim; off by default. A name alone is short for {"policy": name}.',
        json_schema_extra=_offer_names,
    ),
]
