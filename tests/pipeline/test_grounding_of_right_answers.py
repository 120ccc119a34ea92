"""Precision: answers that are right, in words models use, and the checks of grounding that must let them pass."""

import pytest

from app.pipeline.grounding import Standing, ground_pairs
from app.pipeline.values import Pair

HORSE = """A man riding a brown horse on a beach.
A man in an orange vest rides past a dog.
person: [0.3, 0.2, 0.2, 0.5]
horse: [0.3, 0.4, 0.3, 0.5]
dog: [0.7, 0.7, 0.1, 0.1]"""
CAT = """An orange cat sits on a laptop next to a window.
A cat on a desk.
cat: [0.1, 0.5, 0.2, 0.2]
laptop: [0.05, 0.6, 0.4, 0.3]"""
BALL = """A tennis player swings at a ball.
A man playing tennis on a court.
person: [0.1, 0.2, 0.2, 0.6]
tennis racket: [0.25, 0.3, 0.1, 0.1]
sports ball: [0.4, 0.3, 0.02, 0.02]"""
DIFFERENCES = """the two people near the gate are gone
the black car in the upper left corner has moved
there is now a white van next to the tree on the right"""
MOTIONS = """the car on the left turned right
the group by the fence left
the person in red shirt is walking to the left"""
DIVING = (
    "timestamps: [[0, 10], [12, 30], [31, 60]]\n"
    'sentences: ["A girl walks onto the diving board with her coach.", "She jumps once and dives into the pool.", '
    '"She climbs out and waves to her mother."]'
)
BARBER = (
    "timestamps: [[0, 20], [15, 40], [38, 60]]\n"
    'sentences: ["A barber cuts the hair of his customer.", "The man looks into the mirror and smiles.", '
    '"He pays the barber and leaves the shop."]'
)
SERIES = "1. Penny moves closer to Sheldon.\n2. Leonard has left the couch."
RIGHT = [
    (HORSE, "Is anyone else in the picture?", "No, there are no other people in the image."),
    (HORSE, "Are there any other people in the image?", "No."),
    (HORSE, "Is there another person in the image?", "No, he is alone."),
    (HORSE, "Are there any other animals?", "Yes, there is a dog."),
    (HORSE, "Is there another dog in the image?", "No."),
    (HORSE, "Are there other horses?", "There are no other horses in the picture."),
    (HORSE, "What is the view?", "The scene is shown from a bird's-eye view."),
    (HORSE, "What is the man wearing?", "The man is wearing an orange safety vest."),
    (HORSE, "What color is the vest?", "It is a bright orange."),
    (HORSE, "What can be said about him?", "His vest is bright orange, and his hair is jet black."),
    (HORSE, "Where is his tattoo?", "He has a tattoo on his calf."),
    (HORSE, "Are horses tall?", "Horses are four-legged animals."),
    (HORSE, "Where is the dog?", "The dog is on the right, some way from the horse."),
    (HORSE, "What about the cars?", "There are no parked cars, and no red cars either."),
    (CAT, "What color is the cat's fur?", "The cat's fur is bright orange."),
    (CAT, "What color is the cat?", "Orange."),
    (CAT, "Where is the cat?", "The cat is sitting on top of the laptop, near a window."),
    (CAT, "Is there a computer?", "Yes, a laptop lies on the desk under the cat."),
    (CAT, "What makes the cat's place warm?", "Sunlight falls through the window onto the laptop."),
    (
        BALL,
        "Where does he hold the racket?",
        "He holds the racket in the right hand at the right moment to hit the ball.",
    ),
    (BALL, "Does he hit it well?", "He swings the racket at the right time and with the left foot forward."),
    (BALL, "How many balls are there?", "There is one ball."),
    (BALL, "What is he doing?", "The player is in the right position to return the ball."),
    (DIFFERENCES, "What about the group?", "The group standing near the gate is gone in the second image."),
    (DIFFERENCES, "What about the figures?", "The two figures by the gate have disappeared."),
    (DIFFERENCES, "What about the couple?", "The couple next to the gate has left."),
    (DIFFERENCES, "What has appeared?", "A white van has appeared next to the tree."),
    (
        DIFFERENCES,
        "What has appeared?",
        "In the second image, there is a white van next to the tree that was not in the first image.",
    ),
    (DIFFERENCES, "Is the car still there?", "Yes, but the black car has moved from the upper left corner."),
    (
        DIFFERENCES,
        "Which image has people?",
        "The first image has two people near the gate, while the second image does not.",
    ),
    (DIFFERENCES, "What is missing near the gate?", "Near the gate, two people are missing in the second image."),
    (DIFFERENCES, "What object is new?", "The vehicle next to the tree on the right is new; it is a white van."),
    (DIFFERENCES, "What happened by the tree?", "Something by the tree has changed: a white van is there now."),
    (DIFFERENCES, "Is the red car still there?", "Yes, the red car is parked where it was."),
    (DIFFERENCES, "Is the yellow truck still there?", "Yes, the yellow truck has not moved, and the gray bus is new."),
    (MOTIONS, "What did the car do?", "The car on the left side has turned to the right."),
    (MOTIONS, "Where is the car?", "The car is on the left."),
    (MOTIONS, "What is gone?", "The people standing beside the fence have left."),
    (MOTIONS, "Who walks?", "The person on the right in the red shirt walks to the left."),
    (MOTIONS, "What happened at the fence?", "The group next to the fence has disappeared."),
    (DIVING, "Where does the girl stand?", "She stands at the end of the diving board with her coach."),
    (DIVING, "How many people are on the board?", "There are two people on the diving board."),
    (DIVING, "How many people are seen?", "Two people."),
    (DIVING, "What does she do?", "She jumps once and then dives into the pool."),
    (DIVING, "What does she do after diving?", "After she dives into the pool, she climbs out and waves."),
    (DIVING, "When does she jump?", "In the second scene, she jumps and dives into the pool."),
    (DIVING, "Where does she walk?", "The girl walks to the start of the diving board with the coach."),
    (DIVING, "What happens before she waves to her mother?", "She climbs out of the pool."),
    (BARBER, "How many people are in the shop?", "There are two people in the video."),
    (BARBER, "Who is there?", "There are two men in the video, a barber and his customer."),
    (
        BARBER,
        "What does the man do once his hair is cut?",
        "He looks into the mirror, smiles, and pays the barber before leaving the shop.",
    ),
    (BARBER, "What happens in the end?", "At the end, he pays the barber and leaves the shop."),
    (BARBER, "What does the man do?", "He stands before the mirror and smiles after the haircut."),
    (SERIES, "What does the female character do?", "The female character moves closer to the man."),
    (SERIES, "What did the man do?", "The man has left the couch, and the woman turned to the door."),
    (SERIES, "Who is gone?", "The man is gone from the couch."),
]
KITCHEN = """A kitchen with a stove, a refrigerator and a wooden table.
Two women are preparing food at a counter.
A bowl of oranges sits on the table.
person: [0.1, 0.2, 0.15, 0.6]
person: [0.3, 0.2, 0.15, 0.6]
refrigerator: [0.8, 0.1, 0.18, 0.8]
oven: [0.55, 0.4, 0.2, 0.4]
bowl: [0.45, 0.6, 0.1, 0.08]
orange: [0.46, 0.58, 0.03, 0.03]
orange: [0.5, 0.58, 0.03, 0.03]"""
STREET = """the white van on the right side has moved forward
there is a man in a black jacket near the entrance now
the three people by the blue car are gone"""
STAGE = (
    "timestamps: [[0, 15], [15, 40], [35, 70], [70, 90]]\n"
    'sentences: ["A man in a red shirt stands on a stage holding a guitar.", "He begins to play the guitar and sing.", '
    '"The audience claps and cheers while he plays.", "He bows and walks off the stage."]'
)
AFTERWARDS = [  # written when what the others showed was mended; none was ever called wrong
    (
        KITCHEN,
        "What are the women doing?",
        "The two women are preparing food at the counter, probably cooking a meal together.",
    ),
    (KITCHEN, "Where is the refrigerator?", "The refrigerator stands on the right side of the kitchen."),
    (KITCHEN, "Is there any fruit?", "Yes, there is a bowl of oranges on the table."),
    (KITCHEN, "How many oranges?", "There are at least two oranges in the bowl."),
    (KITCHEN, "Are there any children in the picture?", "No, there are no children."),
    (KITCHEN, "Are there any men?", "No, only two women can be seen."),
    (KITCHEN, "What's on the left?", "On the left, two women stand next to each other."),
    (KITCHEN, "Is the oven left of the refrigerator?", "Yes, the oven is to the left of the refrigerator."),
    (
        KITCHEN,
        "Where is the bowl?",
        "The bowl sits on the table, below the counter's edge and to the left of the stove.",
    ),
    (KITCHEN, "Is there a microwave?", "No, there isn't a microwave visible in the image."),
    (KITCHEN, "Which is larger?", "The refrigerator appears larger than the bowl."),
    (KITCHEN, "What may they need?", "They might use a knife and a cutting board, or a microwave if there is one."),
    (KITCHEN, "Who is in the kitchen?", "There are two people in the kitchen, both women."),
    (KITCHEN, "How many women are there?", "Two women."),
    (
        KITCHEN,
        "What is next to the women?",
        "There is a wooden table with oranges; no dogs or cats are in the kitchen.",
    ),
    (
        KITCHEN,
        "Describe it",
        "Two women stand side by side, with one woman slightly closer to the stove than the other woman.",
    ),
    (KITCHEN, "Is the kitchen warm?", "It seems so: the walls are painted a warm orange and the light is yellow."),
    (STREET, "What moved?", "The white van on the right moved forward between the two images."),
    (STREET, "What about the man?", "A man wearing a black jacket has appeared near the entrance."),
    (STREET, "What about the people?", "The group of three people by the blue car is no longer there."),
    (
        STREET,
        "Is the blue car still there?",
        "Yes, the blue car is still parked, although the people next to it have left.",
    ),
    (
        STREET,
        "Name a difference.",
        "In the first image there are three people by the blue car, but in the second image they are gone.",
    ),
    (
        STREET,
        "Name a difference.",
        "One difference is the man near the entrance, who only appears in the second image.",
    ),
    (STREET, "How many differences?", "There are three differences: the van, the man, and the people."),
    (STREET, "Who left?", "Three people who had been standing beside the car."),
    (STREET, "Is the van gone?", "No, the van is not gone; it has only moved forward."),
    (STREET, "Where is the man?", "He is near the entrance, which was empty in the first picture."),
    (STREET, "How many people are in the first image?", "At least three people are near the blue car."),
    (STREET, "What did the driver do?", "The driver of the white van has driven it forward."),
    (STREET, "Did a car disappear?", "No, no car has disappeared; only people left."),
    (STREET, "What else?", "Apart from the white van, no vehicle has moved."),
    (STAGE, "What does he do first?", "He first stands on the stage with a guitar, then he begins to play and sing."),
    (STAGE, "How does the audience react?", "The audience claps and cheers while the man plays."),
    (STAGE, "What happens at the end?", "At the end of the video, he bows and walks off the stage."),
    (STAGE, "What color is his shirt?", "Red."),
    (STAGE, "How many guitars?", "He holds one guitar."),
    (STAGE, "What happens after he starts playing?", "The audience claps and cheers."),
    (STAGE, "What happens before he walks off?", "He bows to the audience after he has played the guitar."),
    (STAGE, "Where does he stand?", "He stands at the front of the stage, before an audience."),
    (STAGE, "What does he do by the end?", "By the end, the man has played the guitar, bowed, and left the stage."),
    (STAGE, "When does he sing?", "He sings after he begins to play, early in the performance and again later."),
    (
        STAGE,
        "Does the video begin with music?",
        "The video begins with a man holding a guitar on a stage; the music starts shortly after.",
    ),
]
AGREEING = [
    (
        DIFFERENCES,
        [
            ("How many people are in the first image?", "There are two people."),
            ("How many people are in the second image?", "There are three people."),
        ],
    ),
    (
        DIVING,
        [
            ("How many people are there at the start?", "There are two people."),
            ("How many people are there at the end?", "There are three people."),
        ],
    ),
    (
        "image a:\nA dog.\ndog: [0,0,9,9]\nimage b:\nDogs.\ndog: [0,0,9,9]\ndog: [20,0,9,9]",
        [
            ("How many dogs are in image A?", "There is one dog."),
            ("How many dogs are in image B?", "There are two dogs."),
        ],
    ),
    (
        HORSE,
        [("Does the dog follow the horse?", "Yes."), ("Does the horse follow the dog?", "No, it walks ahead of it.")],
    ),
    (HORSE, [("Is the man on the horse?", "Yes, he is."), ("Is the man in front of the horse?", "No.")]),
    (HORSE, [("Is the bird in the cage?", "No, it is outside."), ("Is the bird on the cage?", "Yes.")]),
    (HORSE, [("What color is the man's hat?", "It is white."), ("What color is the man's shirt?", "It is black.")]),
    (HORSE, [("Are the two riders wearing helmets?", "Yes."), ("Is the rider wearing a helmet?", "Yes, a red one.")]),
    (
        "a street",
        [
            ("How many cars are on the left?", "There are two cars."),
            ("How many cars are on the right?", "There are four cars."),
        ],
    ),
    (
        "a street",
        [
            ("What do you see on the left?", "There are two cars."),
            ("What do you see on the right?", "There are four cars."),
        ],
    ),
]

