"""The table of glossaries."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel

from app.store.models.columns import json_column, time


class Glossary(SQLModel, table=True):
    """How terms of a dataset are written: `[{"source": …, language: wording, "keep": …}]`."""

    __tablename__ = "glossary"

    dataset_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    terms: list[dict[str, Any]] = json_column("'[]'")
    updated_at: datetime = time(default_now=True)
