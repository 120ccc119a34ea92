"""The in-context examples of the translator: together they show all seven languages once."""

from app.pipeline.values import Pair

_EXAMPLE_PAIR = Pair(
    "Why might the cyclist have stopped at the corner?",
    "She is looking at a map on her phone, so she has probably lost her way. "
    "The two bags on her bike suggest a long trip.",
)
_EXAMPLE_TRANSLATIONS = {
    "zh": Pair(
        "骑自行车的人为什么会在街角停下来？",
        "她正在看手机上的地图，所以很可能是迷路了。自行车上的两个包说明这是一次长途旅行。",
    ),
    "es": Pair(
        "¿Por qué se habrá detenido la ciclista en la esquina?",
        "Está mirando un mapa en el móvil, así que probablemente se ha perdido. "
        "Las dos bolsas que lleva en la bicicleta hacen pensar en un viaje largo.",
    ),
    "ko": Pair(
        "자전거를 탄 사람은 왜 모퉁이에서 멈췄을까요?",
        "휴대전화로 지도를 보고 있으니 아마 길을 잃은 것 같아요. 자전거에 실린 가방 두 개를 보면 긴 여행 중인 듯해요.",
    ),
}
_SECOND_PAIR = Pair("How many cups are on the table?", "There are 3 cups, and one of them is empty.")
_SECOND_TRANSLATIONS = {
    "ja": Pair("テーブルの上にカップはいくつありますか。", "カップは3つあり、そのうち1つは空です。"),
    "de": Pair("Wie viele Tassen stehen auf dem Tisch?", "Es stehen 3 Tassen da, und eine davon ist leer."),
    "fr": Pair("Combien de tasses y a-t-il sur la table ?", "Il y a 3 tasses, et l'une d'elles est vide."),
    "ar": Pair("كم عدد الأكواب على الطاولة؟", "توجد 3 أكواب، وأحدها فارغ."),
}

EXAMPLES: tuple[tuple[Pair, dict[str, Pair]], ...] = (
    (_EXAMPLE_PAIR, _EXAMPLE_TRANSLATIONS),
    (_SECOND_PAIR, _SECOND_TRANSLATIONS),
)
"""An English pair and its translations by language code."""
