"""Sentences in eight languages from which the loopback endpoint makes its replies."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """Questions and answers with a slot for a thing; a tail carries the numbers of the source."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    things: tuple[str, ...]
    tail: str


THINGS = (
    "bicycle",
    "wooden chair",
    "delivery van",
    "market stall",
    "garden gate",
    "street lamp",
    "fishing boat",
    "kitchen table",
    "stone bridge",
    "green umbrella",
    "leather suitcase",
    "brass trumpet",
    "kite",
    "snowboard",
    "ladder",
    "picnic basket",
)
COLOURS = ("red", "blue", "yellow", "grey", "white", "black", "orange", "brown", "purple", "silver")
PLACES = (
    "the entrance",
    "the parking lot",
    "the river bank",
    "the bus stop",
    "the old wall",
    "the left edge",
    "the tall tree",
    "the crossing",
    "the shop window",
    "the fountain",
    "the playground",
    "the stairs",
)
QUESTIONS = (
    "What stands next to the only {colour} {thing} with the label {number}?",
    "How did the other {colour} {thing} with the label {number} end up near {place}?",
    "Why might somebody move the first {colour} {thing} with the label {number} away from {place}?",
    "Who could be using the second {colour} {thing} with the label {number} at this hour?",
    "Is the {colour} {thing} with the label {number} closer to {place} than before?",
    "What would change if the {colour} {thing} with the label {number} were taken away?",
    "Where does the other {colour} {thing} with the label {number} belong after the work is done?",
)
ANSWERS = (
    "The {thing} stands about {number} centimetres from {place}, so people can still walk past it easily.",
    "Two people carried the {thing} there earlier, and they left it {number} centimetres away from {place}.",
    "It blocks the way to {place}; moving the {thing} by {number} centimetres would make the path safe again.",
    "Probably one of the visitors, because the {thing} was placed {number} centimetres from {place} this morning.",
    "Yes, the {thing} is now {number} centimetres from {place}, while it used to be much further off.",
    "The area around {place} would look empty, since the {thing} takes up {number} centimetres of that space.",
    "It belongs beside {place}, and the marks on the ground show a gap of {number} centimetres for the {thing}.",
)
SUITS = (
    "Why does this room suit somebody who looks after the {thing} with the label {number}?",
    "There is free floor of {number} centimetres near {place}, so the {thing} can be moved and reached from all sides.",
)

