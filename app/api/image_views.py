"""How uploads of pictures, their reports and the records of pictures look, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel

_BINARY = {"schema": {"type": "string", "format": "binary"}}
UPLOAD_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": (
            "A picture, a video, a zip, tar or tar.gz of them, `{image id: base64}` as JSON, a parquet with a column "
            "`base64`, or a form with several such files. What a file is, is told by its content."
        ),
        "content": {
            "application/octet-stream": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "fps": {"type": "number"},
                        "frames": {"type": "integer"},
                        "replace": {"type": "boolean"},
                    },
                }
            },
        },
    }
}


class RefusedImage(BaseModel):
    name: str
    code: str
    message: str


class ReportCounts(BaseModel):
    stored: int
    already_there: int
    replaced: int
    refused: int
    ignored: int
    frames: int


class SomeIds(BaseModel):
    """How many, and the first of them."""

    count: int
    first: list[str]


class ReportBody(BaseModel):
    """What became of an upload of pictures, for the OpenAPI document."""

    object: str = "images.report"
    dataset_id: str
    counts: ReportCounts
    refused: list[RefusedImage]
    failures: list[RefusedImage]
    missing: SomeIds
    surplus: SomeIds
    items_without_images: int


class ImageBody(BaseModel):
    """A picture's record, for the OpenAPI document."""

    id: str
    object: str = "image"
    dataset_id: str
    image_id: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    source: str
    url: str
    created_at: str
