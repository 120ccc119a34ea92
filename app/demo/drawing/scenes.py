"""The pictures of the sample, scene by scene; `app/demo/sample/*.json` tell in words what is painted here."""

from collections.abc import Callable, Iterator

from app.demo.drawing import things as paint
from app.demo.drawing.canvas import HEIGHT, WIDTH, Canvas

SKY, GRASS, ROAD, PAVEMENT, SEA, SAND, DUSK = (
    "#bfe3f5",
    "#8cc56b",
    "#8f9296",
    "#cfcabf",
    "#4f9fc8",
    "#efd9a0",
    "#f3b27a",
)

Picture = tuple[str, Canvas]


def list_pictures() -> Iterator[Picture]:
    """Every picture with its image id, in the order of the annotation files."""
    for number, scene in enumerate((_car_park, _harbour, _park, _crossing, _square), 1):
        for half in (1, 2):
            yield f"SD_IMG_{number:05d}_{half}", scene(changed=half == 2)
    for name, single in (
        ("breakfast_table", _breakfast_table),
        ("sleeping_cat", _sleeping_cat),
        ("garden_dog", _garden_dog),
        ("beach_kite", _beach_kite),
        ("bus_stop", _bus_stop),
    ):
        yield f"LA_IMG_{name}", single()
    for name, film, seconds in FILMS:
        for second in range(seconds):
            yield f"DC_IMG_{name}_{second:04d}", film(second)


def _car_park(*, changed: bool) -> Canvas:
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 110, ROAD)
    paint.paint_ground(canvas, 205, PAVEMENT)
    for x in range(20, WIDTH, 100):
        canvas.rectangle(x, 120, 3, 62, paint.WHITE)
    paint.paint_tree(canvas, 292, 116)
    paint.paint_car(canvas, 71, 175, "#c43a31")
    if not changed:
        paint.paint_car(canvas, 171, 175, "#2f62b5")
    paint.paint_car(canvas, 271, 175, "#e9e6df")
    if changed:
        paint.paint_person(canvas, 160, 232, "#e2b021", paint.DARK)
    return canvas


def _harbour(*, changed: bool) -> Canvas:
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 120, SEA)
    paint.paint_sun(canvas, 50, 40)
    paint.paint_lighthouse(canvas, 285, 125)
    paint.paint_sailboat(canvas, 90, 170, "#8a3b2e", paint.WHITE)
    if changed:
        paint.paint_cloud(canvas, 180, 45)
    else:
        paint.paint_sailboat(canvas, 195, 185, "#2e5c8a", "#f2d24b")
    canvas.rectangle(0, 215, WIDTH, 25, paint.WOOD)
    return canvas


def _park(*, changed: bool) -> Canvas:
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 120, GRASS)
    paint.paint_tree(canvas, 60, 150, 1.2)
    paint.paint_bench(canvas, 215, 180)
    if changed:
        paint.paint_ball(canvas, 268, 212, "#d43d3d")
    else:
        paint.paint_dog(canvas, 120, 205, "#a86b3c")
        paint.paint_ball(canvas, 60, 205, "#d43d3d")
    return canvas


def _crossing(*, changed: bool) -> Canvas:
    canvas = Canvas("#d8dde2")
    canvas.rectangle(0, 20, 110, 110, "#b98d76")
    canvas.rectangle(210, 40, 110, 90, "#a7a18f")
    for x in (18, 62):
        canvas.rectangle(x, 44, 26, 30, "#cfe8f2")
    paint.paint_ground(canvas, 130, PAVEMENT)
    paint.paint_ground(canvas, 160, ROAD)
    for y in range(166, HEIGHT, 18):
        canvas.rectangle(110, y, 100, 10, paint.WHITE)
    paint.paint_signal(canvas, 232, 158, "green" if changed else "red")
    if changed:
        paint.paint_person(canvas, 160, 215, "#3a7d44", "#4b4f6b", stride=7)
    else:
        paint.paint_person(canvas, 160, 158, "#3a7d44", "#4b4f6b")
    return canvas


def _square(*, changed: bool) -> Canvas:
    """Nothing differs between the two."""
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 125, PAVEMENT)
    paint.paint_house(canvas, 60, 140, "#efe3c2", "#a8483a")
    paint.paint_tree(canvas, 270, 150)
    canvas.ellipse(165, 190, 62, 18, paint.METAL)
    canvas.ellipse(165, 186, 54, 14, SEA)
    canvas.rectangle(160, 140, 10, 46, paint.METAL)
    return canvas


