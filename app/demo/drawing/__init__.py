"""Draws the pictures of the bundled sample: `python -m app.demo.drawing` writes them anew. Standard library only."""
