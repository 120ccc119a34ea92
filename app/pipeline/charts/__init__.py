"""Statistics drawn as SVG: pure functions from figures to text; the same figures give the same bytes."""
