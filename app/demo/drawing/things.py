"""Things to put into a picture: each function paints one, at the place of its feet or its middle."""

from app.demo.drawing.canvas import HEIGHT, WIDTH, Canvas

SKIN, DARK, WOOD, LEAF, METAL, WHITE = "#e8b98f", "#33312e", "#8a5a34", "#3f8f4a", "#8d949c", "#fbfaf5"


def paint_ground(canvas: Canvas, horizon: float, colour: str) -> None:
    canvas.rectangle(0, horizon, WIDTH, HEIGHT - horizon, colour)


def paint_sun(canvas: Canvas, x: float, y: float, colour: str = "#ffd34d") -> None:
    canvas.ellipse(x, y, 17, 17, colour)


def paint_cloud(canvas: Canvas, x: float, y: float) -> None:
    for shift, lift, radius in ((-18, 3, 11), (0, -4, 15), (18, 3, 12), (6, 5, 13)):
        canvas.ellipse(x + shift, y + lift, radius * 1.25, radius * 0.8, WHITE)


def paint_tree(canvas: Canvas, x: float, foot: float, size: float = 1.0) -> None:
    with canvas.object("tree"):
        canvas.rectangle(x - 5 * size, foot - 42 * size, 10 * size, 42 * size, WOOD)
        canvas.ellipse(x, foot - 66 * size, 28 * size, 34 * size, LEAF)
        canvas.ellipse(x - 9 * size, foot - 76 * size, 15 * size, 17 * size, "#57a85f")


def paint_house(canvas: Canvas, x: float, foot: float, wall: str, roof: str) -> None:
    with canvas.object("house"):
        canvas.rectangle(x - 36, foot - 56, 72, 56, wall)
        canvas.polygon([(x - 44, foot - 56), (x, foot - 92), (x + 44, foot - 56)], roof)
        canvas.rectangle(x - 9, foot - 32, 18, 32, WOOD)
        for shift in (-22, 22):
            canvas.rectangle(x + shift - 8, foot - 48, 16, 14, "#bfe3f2")