TRANSLATED: dict[str, Phrases] = {
    "zh": Phrases(
        (
            "那个{thing}旁边放着什么东西？",
            "为什么有人把{thing}搬到了这里？",
            "早上是谁在使用这个{thing}？",
            "如果没有{thing}，这个地方会怎么样？",
            "这个{thing}现在离门口更近了吗？",
            "工作结束以后，{thing}应该放在哪里？",
        ),
        (
            "{thing}放在墙边，人们仍然可以轻松地从旁边走过去。",
            "两个人先前把{thing}抬到那里，然后就离开了。",
            "它挡住了道路，所以把{thing}移开会更加安全。",
            "大概是一位游客，因为{thing}今天早上才出现在这里。",
            "是的，{thing}现在比以前更靠近大门。",
            "那里会显得很空，因为{thing}占了不少地方。",
        ),
        ("自行车", "木椅子", "路灯", "小船", "桌子", "雨伞", "箱子", "梯子"),
        "（{numbers}）",
    ),
    "ja": Phrases(
        (
            "その{thing}のとなりには何がありますか？",
            "どうして誰かが{thing}をここへ運んだのですか？",
            "朝、この{thing}を使っていたのは誰ですか？",
            "もし{thing}がなかったら、この場所はどうなりますか？",
            "{thing}は前よりも入り口に近くなりましたか？",
            "仕事が終わったら、{thing}はどこに置けばよいですか？",
        ),
        (
            "{thing}は壁のそばに置かれているので、人々は楽に通ることができます。",
            "二人の人が先に{thing}をそこまで運んで、そのまま立ち去りました。",
            "道をふさいでいるので、{thing}を動かしたほうが安全です。",
            "おそらく観光客でしょう。{thing}は今朝ここに置かれたばかりです。",
            "はい、{thing}は以前より門の近くにあります。",
            "{thing}が場所を取っているので、なくなるととても広く見えるでしょう。",
        ),
        ("自転車", "木のいす", "街灯", "小さな船", "テーブル", "かさ", "かばん", "はしご"),
        "（{numbers}）",
    ),
    "es": Phrases(
        (
            "¿Qué se puede encontrar justo al lado de {thing} en este momento?",
            "¿Por qué motivo alguien llevó {thing} hasta este lugar?",
            "¿Qué persona estaba usando {thing} durante toda la mañana?",
            "¿Qué pasaría en este sitio si ya no estuviera aquí {thing}?",
            "¿Está ahora {thing} bastante más cerca de la puerta que antes?",
            "¿Dónde se debe guardar {thing} cuando termine el trabajo?",
        ),
        (
            "Junto a la pared se encuentra {thing}, así que la gente todavía puede pasar con facilidad.",
            "Dos personas trajeron {thing} hace un rato y después se marcharon.",
            "Estorba el camino, por eso sería más seguro mover {thing} hacia un lado.",
            "Seguramente un visitante, porque {thing} apareció aquí esta mañana.",
            "Sí, ahora {thing} queda mucho más cerca de la entrada.",
            "El lugar parecería vacío, ya que {thing} ocupa bastante espacio.",
        ),
        ("la bicicleta", "la silla de madera", "la farola", "el barco", "la mesa", "el paraguas", "la maleta"),
        " ({numbers})",
    ),
    "de": Phrases(
        (
            "Was steht in diesem Augenblick direkt neben {thing}?",
            "Warum hat jemand etwas mit {thing} hierher gebracht?",
            "Welche Person hat sich am Morgen mit {thing} beschäftigt?",
            "Wie würde dieser Ort ohne die Nähe zu {thing} aussehen?",
            "Ist der Abstand zwischen {thing} und der Tür jetzt kleiner als vorher?",
            "Wohin gehört das Werkzeug neben {thing} nach der Arbeit?",
        ),
        (
            "Neben {thing} ist noch genug Platz, sodass die Leute leicht vorbeigehen können.",
            "Zwei Personen sind vorhin mit {thing} gekommen und danach wieder gegangen.",
            "Der Weg bei {thing} ist versperrt, deshalb wäre es sicherer, dort aufzuräumen.",
            "Wahrscheinlich ein Besucher, denn bei {thing} war gestern noch niemand zu sehen.",
            "Ja, der Abstand zu {thing} ist inzwischen deutlich kleiner geworden.",
            "Die Stelle bei {thing} würde ziemlich leer wirken, weil dort sonst nichts steht.",
        ),
        ("dem Fahrrad", "dem Holzstuhl", "der Laterne", "dem Boot", "dem Tisch", "dem Regenschirm", "der Leiter"),
        " ({numbers})",
    ),
    "fr": Phrases(
        (
            "Qu'est-ce qui se trouve en ce moment juste à côté de {thing} ?",
            "Pourquoi quelqu'un a-t-il apporté {thing} jusqu'ici ?",
            "Quelle personne utilisait {thing} pendant toute la matinée ?",
            "À quoi est-ce que cet endroit ressemblerait sans {thing} ?",
            "Est-ce que {thing} est maintenant plus près de la porte ?",
            "Où faut-il ranger {thing} une fois le travail terminé ?",
        ),
        (
            "On voit {thing} contre le mur, donc les gens peuvent encore passer facilement.",
            "Deux personnes ont apporté {thing} tout à l'heure, puis elles sont parties.",
            "Le passage est bloqué, il serait donc plus sûr de déplacer {thing}.",
            "Sans doute un visiteur, car {thing} est ici seulement depuis ce matin.",
            "Oui, {thing} est désormais beaucoup plus près de l'entrée.",
            "L'endroit semblerait vide, parce que {thing} prend beaucoup de place.",
        ),
        ("la bicyclette", "la chaise en bois", "le lampadaire", "le bateau", "la table", "le parapluie", "la valise"),
        " ({numbers})",
    ),
    "ko": Phrases(
        (
            "그 {thing} 옆에는 무엇이 있습니까?",
            "왜 누군가가 {thing} 하나를 이곳으로 옮겼습니까?",
            "아침에 이 {thing} 가까이에 있던 사람은 누구입니까?",
            "만약 {thing} 하나가 없다면 이 장소는 어떻게 보일까요?",
            "이 {thing} 위치가 전보다 문에 더 가까워졌습니까?",
            "일이 끝난 뒤에 {thing} 자리는 어디가 좋습니까?",
        ),
        (
            "벽 가까이에 {thing} 하나가 놓여 있어서 사람들이 편하게 지나갈 수 있습니다.",
            "두 사람이 조금 전에 {thing} 하나를 옮겨 놓고 떠났습니다.",
            "길을 막고 있기 때문에 {thing} 위치를 바꾸는 것이 더 안전합니다.",
            "아마 방문객일 것입니다. 그 {thing} 역시 오늘 아침에 나타났습니다.",
            "네, {thing} 위치는 예전보다 입구에 훨씬 가깝습니다.",
            "그 {thing} 하나가 자리를 많이 차지해서, 없으면 아주 넓어 보일 것입니다.",
        ),
        ("자전거", "나무 의자", "가로등", "작은 배", "책상", "우산", "가방", "사다리"),
        " ({numbers})",
    ),
    "ar": Phrases(
        (
            "ما الذي يوجد بجانب {thing}؟",
            "لماذا نقل شخص ما {thing} إلى هذا المكان؟",
            "من كان يستخدم {thing} في الصباح؟",
            "كيف سيبدو هذا المكان من دون {thing}؟",
            "هل أصبح {thing} أقرب إلى الباب من قبل؟",
            "أين يجب أن نضع {thing} بعد انتهاء العمل؟",
        ),
        (
            "يقف {thing} قرب الجدار، لذلك يستطيع الناس المرور بسهولة.",
            "أحضر رجلان {thing} قبل قليل ثم غادرا المكان.",
            "إنه يسد الطريق، ولهذا فإن نقل {thing} سيكون أكثر أمانًا.",
            "ربما أحد الزوار، لأن {thing} ظهر هنا هذا الصباح.",
            "نعم، أصبح {thing} الآن أقرب بكثير إلى المدخل.",
            "سيبدو المكان فارغًا، لأن {thing} يشغل مساحة كبيرة.",
        ),
        ("الكرسي الخشبي", "المصباح", "القارب", "المقعد", "السلم", "الصندوق", "الباب الحديدي"),
        " ({numbers})",
    ),
    "pt-BR": Phrases(
        (
            "O que se encontra bem ao lado de {thing} neste momento?",
            "Por que alguém trouxe {thing} até este lugar?",
            "Que pessoa estava usando {thing} durante toda a manhã?",
            "Como ficaria este lugar se {thing} não estivesse mais aqui?",
            "Será que {thing} está agora bem mais perto da porta?",
            "Onde se deve guardar {thing} quando o trabalho terminar?",
        ),
        (
            "Junto à parede está {thing}, então as pessoas ainda conseguem passar com facilidade.",
            "Duas pessoas trouxeram {thing} há pouco e depois foram embora.",
            "Está atrapalhando o caminho, por isso seria mais seguro mover {thing} para o lado.",
            "Provavelmente um visitante, porque {thing} apareceu aqui hoje de manhã.",
            "Sim, agora {thing} fica muito mais perto da entrada.",
            "O lugar pareceria vazio, já que {thing} ocupa bastante espaço.",
        ),
        ("a bicicleta", "a cadeira de madeira", "o poste de luz", "o barco", "a mesa", "o guarda-chuva", "a mala"),
        " ({numbers})",
    ),
}
