"""Settings: every knob of the service, read once from the environment by a composition root."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


def _raise_case(given: object) -> object:
    return given.upper() if isinstance(given, str) else given


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_raise_case)]


class SettingsError(Exception):
    """A variable of the environment does not hold; the message names it, what it is and what it must be."""


class Settings(BaseSettings):
    """Frozen; variables are `SYPHUS_<FIELD>` unless the field names others; an empty one is as if it were not set.

    The README lists them all.
    """

    model_config = SettingsConfigDict(
        env_prefix="SYPHUS_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    # Where things run
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    home: Path = Path(".syphus")
    workers: int | None = Field(None, ge=1, description="worker processes of `make serve`; cores - 1 by default")
    auth: Literal["on", "off", "loopback"] = "loopback"
    api_keys: str = ""
    idempotency: Literal["required", "optional", "loopback"] = "loopback"

    # Real parts; where a URL is missing an embedded part is started
    database_url: str | None = Field(None, validation_alias=AliasChoices("DATABASE_URL", "SYPHUS_DATABASE_URL"))
    redis_url: str | None = Field(None, validation_alias=AliasChoices("REDIS_URL", "SYPHUS_REDIS_URL"))
    storage_url: str | None = None
    queue_name: str = "syphus:1"
    dataset_folders: str = Field("", description="folders of your own dataset files, separated like those of PATH")

    # The model
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_BASE_URL", "OPENAI_API_BASE", "openai_base_url")
    )
    openai_api_key: str | None = Field(None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"))
    openai_model: str = Field(
        "gpt-4o-mini", validation_alias=AliasChoices("OPENAI_MODEL", "OPENAI_API_ENGINE", "openai_model")
    )
    openai_api_type: str = Field("open_ai", validation_alias=AliasChoices("OPENAI_API_TYPE", "openai_api_type"))
    openai_api_version: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_API_VERSION", "openai_api_version")
    )
    openai_embedding_model: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_EMBEDDING_MODEL", "openai_embedding_model")
    )
    openai_image_embedding_model: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_IMAGE_EMBEDDING_MODEL", "openai_image_embedding_model")
    )
    prices: str = ""  # JSON: {"model": {"prompt": USD, "cached": USD, "completion": USD}} per million tokens
    call_timeout_s: float = Field(120.0, gt=0)
    retry_s: float = Field(0.25, gt=0, le=60, description="before a failed call's first retry; then twice as long each")
    connect_timeout_s: float = Field(10.0, gt=0)
    reply_cap_bytes: int = Field(8 * 2**20, gt=0)

    # The worker
    concurrency: int = Field(64, ge=1, le=4096, description="calls in flight per worker process")
    lease_s: float = Field(60.0, gt=0)
    shard_items: int = Field(200, ge=1, le=5000)
    drain_s: float = Field(30.0, ge=0, description="how long SIGTERM waits for calls in flight")
    tick_s: float = Field(0.5, gt=0, description="how often the dispatcher looks")
    outage_pause_s: float = Field(24 * 3600.0, gt=0)
    stats_sample: int = Field(20_000, ge=0, description="pairs of a job whose verbs and nouns are found; 0 = none")

    # Caps on what comes in
    upload_cap_bytes: int = Field(8 * 2**30, gt=0)
    body_cap_bytes: int = Field(32 * 2**20, gt=0)
    gzip_ratio_cap: int = Field(100, gt=1)
    archive_cap_entries: int = Field(2_000_000, gt=0)
    video_cap_frames: int = Field(20_000, gt=0)
    form_cap_files: int = Field(200, gt=0, description="each is a temporary file that stays open")
    picture_cap_bytes: int = Field(64 * 2**20, gt=0)
    picture_cap_pixels: int = Field(25_000_000, gt=0, le=89_000_000)
    picture_processes: int = Field(2, ge=1, le=256, description="processes per API or worker that decode pictures")
    picture_memory_bytes: int = Field(2**30, ge=2**29, description="address space of each of them")

    # Addresses of pictures for endpoints that fetch them
    public_url: str = ""
    signing_key: str = ""
    shown_s: int = Field(3600, ge=60, description="how long such an address holds")

    log_level: LogLevel = "INFO"

    @property
    def is_loopback(self) -> bool:
        """Whether the service listens on this machine only."""
        return self.host in {"127.0.0.1", "localhost", "::1"}


def load_settings(**overrides: object) -> Settings:
    """The settings of this process; called by composition roots only. Raises SettingsError."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic-settings fills the rest from the environment
    except ValidationError as error:
        faults = [_explain(fault["loc"], fault["input"], fault["msg"]) for fault in error.errors()]
        raise SettingsError(" ".join(faults)) from error


def _explain(place: tuple[int | str, ...], given: object, why: str) -> str:
    field = str(place[0])
    name = field if field.isupper() else f"SYPHUS_{field.upper()}"
    return f"The setting {field} does not hold: {name} is {given!r}. {why}."
