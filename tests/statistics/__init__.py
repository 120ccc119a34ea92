"""Statistics from the rows to the answer: counted by a program apart, added up, drawn."""