def _breakfast_table() -> Canvas:
    canvas = Canvas("#f4e7cf")
    canvas.rectangle(200, 18, 88, 74, paint.WHITE)
    canvas.rectangle(206, 24, 76, 62, SKY)
    with canvas.object("dining table"):
        canvas.polygon([(10, 150), (310, 150), (300, 178), (20, 178)], paint.WOOD)
        for x in (34, 272):
            canvas.rectangle(x, 178, 14, 58, "#6f4627")
    with canvas.object("vase"):
        canvas.ellipse(70, 136, 15, 20, "#3f6fb0")
        canvas.rectangle(63, 106, 14, 16, "#3f6fb0")
    for x, colour in ((56, "#d43d3d"), (72, "#f2d24b"), (88, "#d43d3d")):
        canvas.line((70, 108), (x, 84), 2, paint.LEAF)
        canvas.ellipse(x, 80, 8, 8, colour)
    with canvas.object("bowl"):
        canvas.ellipse(160, 150, 38, 14, "#e7ecef")
        canvas.rectangle(146, 158, 28, 8, "#e7ecef")
    for x in (142, 162, 180):
        with canvas.object("apple"):
            canvas.ellipse(x, 134, 12, 12, "#cf3b34")
    with canvas.object("cup"):
        canvas.rectangle(236, 132, 28, 30, "#e08a2e")
        canvas.ellipse(267, 146, 8, 9, "#e08a2e")
        canvas.ellipse(267, 146, 4, 5, "#f4e7cf")
    return canvas


def _sleeping_cat() -> Canvas:
    canvas = Canvas("#dfe6da")
    paint.paint_ground(canvas, 190, "#b98f66")
    canvas.rectangle(118, 22, 84, 56, paint.WOOD)
    canvas.rectangle(124, 28, 72, 44, SKY)
    canvas.polygon([(124, 72), (150, 40), (176, 72)], "#7f8c8d")
    with canvas.object("couch"):
        canvas.rectangle(52, 104, 190, 56, "#4f7f8f")
        canvas.rectangle(40, 124, 26, 66, "#41697a")
        canvas.rectangle(228, 124, 26, 66, "#41697a")
        canvas.rectangle(60, 152, 174, 36, "#5b90a1")
    paint.paint_cat(canvas, 140, 156, "#e0913d")
    with canvas.object("lamp"):
        canvas.rectangle(284, 96, 4, 100, paint.METAL)
        canvas.ellipse(286, 198, 18, 5, paint.METAL)
        canvas.polygon([(268, 98), (276, 64), (296, 64), (304, 98)], "#f5d76e")
    return canvas


def _garden_dog() -> Canvas:
    canvas = Canvas(SKY)
    paint.paint_cloud(canvas, 200, 36)
    paint.paint_ground(canvas, 130, GRASS)
    paint.paint_house(canvas, 70, 150, "#f0ead6", "#b5483a")
    paint.paint_tree(canvas, 275, 160, 1.15)
    paint.paint_dog(canvas, 150, 212, "#6d4a2f")
    paint.paint_ball(canvas, 208, 205, "#f2c832")
    return canvas


def _beach_kite() -> Canvas:
    canvas = Canvas(SKY)
    paint.paint_sun(canvas, 282, 36)
    paint.paint_ground(canvas, 112, SEA)
    paint.paint_ground(canvas, 158, SAND)
    paint.paint_sailboat(canvas, 210, 130, "#8a3b2e", paint.WHITE)
    paint.paint_parasol(canvas, 255, 222, "#d9483b")
    paint.paint_person(canvas, 120, 222, "#e2672e", "#2f4f8f", size=0.9, hand=(138, 156))
    paint.paint_kite(canvas, 62, 48, (138, 156), "#8e3fb0")
    return canvas


def _bus_stop() -> Canvas:
    canvas = Canvas("#cfd8df")
    canvas.rectangle(0, 40, 90, 110, "#b7a58f")
    canvas.rectangle(96, 62, 84, 88, "#c2a08a")
    paint.paint_ground(canvas, 150, ROAD)
    paint.paint_ground(canvas, 196, PAVEMENT)
    paint.paint_bus(canvas, 120, 198, "#2f8f6b")
    with canvas.object("stop sign"):
        canvas.rectangle(226, 130, 4, 96, paint.METAL)
        canvas.ellipse(228, 122, 15, 15, "#f2d24b")
        canvas.rectangle(220, 119, 16, 6, paint.DARK)
    paint.paint_person(canvas, 262, 230, "#a13a5b", paint.DARK)
    with canvas.object("suitcase"):
        canvas.rectangle(284, 198, 22, 32, "#3a5fa0")
        canvas.rectangle(290, 186, 10, 12, paint.METAL)
        canvas.rectangle(292, 188, 6, 10, PAVEMENT)
    return canvas


