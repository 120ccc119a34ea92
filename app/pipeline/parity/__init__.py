"""The parity gate: what a translation must share with its source, in every language, before it is kept."""

from app.pipeline.parity.checks import check_translation, find_faults
from app.pipeline.parity.glossary import NO_GLOSSARY, Glossary, Term, read_terms, show_term
from app.pipeline.parity.reading_back import find_disagreement
from app.pipeline.parity.verdicts import NO_TRANSLATION, PARITY_CODES

CHECK_VERSION = "3"

__all__ = [
    "CHECK_VERSION",
    "NO_GLOSSARY",
    "NO_TRANSLATION",
    "PARITY_CODES",
    "Glossary",
    "Term",
    "check_translation",
    "find_disagreement",
    "find_faults",
    "read_terms",
    "show_term",
]
