"""What a check says of a translation: a code and a sentence, or nothing."""

Verdict = tuple[str, str]
"""(code, what is wrong, as the end of a sentence that begins with "the response")."""

NO_TRANSLATION = frozenset(
    {
        "missing",
        "empty",
        "leaked_prompt",
        "copied_example",
        "confused",
        "degenerate",
        "untranslated",
        "wrong_language",
    }
)
"""Codes of what is no translation at all: it is never stored as a pair, whatever the job's policy says."""

PARITY_CODES = (
    "length",
    "truncated",
    "number",
    "box",
    "time",
    "placeholder",
    "structure",
    "glossary",
    "bidi",
    "back_translation",
)
"""Codes of translations that differ from their source; a job may keep them flagged."""