def _goal_film(second: int) -> Canvas:
    """A boy runs to a ball, kicks it, it flies into the goal, he raises an arm."""
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 120, GRASS)
    canvas.rectangle(262, 112, 4, 76, paint.WHITE)
    canvas.rectangle(312, 112, 4, 76, paint.WHITE)
    canvas.rectangle(262, 112, 54, 4, paint.WHITE)
    boy_x = (40, 78, 112, 120, 120, 120)[second]
    ball_x, ball_y = ((140, 204), (140, 204), (144, 204), (215, 160), (288, 178), (288, 178))[second]
    hand = (boy_x + 14, 128) if second >= 4 else None
    stride = 9 if second < 3 else 2
    paint.paint_person(canvas, boy_x, 212, "#d43d3d", paint.WHITE, stride=stride, hand=hand)
    paint.paint_ball(canvas, ball_x, ball_y, paint.DARK)
    return canvas


def _sail_film(second: int) -> Canvas:
    """A boat sails from left to right past a lighthouse while the sun goes down."""
    canvas = Canvas(SKY if second < 3 else DUSK)
    paint.paint_sun(canvas, 60, 40 + second * 16, "#ffd34d" if second < 3 else "#f0562b")
    paint.paint_ground(canvas, 125, SEA)
    paint.paint_lighthouse(canvas, 160, 132)
    paint.paint_sailboat(canvas, 45 + second * 46, 185, "#8a3b2e", paint.WHITE)
    return canvas


def _flower_film(second: int) -> Canvas:
    """A woman waters a plant, puts the can down, and the plant grows and blooms."""
    canvas = Canvas("#efe6d5")
    paint.paint_ground(canvas, 200, "#b98f66")
    canvas.rectangle(190, 30, 90, 80, SKY)
    is_watering = second < 3
    paint.paint_person(
        canvas, 100, 222, "#5b4a9c", "#2f4f4f", size=1.2, hand=(138, 150) if is_watering else None, hair="#9c5a2b"
    )
    can_x, can_y = (148, 152) if is_watering else (150, 208)
    canvas.rectangle(can_x - 12, can_y - 8, 24, 20, "#4f8fb8")
    canvas.line((can_x + 10, can_y), (can_x + 30, can_y - 10), 4, "#4f8fb8")
    if second in (1, 2):
        for drop in range(4):
            canvas.ellipse(can_x + 36 + drop * 6, can_y + 4 + drop * 9, 2, 4, SEA)
    height = (22, 22, 30, 40, 50, 58)[second]
    paint.paint_flower(canvas, 212, 222, height, "#e2557a" if second >= 4 else None)
    return canvas


def _dog_film(second: int) -> Canvas:
    """A dog waits at a door, the door opens, a girl comes out and throws it a ball, it runs after the ball."""
    canvas = Canvas(SKY)
    paint.paint_ground(canvas, 150, GRASS)
    canvas.rectangle(14, 36, 110, 124, "#f0ead6")
    canvas.polygon([(4, 36), (69, 0), (134, 36)], "#b5483a")
    canvas.rectangle(48, 86, 42, 74, paint.DARK if second >= 1 else paint.WOOD)
    if second >= 1:
        girl_x = 69 if second == 1 else 100
        hand = (128, 118) if second == 3 else None
        foot = 160 if second == 1 else 186
        paint.paint_person(canvas, girl_x, foot, "#e9c531", "#2f62b5", hand=hand, hair="#2c1d12")
    if second >= 3:
        paint.paint_ball(canvas, (170, 255, 290)[second - 3], (108, 150, 206)[second - 3], "#d43d3d", 6)
    dog_x = (150, 150, 150, 170, 208, 244)[second]
    paint.paint_dog(canvas, dog_x, 216, "#a86b3c")
    return canvas


FILMS: tuple[tuple[str, Callable[[int], Canvas], int], ...] = (
    ("v_goal", _goal_film, 6),
    ("v_sailing", _sail_film, 6),
    ("v_flower", _flower_film, 6),
    ("v_fetch", _dog_film, 6),
)
