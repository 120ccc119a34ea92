"""In which language a text is: by its script where that decides, by its letter patterns otherwise."""

from collections.abc import Iterable, Sequence

from lingua import IsoCode639_1, Language, LanguageDetectorBuilder
from lingua import LanguageDetector as Lingua

from app.pipeline.language_codes import LANGUAGES
from app.pipeline.language_tags import LINGUA_LANGUAGES, split_tag
from app.pipeline.scripts import LanguageDetector, decide_by_script

__all__ = ["LanguageDetector", "LinguaDetector"]

_LONGEST_SAMPLE = 400  # characters; more of them change no verdict and cost time
_LEAST_LATIN_WORDS = 2
_MARGIN = 0.1  # how much likelier the first guess must be than the second
_WIDE_MARGIN = 0.25  # the same beside near relatives: Hindi and Marathi share most of what they look like
_LATIN = ("en", "es", "de", "fr")
_RIVALS = {"Cyrl": ["ru", "uk"], "Deva": ["hi", "mr"], "Arab": ["ar", "fa"], "Latn": ["pt", "it"]}
_NORWEGIAN = {"no": "nb", "nn": "nb"}


class LinguaDetector:
    """The eight languages; only the four in Latin letters are asked of lingua's trigram models.

    Low accuracy mode: half the time and a third of the memory of the full models, with the same verdicts on
    texts of a sentence; building reads the models once, so build it where the process starts. A further language
    costs a model of its own, which `learn` reads.
    """

    def __init__(self) -> None:
        self._latin = _prepare(_LATIN, _MARGIN).with_low_accuracy_mode().build()
        self._further: dict[str, Lingua] = {}

    def learn(self, languages: Sequence[str]) -> None:
        """Read what telling these languages apart takes, once for each; those of the eight are known."""
        for tag in languages:
            code = _lingua_code(tag)
            if code and code not in self._further and code not in LANGUAGES:
                self._further[code] = _prepare((*_LATIN, *_rivals_of(tag), code), _WIDE_MARGIN).build()

    def detect(self, text: str) -> str | None:
        """See `LanguageDetector.detect`; only the first 400 characters count."""
        sample = text[:_LONGEST_SAMPLE]
        decided = decide_by_script(sample)
        if decided != "latin":
            return decided
        if len(sample.split()) < _LEAST_LATIN_WORDS:
            return None
        language: Language | None = self._latin.detect_language_of(sample)
        return None if language is None else language.iso_code_639_1.name.lower()

    def tell(self, text: str, language: str) -> str | None:
        """See `LanguageDetector.tell`; None for a language that lingua does not know or that was not learned."""
        code = _lingua_code(language)
        detector = self._further.get(code)
        found = None if detector is None else detector.detect_language_of(text[:_LONGEST_SAMPLE])
        if found is None:
            return None
        name = found.iso_code_639_1.name.lower()
        return language if name == code else name


def _prepare(codes: Iterable[str], margin: float) -> LanguageDetectorBuilder:
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code.upper()) for code in dict.fromkeys(codes))
    )
    return builder.with_minimum_relative_distance(margin).with_preloaded_language_models()


def _lingua_code(tag: str) -> str:
    """The code by which lingua knows a language, or nothing."""
    language = split_tag(tag)[0]
    code = _NORWEGIAN.get(language, language)
    return code if code in LINGUA_LANGUAGES else ""


def _rivals_of(tag: str) -> list[str]:
    """A language or two in the same script, so that a text of theirs is told apart."""
    return _RIVALS.get(split_tag(tag)[1], [])
