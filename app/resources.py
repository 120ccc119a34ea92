"""What a process holds while it runs, opened and closed by `app.wiring` and handed down."""

from dataclasses import dataclass

from app.blobs import Blobs
from app.pictures.desk import PictureDesk
from app.queue import Queue
from app.settings import Settings
from app.store.session import Sessions


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds.

    settings: this process's knobs; sessions: PostgreSQL; queue: the doorbell; blobs: pictures and exports;
    pictures: has decoded what strangers send
    """

    settings: Settings
    sessions: Sessions
    queue: Queue
    blobs: Blobs
    pictures: PictureDesk
