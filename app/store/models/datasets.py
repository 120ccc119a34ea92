"""Tables of what comes in: datasets, their items, refused records and images."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from app.store.models.columns import (
    DATASET_STATES,
    count,
    new_key,
    one_of,
    reference,
    serial_key,
    text_column,
    texts,
    time,
)


class Dataset(SQLModel, table=True):
    """An upload.

    `images` are the different image ids its items name, `images_uploaded` its pictures, `images_matched` those of them
    that an item names.
    """

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", name="dataset_name_key"), one_of("state", DATASET_STATES))

    id: int = new_key()
    name: str = text_column()
    version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    kind: str | None = text_column(nullable=True)
    abbr: str = text_column()
    format: str = text_column()
    state: str = text_column()
    failure: str | None = text_column(nullable=True)
    items: int = count()
    unique_source_ids: int = count()
    images: int = count(BigInteger)
    images_uploaded: int = count(BigInteger)
    images_matched: int = count(BigInteger)
    errors: int = count()
    bytes: int = count(BigInteger)
    sha256: str | None = text_column(nullable=True)
    created_at: datetime = time(default_now=True)


class DatasetError(SQLModel, table=True):
    """A record of an upload that was refused."""

    __tablename__ = "dataset_error"

    dataset_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    )
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    line: int | None = Field(sa_column=Column(Integer, nullable=True))
    pointer: str = text_column()
    code: str = text_column()
    message: str = text_column()
    source_id: str | None = text_column(nullable=True)


class Item(SQLModel, table=True):
    """One annotation. `image_set` is a hash of `image_ids` (null without images): items that share it share images.

    `has_found_images`: the annotation names none; `image_ids` are the uploaded ones that begin as its kind says.
    """

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("dataset_id", "position", name="item_dataset_id_position_key"),
        Index("item_dataset_id_source_id_idx", "dataset_id", "source_id"),
        Index(
            "item_dataset_id_image_set_idx",
            "dataset_id",
            "image_set",
            postgresql_where=text("image_set IS NOT NULL"),
        ),
        Index("item_image_ids_idx", "image_ids", postgresql_using="gin"),
    )

    id: int = serial_key()
    dataset_id: int = reference("dataset.id")
    position: int = Field(sa_column=Column(Integer, nullable=False))
    source_id: str = text_column()
    sentences: str = text_column()
    image_ids: list[str] = texts()
    image_set: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    has_found_images: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )


class OrphanImage(SQLModel, table=True):
    """Bytes in storage that no picture may need any more, until they are swept."""

    __tablename__ = "orphan_image"

    sha256: str = Field(sa_column=Column(Text, primary_key=True))


class Image(SQLModel, table=True):
    """A picture of a dataset, by the id that annotations name; its bytes are in storage, once per sha256.

    `size` is in bytes, `feature` is the perceptual feature of `app.pipeline.image_features`.
    """

    __tablename__ = "image"
    __table_args__ = (
        UniqueConstraint("dataset_id", "image_id", name="image_dataset_id_image_id_key"),
        Index("image_sha256_idx", "sha256"),
    )

    id: int = serial_key()
    dataset_id: int = reference("dataset.id")
    image_id: str = Field(sa_column=Column(Text(collation="C"), nullable=False))
    sha256: str = text_column()
    media_type: str = text_column()
    width: int = Field(sa_column=Column(Integer, nullable=False))
    height: int = Field(sa_column=Column(Integer, nullable=False))
    size: int = count(BigInteger)
    source: str = text_column()
    feature: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    created_at: datetime = time(default_now=True)
