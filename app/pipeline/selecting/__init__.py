"""In-context selection: which examples of a prompt are shown with an annotation."""

from app.pipeline.selecting.choosing import Selector, make_selector, pick_examples
from app.pipeline.selecting.policy import DEFAULT_K, MODES, Selection, check_selection, read_selection, settle_selection
from app.pipeline.selecting.pool import Example, list_examples

__all__ = [
    "DEFAULT_K",
    "MODES",
    "Example",
    "Selection",
    "Selector",
    "check_selection",
    "list_examples",
    "make_selector",
    "pick_examples",
    "read_selection",
    "settle_selection",
]