WRONG = [
    (HORSE, "Is anyone else there?", "There are no people in the image."),
    (HORSE, "Are there any dogs in the image?", "No."),
    (HORSE, "What is there?", "There is a jet in the picture."),
    (CAT, "What color is the cat?", "The cat is bright green."),
    (HORSE, "Where is the dog?", "The dog is on the left side of the horse."),
    (DIFFERENCES, "What has changed?", "Three people near the gate are gone."),
    (DIFFERENCES, "What has changed?", "A dog has vanished from the second picture."),
    (DIVING, "When does she dive?", "At the end of the video, she walks onto the diving board with her coach."),
    (DIVING, "What does she do?", "Once she climbs out and waves to her mother, she jumps and dives into the pool."),
]


@pytest.mark.parametrize(("annotation", "question", "response"), RIGHT + AFTERWARDS)
def test_a_right_answer_is_not_contradicted(annotation: str, question: str, response: str) -> None:
    (verdicts,) = ground_pairs(annotation, [Pair(question, response)])
    assert [v for v in verdicts if v.standing is Standing.CONTRADICTED] == []


@pytest.mark.parametrize(("annotation", "pairs"), AGREEING)
def test_answers_to_different_questions_do_not_contradict_each_other(
    annotation: str, pairs: list[tuple[str, str]]
) -> None:
    found = ground_pairs(annotation, [Pair(*pair) for pair in pairs])
    assert [v for verdicts in found for v in verdicts if v.standing is Standing.CONTRADICTED] == []


@pytest.mark.parametrize(("annotation", "question", "response"), WRONG)
def test_a_wrong_answer_in_such_words_still_is(annotation: str, question: str, response: str) -> None:
    (verdicts,) = ground_pairs(annotation, [Pair(question, response)])
    assert [v for v in verdicts if v.standing is Standing.CONTRADICTED]
