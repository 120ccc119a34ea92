"""How long a text is: in words where its language parts them by spaces, in characters where it does not."""

WITHOUT_SPACES = frozenset({"zh", "ja", "yue", "th", "lo", "km", "my", "bo", "dz"})


def unit_of(language: str) -> str:
    """`characters` for languages without spaces between words, such as Chinese and Thai; `words` for all others."""
    return "characters" if language.partition("-")[0] in WITHOUT_SPACES else "words"


def measure_length(text: str, language: str) -> int:
    """Words are what white space parts; characters are letters and digits, without spaces and punctuation."""
    if language.partition("-")[0] in WITHOUT_SPACES:
        return sum(map(str.isalnum, text))
    return len(text.split())
