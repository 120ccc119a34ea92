"""The things claims are checked about: COCO's 80 categories and more, what people call them, and their kinds.

A row is `name [< kinds it belongs to]: other words`. Plurals are derived, or written as `word/plural`. Words that name
too many things (glass, light, ball of what) are left out: what is not known here is never judged.
"""

from app.pipeline.grounding.words import split_words

_TABLE = """
person/people: persons/persons, human, individual, pedestrian, someone, somebody, passerby/passersby, \
bystander, onlooker
man/men < person: guy, gentleman/gentlemen, male
woman/women < person: lady, female
child/children < person: kid, toddler, baby, infant
boy < child, man:
girl < child, woman:
worker < person: workman/workmen, employee
crowd < person: audience, team, family, gathering
role < person: player, batter, pitcher, catcher, umpire, skateboarder, surfer, skier, snowboarder, skater, \
cyclist, biker, rider, driver, athlete, dancer, officer, chef, passenger, shopper, performer, gymnast, boxer, \
swimmer, singer, teacher
vehicle:
bike < vehicle:
bicycle < bike: tricycle
motorcycle < bike: motorbike, scooter, moped
car < vehicle: automobile, sedan, suv, taxi, cab, coupe, hatchback, jeep
van < car: minivan
truck < vehicle: pickup, pickup truck, pick up truck, lorry, semi truck
bus/buses < vehicle: school bus, double decker bus
train < vehicle: locomotive, tram, subway train
airplane < vehicle: plane, aeroplane, aircraft/aircraft, jet, jetliner, airliner
boat < vehicle: ship, canoe, kayak, sailboat, yacht, ferry, raft
traffic light: stoplight, traffic signal
fire hydrant: hydrant
stop sign:
parking meter:
bench/benches:
animal: creature
bird < animal: seagull, gull, pigeon, duck, goose/geese, parrot, swan, owl, crow, eagle, sparrow, rooster, hen
cat < animal: kitten, kitty, feline, tabby
dog < animal: puppy, pup, canine, husky, poodle, terrier, labrador, bulldog, hound
horse < animal: pony, foal, stallion, mare
sheep/sheep < animal: lamb, ram, ewe
cow < animal: cattle/cattle, bull, ox/oxen
elephant < animal:
bear < animal: grizzly, polar bear, cub
zebra < animal:
giraffe < animal:
backpack: rucksack, knapsack
umbrella: parasol
handbag: purse
tie: necktie, bow tie
suitcase: luggage/luggage
frisbee:
skis/skis: ski
snowboard:
sports ball: soccer ball, tennis ball, baseball, basketball, football, volleyball
kite:
baseball bat:
baseball glove: mitt
skateboard:
surfboard: surf board
tennis racket: racket, racquet, tennis racquet
bottle:
wine glass/wine glasses: wineglass
cup: mug, teacup
fork:
knife/knives:
spoon:
bowl:
food:
fruit < food:
banana < fruit:
apple < fruit:
sandwich/sandwiches < food: burger, hamburger
orange < fruit:
broccoli/broccoli < food:
carrot < food:
hot dog < food: hotdog
pizza < food:
donut < food: doughnut
cake < food: cupcake
furniture:
chair < furniture: armchair, stool
couch/couches < furniture: sofa, loveseat
potted plant: houseplant
bed < furniture:
dining table < furniture: table, desk
toilet:
tv: television, tv set, television set
laptop: laptop computer
mouse: computer mouse
remote: remote control
keyboard:
cell phone: cellphone, smartphone, mobile phone, phone
microwave: microwave oven
oven: stove
toaster:
sink: washbasin
refrigerator: fridge
book:
clock:
vase:
scissors/scissors: pair of scissors
teddy bear: stuffed bear
hair drier: hair dryer, hairdryer, blow dryer
toothbrush/toothbrushes:
shadow:
cart: shopping cart, trolley
bag: grocery bag, trash bag
shirt: tshirt, t shirt, blouse
jacket: coat
pants/pants: trousers
hat: cap
cone: traffic cone
tree:
sign: street sign
building: house
door:
gate:
box/boxes: crate
fence:
trash can: garbage can, dumpster, trash bin
pole: post, lamppost, light pole
helmet:
dress/dresses:
suit:
sweater: hoodie, sweatshirt
shoe: sneaker, boot
glove:
shorts/shorts:
jeans/jeans:
uniform:
swimsuit: bikini
guitar:
drum:
rope:
ladder:
camera:
"""

_CONFUSABLE = """
car truck bus van train vehicle
chair couch bench bed
cup bowl bottle vase
wine glass cup bottle
cake donut sandwich pizza hot dog
sheep cow horse
backpack handbag suitcase bag
tv laptop
laptop keyboard
skis snowboard skateboard surfboard
knife fork spoon
apple orange
broccoli carrot
microwave oven toaster
frisbee kite sports ball
teddy bear bear
boat surfboard
cell phone remote
"""

