"""How long a text is: in words where its language parts them by spaces, in characters where it does not."""

WITHOUT_SPACES = frozenset({"zh", "ja"})


def unit_of(language: str) -> str:
    """`characters` for Chinese and Japanese, `words` for all others (Korean parts its words by spaces)."""
    return "characters" if language in WITHOUT_SPACES else "words"


def measure_length(text: str, language: str) -> int:
    """Words are what white space parts; characters are letters and digits, without spaces and punctuation."""
    if language in WITHOUT_SPACES:
        return sum(map(str.isalnum, text))
    return len(text.split())