def paint_car(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    with canvas.object("car"):
        canvas.polygon([(x - 22, foot - 24), (x - 13, foot - 38), (x + 13, foot - 38), (x + 24, foot - 24)], colour)
        canvas.rectangle(x - 38, foot - 25, 76, 18, colour)
        canvas.polygon([(x - 17, foot - 25), (x - 10, foot - 35), (x, foot - 35), (x, foot - 25)], "#cfe8f2")
        canvas.polygon([(x + 3, foot - 25), (x + 3, foot - 35), (x + 11, foot - 35), (x + 18, foot - 25)], "#cfe8f2")
        for shift in (-22, 22):
            canvas.ellipse(x + shift, foot - 7, 8, 7, DARK)
            canvas.ellipse(x + shift, foot - 7, 3, 3, METAL)


def paint_bus(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    with canvas.object("bus"):
        canvas.rectangle(x - 66, foot - 72, 132, 64, colour)
        for shift in range(-58, 40, 27):
            canvas.rectangle(x + shift, foot - 64, 21, 22, "#cfe8f2")
        canvas.rectangle(x + 44, foot - 64, 16, 50, "#dfeef4")
        for shift in (-40, 30):
            canvas.ellipse(x + shift, foot - 10, 11, 10, DARK)
            canvas.ellipse(x + shift, foot - 10, 4, 4, METAL)


def paint_person(
    canvas: Canvas,
    x: float,
    foot: float,
    shirt: str,
    trousers: str,
    *,
    size: float = 1.0,
    stride: float = 0.0,
    hand: tuple[float, float] | None = None,
    hair: str = "#4a3222",
) -> None:
    """stride: how far the feet are apart in a step; hand: where the raised hand is, instead of beside the body."""
    with canvas.object("person"):
        hip, neck = foot - 30 * size, foot - 60 * size
        for side in (-1, 1):
            canvas.line((x + side * 3 * size, hip), (x + side * (4 + stride) * size, foot), 6 * size, trousers)
        canvas.polygon(
            [(x - 9 * size, neck), (x + 9 * size, neck), (x + 8 * size, hip + 2), (x - 8 * size, hip + 2)], shirt
        )
        canvas.line((x - 8 * size, neck + 2), (x - 12 * size, hip - 2), 4 * size, SKIN)
        canvas.line((x + 8 * size, neck + 2), hand or (x + 12 * size, hip - 2), 4 * size, SKIN)
        canvas.ellipse(x, neck - 9 * size, 8 * size, 9 * size, SKIN)
        canvas.ellipse(x, neck - 14 * size, 8 * size, 5 * size, hair)


def paint_dog(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    with canvas.object("dog"):
        for shift in (-17, -11, 9, 15):
            canvas.rectangle(x + shift, foot - 16, 4, 16, colour)
        canvas.ellipse(x, foot - 21, 22, 9, colour)
        canvas.line((x - 20, foot - 24), (x - 31, foot - 37), 4, colour)
        canvas.ellipse(x + 24, foot - 33, 10, 9, colour)
        canvas.polygon([(x + 16, foot - 40), (x + 22, foot - 41), (x + 15, foot - 27)], DARK)
        canvas.ellipse(x + 27, foot - 35, 1.5, 1.5, DARK)
        canvas.ellipse(x + 34, foot - 32, 2.5, 2.5, DARK)


def paint_cat(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    """Asleep, rolled up."""
    with canvas.object("cat"):
        canvas.ellipse(x, foot - 13, 28, 14, colour)
        canvas.ellipse(x - 21, foot - 15, 11, 10, colour)
        for shift in (-29, -19):
            canvas.polygon([(x + shift, foot - 22), (x + shift + 3, foot - 32), (x + shift + 8, foot - 22)], colour)
        for shift in (-26, -19):
            canvas.line((x + shift, foot - 14), (x + shift + 5, foot - 14), 1.5, DARK)
        canvas.line((x + 24, foot - 8), (x - 6, foot - 3), 5, "#b5651d")


def paint_ball(canvas: Canvas, x: float, y: float, colour: str, radius: float = 9) -> None:
    with canvas.object("sports ball"):
        canvas.ellipse(x, y, radius, radius, colour)
        canvas.ellipse(x - radius * 0.35, y - radius * 0.35, radius * 0.3, radius * 0.3, WHITE)


def paint_bench(canvas: Canvas, x: float, foot: float) -> None:
    with canvas.object("bench"):
        for lift in (38, 29, 18):
            canvas.rectangle(x - 38, foot - lift, 76, 6, WOOD)
        for shift in (-32, 28):
            canvas.rectangle(x + shift, foot - 38, 4, 38, METAL)


def paint_sailboat(canvas: Canvas, x: float, water: float, hull: str, sail: str) -> None:
    with canvas.object("boat"):
        canvas.polygon([(x - 30, water - 10), (x + 30, water - 10), (x + 20, water + 5), (x - 22, water + 5)], hull)
        canvas.rectangle(x - 1.5, water - 66, 3, 56, WOOD)
        canvas.polygon([(x + 3, water - 64), (x + 3, water - 15), (x + 28, water - 15)], sail)
        canvas.polygon([(x - 4, water - 58), (x - 4, water - 15), (x - 22, water - 15)], sail)


def paint_lighthouse(canvas: Canvas, x: float, foot: float) -> None:
    with canvas.object("lighthouse"):
        canvas.polygon([(x - 15, foot), (x - 9, foot - 86), (x + 9, foot - 86), (x + 15, foot)], WHITE)
        for lift in (20, 52):
            canvas.rectangle(x - 13 + lift * 0.05, foot - lift - 14, 26 - lift * 0.1, 14, "#c8402f")
        canvas.rectangle(x - 7, foot - 100, 14, 14, "#ffe58a")
        canvas.polygon([(x - 10, foot - 100), (x, foot - 112), (x + 10, foot - 100)], "#c8402f")


def paint_parasol(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    with canvas.object("umbrella"):
        canvas.rectangle(x - 2, foot - 78, 4, 78, METAL)
        canvas.polygon(
            [(x - 44, foot - 66), (x - 24, foot - 84), (x, foot - 90), (x + 24, foot - 84), (x + 44, foot - 66)], colour
        )
        canvas.polygon([(x - 14, foot - 66), (x, foot - 90), (x + 14, foot - 66)], WHITE)


def paint_kite(canvas: Canvas, x: float, y: float, hand: tuple[float, float], colour: str) -> None:
    canvas.line(hand, (x, y + 17), 1, DARK)
    with canvas.object("kite"):
        canvas.polygon([(x, y - 20), (x + 13, y), (x, y + 20), (x - 13, y)], colour)
        canvas.polygon([(x, y - 20), (x + 13, y), (x, y)], WHITE)


def paint_signal(canvas: Canvas, x: float, foot: float, lit: str) -> None:
    """A traffic light; lit is `red` or `green`."""
    with canvas.object("traffic light"):
        canvas.rectangle(x - 2, foot - 92, 4, 92, METAL)
        canvas.rectangle(x - 10, foot - 128, 20, 40, DARK)
        canvas.ellipse(x, foot - 118, 7, 7, "#f0392b" if lit == "red" else "#5b2f2c")
        canvas.ellipse(x, foot - 98, 7, 7, "#35d05a" if lit == "green" else "#264d30")


def paint_flower(canvas: Canvas, x: float, foot: float, height: float, bloom: str | None) -> None:
    """In a pot that stands at `foot`; without `bloom` there are leaves only."""
    with canvas.object("potted plant"):
        canvas.polygon([(x - 18, foot - 26), (x + 18, foot - 26), (x + 13, foot), (x - 13, foot)], "#b9603a")
        canvas.line((x, foot - 26), (x, foot - 26 - height), 4, LEAF)
        for share in (0.35, 0.65):
            level = foot - 26 - height * share
            canvas.ellipse(x - 8, level, 8, 4, LEAF)
            canvas.ellipse(x + 8, level - 4, 8, 4, LEAF)
        if bloom:
            top = foot - 28 - height
            for shift, lift in ((-9, 0), (9, 0), (0, -9), (0, 9)):
                canvas.ellipse(x + shift, top + lift, 7, 7, bloom)
            canvas.ellipse(x, top, 6, 6, "#ffd34d")
