"""Every format that is offered can be written, and no other."""

from app.services.exporting.formats import FORMATS
from app.services.exporting.writers import WRITERS


def test_what_is_offered_is_what_can_be_written() -> None:
    assert list(FORMATS) == list(WRITERS)
