"""In which of the eight languages a text is: by its script where that decides, by its letter patterns otherwise."""

from lingua import IsoCode639_1, Language, LanguageDetectorBuilder

from app.pipeline.scripts import LanguageDetector, decide_by_script

__all__ = ["LanguageDetector", "LinguaDetector"]

_LONGEST_SAMPLE = 400  # characters; more of them change no verdict and cost time
_LEAST_LATIN_WORDS = 2
_MARGIN = 0.1  # how much likelier the first guess must be than the second


class LinguaDetector:
    """The eight languages; only the four in Latin letters are asked of lingua's trigram models.

    Low accuracy mode: half the time and a third of the memory of the full models, with the same verdicts on
    texts of a sentence; building reads the models once, so build it where the process starts.
    """

    def __init__(self) -> None:
        codes = [IsoCode639_1.EN, IsoCode639_1.ES, IsoCode639_1.DE, IsoCode639_1.FR]
        builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
        builder = builder.with_low_accuracy_mode().with_minimum_relative_distance(_MARGIN)
        self._latin = builder.with_preloaded_language_models().build()

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