COMPOUND_HEADS = split_words(
    "park parks lot stop stops station stations driver drivers lane lanes track tracks ride rides race races "
    "racing food bowl bowls house houses bed beds collar leash show shop store stores court courts field fields "
    "game games match seat seats door doors window windows wheel wheels tire tires lights light legs leg stand "
    "rack racks market hole holder cover case counter top tops floor shirt shirts skin print prints toy toys box "
    "boxes rider riders player players head heads face faces tail board boards meter meters cloth tablecloth "
    "towel tray trays slope slopes resort lift pole poles path trail bridge platform yard car cars table tables "
    "tree trees handle handles racket net costume s wash engine dealership mat litter carrier walker walkers "
    "owner owners trainer sculpture statue statues painting paintings drawing drawings picture pictures photo "
    "photos design logo sticker enclosure exhibit pen stall barn trailer crossing battery cream sauce juice pie "
    "eye slice crust pan shop sauce hood salad soup bread cutter holders frame frames room rooms"
)
"""A noun before one of these says what kind of thing it is, and is no thing of its own: "bus stop", "dog bowl"."""

COCO = split_words(
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
    "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,"
    "handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,"
    "surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,"
    "broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,"
    "mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,"
    "teddy bear,hair drier,toothbrush",
    ",",
)
"""The categories of COCO's instance boxes; in a file that has boxes, what none of these names is not in the image."""

UNRELIABLE = split_words(
    "dining table,chair,book,bottle,cup,bowl,potted plant,tie,handbag,sink,clock,vase,knife,fork,spoon,"
    "mouse,keyboard,sports ball,bench,remote,cell phone,oven,tv,bed,backpack,boat,person,baseball bat,"
    "baseball glove,orange",
    ",",
)
"""Categories that boxes leave out too often, or whose names mean other things as well: never judged to be absent."""

UNCOUNTED = split_words("luggage scissors skis pants trousers shorts jeans ski")
"""Words that come in pairs or lumps: a number before them counts nothing that boxes count."""


def _pluralise(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def _read_table() -> tuple[dict[str, tuple[str, bool]], dict[str, frozenset[str]]]:
    """Every word with its noun and whether it is a plural; every noun with all kinds it belongs to."""
    forms: dict[str, tuple[str, bool]] = {}
    parents: dict[str, list[str]] = {}
    for row in _TABLE.strip().splitlines():
        head, _, others = row.partition(":")
        entry, _, kinds = head.partition("<")
        words = [entry.strip(), *(word.strip() for word in others.split(",") if word.strip())]
        name = words[0].partition("/")[0]
        parents[name] = [kind.strip() for kind in kinds.split(",") if kind.strip()]
        for word in words:
            one, _, many = word.partition("/")
            forms.setdefault(many or _pluralise(one), (name, True))
            forms.setdefault(one, (name, False))
    return forms, {name: _climb(name, parents) for name in parents}


def _climb(name: str, parents: dict[str, list[str]]) -> frozenset[str]:
    found: set[str] = set()
    rest = list(parents[name])
    while rest:
        kind = rest.pop()
        found.add(kind)
        rest += parents[kind]
    return frozenset(found)


FORMS, KINDS = _read_table()
"""FORMS: word to (noun, whether it is plural). KINDS: noun to all kinds it belongs to."""

PHRASES: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
"""Nouns of several words by their first word: (all words, noun, whether plural), the longest first."""
for _form, (_noun, _plural) in sorted(FORMS.items(), key=lambda entry: -len(entry[0].split())):
    if " " in _form:
        _words = tuple(_form.split())
        PHRASES.setdefault(_words[0], []).append((_words, _noun, _plural))

_GROUPS: list[frozenset[str]] = []
for _line in _CONFUSABLE.strip().splitlines():
    _rest = _line
    _names: set[str] = set()
    for _name in sorted(KINDS, key=len, reverse=True):
        if f" {_name} " in f" {_rest} ":
            _names.add(_name)
            _rest = f" {_rest} ".replace(f" {_name} ", " ").strip()
    _GROUPS.append(frozenset(_names))


def are_related(one: str, other: str) -> bool:
    """Whether one noun is, or is a kind of, the other."""
    return one == other or other in KINDS[one] or one in KINDS[other]


def is_a(noun: str, kind: str) -> bool:
    """Whether the noun is that kind, or a kind of it."""
    return noun == kind or kind in KINDS[noun]


def are_confusable(one: str, other: str) -> bool:
    """Whether people who look at one thing may call it either; a noun is confusable with its relatives."""
    return are_related(one, other) or any(one in group and other in group for group in _GROUPS)
