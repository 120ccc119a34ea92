"""Figures about pairs, as values: lengths of texts, distributions, verbs and nouns, and how jobs add up."""
