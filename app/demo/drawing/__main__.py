"""`python -m app.demo.drawing [folder]` paints every picture of the sample anew."""

import sys
from pathlib import Path

from app.demo.drawing.canvas import write_png
from app.demo.drawing.scenes import list_pictures

_IMAGES = Path(__file__).resolve().parents[1] / "sample" / "images"


def main(arguments: list[str]) -> int:
    """Write `<image id>.png` for each picture."""
    folder = Path(arguments[0]) if arguments else _IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for image_id, canvas in list_pictures():
        write_png(folder / f"{image_id}.png", canvas.to_pixels())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
