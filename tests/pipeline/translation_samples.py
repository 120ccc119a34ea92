"""Pairs with correct translations into all seven languages: none of them may ever be refused."""

# ruff: noqa: E501 - a translation stands on one line, and wide letters count twice

from app.pipeline.values import Pair

SAMPLES: dict[Pair, dict[str, Pair]] = {
    Pair("What is the dog doing on the lawn?", "The dog is lying on the grass next to a red ball."): {
        "zh": Pair("狗在草坪上做什么？", "狗正躺在草地上，旁边有一个红球。"),
        "ja": Pair("犬は芝生の上で何をしていますか。", "犬は赤いボールの隣で芝生に寝そべっています。"),
        "es": Pair("¿Qué hace el perro en el césped?", "El perro está tumbado en la hierba junto a una pelota roja."),
        "de": Pair("Was macht der Hund auf dem Rasen?", "Der Hund liegt neben einem roten Ball im Gras."),
        "fr": Pair("Que fait le chien sur la pelouse ?", "Le chien est allongé dans l'herbe à côté d'un ballon rouge."),
        "ko": Pair("개가 잔디밭에서 무엇을 하고 있나요?", "개는 빨간 공 옆 잔디에 누워 있어요."),
        "ar": Pair("ماذا يفعل الكلب على العشب؟", "الكلب مستلقٍ على العشب بجانب كرة حمراء."),
    },
    Pair("How many people are there?", "Two."): {
        "zh": Pair("有几个人？", "两个。"),
        "ja": Pair("何人いますか。", "二人。"),
        "es": Pair("¿Cuántas personas hay?", "Dos."),
        "de": Pair("Wie viele Personen sind da?", "Zwei."),
        "fr": Pair("Combien de personnes y a-t-il ?", "Deux."),
        "ko": Pair("사람이 몇 명 있나요?", "두 명."),
        "ar": Pair("كم عدد الأشخاص؟", "اثنان."),
    },
    Pair("Is anything different between the two pictures?", "No."): {
        "zh": Pair("两张图片有什么不同吗？", "没有。"),
        "ja": Pair("二枚の写真に違いはありますか。", "いいえ。"),
        "es": Pair("¿Hay algo distinto entre las dos imágenes?", "No."),
        "de": Pair("Gibt es einen Unterschied zwischen den beiden Bildern?", "Nein."),
        "fr": Pair("Y a-t-il une différence entre les deux images ?", "Non."),
        "ko": Pair("두 사진에 다른 점이 있나요?", "아니요."),
        "ar": Pair("هل هناك أي فرق بين الصورتين؟", "لا."),
    },
    Pair("Where is the bicycle?", "[12, 40, 100, 80]"): {
        "zh": Pair("自行车在哪里？", "[12, 40, 100, 80]"),
        "ja": Pair("自転車はどこですか。", "[12, 40, 100, 80]"),
        "es": Pair("¿Dónde está la bicicleta?", "[12, 40, 100, 80]"),
        "de": Pair("Wo ist das Fahrrad?", "[12, 40, 100, 80]"),
        "fr": Pair("Où est le vélo ?", "[12, 40, 100, 80]"),
        "ko": Pair("자전거는 어디에 있나요?", "[12, 40, 100, 80]"),
        "ar": Pair("أين الدراجة؟", "[12, 40, 100, 80]"),
    },
    Pair("Which brand is on the van?", "Volkswagen."): {
        "zh": Pair("货车上是什么牌子？", "Volkswagen。"),
        "ja": Pair("バンにはどのブランド名がありますか。", "フォルクスワーゲンです。"),
        "es": Pair("¿Qué marca se ve en la furgoneta?", "Volkswagen."),
        "de": Pair("Welche Marke steht auf dem Transporter?", "Volkswagen."),
        "fr": Pair("Quelle est la marque de la camionnette ?", "Volkswagen."),
        "ko": Pair("승합차는 어느 브랜드인가요?", "Volkswagen."),
        "ar": Pair("ما العلامة التجارية المكتوبة على الشاحنة الصغيرة؟", "Volkswagen."),
    },
    Pair(
        "What does the sign at the gate say?",
        'It says "Keep off the grass" in white letters, and below it stands the year 1987.',
    ): {
        "zh": Pair("门口的牌子上写着什么？", "上面用白色字母写着“Keep off the grass”，下面是年份1987。"),
        "ja": Pair("門の看板には何と書いてありますか。", "白い文字で「Keep off the grass」とあり、その下に1987年と書かれています。"),
        "es": Pair(
            "¿Qué dice el cartel de la entrada?",
            "Dice «Keep off the grass» en letras blancas, y debajo figura el año 1987.",
        ),
        "de": Pair(
            "Was steht auf dem Schild am Tor?",
            "Darauf steht in weißen Buchstaben „Keep off the grass“, und darunter die Jahreszahl 1987.",
        ),
        "fr": Pair(
            "Que dit le panneau à l'entrée ?",
            "Il indique « Keep off the grass » en lettres blanches, et l'année 1987 figure en dessous.",
        ),
        "ko": Pair("문 앞 표지판에는 뭐라고 적혀 있나요?", "흰 글씨로 “Keep off the grass”라고 적혀 있고, 그 아래에 1987년이라고 쓰여 있어요."),
        "ar": Pair("ماذا تقول اللافتة عند البوابة؟", 'مكتوب عليها "Keep off the grass" بأحرف بيضاء، وتحتها العام 1987.'),
    },
    Pair(
        "Why might the man in the kitchen be in a hurry?",
        "There are several hints:\n\n1. The clock shows five to nine.\n2. He is drinking his coffee while standing.\n"
        "3. His bag is already over his shoulder.\n\nSo he is probably about to leave for work.",
    ): {
        "zh": Pair(
            "厨房里的男人为什么可能在赶时间？",
            "有几个线索：\n\n1. 时钟显示差五分九点。\n2. 他站着喝咖啡。\n3. 他的包已经背在肩上了。\n\n所以他大概正要出门上班。",
        ),
        "ja": Pair(
            "キッチンの男性はなぜ急いでいると考えられますか。",
            "いくつか手がかりがあります。\n\n1. 時計は九時五分前を指しています。\n2. 立ったままコーヒーを飲んでいます。\n"
            "3. すでに鞄を肩に掛けています。\n\nおそらく、これから仕事に出かけるところでしょう。",
        ),
        "es": Pair(
            "¿Por qué puede tener prisa el hombre de la cocina?",
            "Hay varias pistas:\n\n1. El reloj marca las nueve menos cinco.\n2. Se toma el café de pie.\n"
            "3. Ya lleva el bolso al hombro.\n\nAsí que probablemente está a punto de irse a trabajar.",
        ),
        "de": Pair(
            "Warum könnte der Mann in der Küche es eilig haben?",
            "Es gibt mehrere Hinweise:\n\n1. Die Uhr zeigt fünf vor neun.\n2. Er trinkt seinen Kaffee im Stehen.\n"
            "3. Die Tasche hängt schon über seiner Schulter.\n\nEr will also wahrscheinlich gleich zur Arbeit aufbrechen.",
        ),
        "fr": Pair(
            "Pourquoi l'homme dans la cuisine est-il peut-être pressé ?",
            "Il y a plusieurs indices :\n\n1. L'horloge indique neuf heures moins cinq.\n2. Il boit son café debout.\n"
            "3. Il porte déjà son sac à l'épaule.\n\nIl est donc sans doute sur le point de partir au travail.",
        ),
        "ko": Pair(
            "부엌에 있는 남자는 왜 서두르고 있을까요?",
            "몇 가지 단서가 있어요.\n\n1. 시계가 아홉 시 오 분 전을 가리키고 있어요.\n2. 선 채로 커피를 마시고 있어요.\n"
            "3. 가방을 이미 어깨에 메고 있어요.\n\n그래서 아마 곧 출근하려는 것 같아요.",
        ),
        "ar": Pair(
            "لماذا قد يكون الرجل في المطبخ مستعجلاً؟",
            "هناك عدة دلائل:\n\n1. تشير الساعة إلى التاسعة إلا خمس دقائق.\n2. يشرب قهوته واقفاً.\n3. حقيبته معلقة على كتفه بالفعل.\n\n"
            "لذلك فهو على الأرجح على وشك الذهاب إلى العمل.",
        ),
    },
    Pair(
        "Where did I put the scissors?",
        "You put them in the drawer on the left, right after you cut the blue tape.",
    ): {
        "zh": Pair("我把剪刀放在哪里了？", "你剪完蓝色胶带之后，就把它放进了左边的抽屉。"),
        "ja": Pair("私ははさみをどこに置きましたか。", "青いテープを切った直後に、左の引き出しに入れました。"),
        "es": Pair("¿Dónde he dejado las tijeras?", "Las guardaste en el cajón de la izquierda justo después de cortar la cinta azul."),
        "de": Pair("Wo habe ich die Schere hingelegt?", "Du hast sie in die linke Schublade gelegt, gleich nachdem du das blaue Klebeband abgeschnitten hattest."),
        "fr": Pair("Où ai-je mis les ciseaux ?", "Tu les as rangés dans le tiroir de gauche, juste après avoir coupé le ruban adhésif bleu."),
        "ko": Pair("내가 가위를 어디에 두었나요?", "파란 테이프를 자른 직후에 왼쪽 서랍에 넣었어요."),
        "ar": Pair("أين وضعتُ المقص؟", "وضعته في الدرج الأيسر مباشرة بعد أن قصصت الشريط الأزرق."),
    },
    Pair(
        "What do Anna and Ben from the BBC talk about in the studio?",
        "Anna shows Ben a new iPhone 12, and Ben asks her about the trip to New York.",
    ): {
        "zh": Pair("BBC的Anna和Ben在演播室里聊什么？", "Anna给Ben看一部新的iPhone 12，Ben问她去纽约旅行的事。"),
        "ja": Pair("BBCのアンナとベンはスタジオで何を話していますか。", "アンナはベンに新しいiPhone 12を見せ、ベンはニューヨーク旅行について尋ねています。"),
        "es": Pair("¿De qué hablan Anna y Ben, de la BBC, en el estudio?", "Anna le enseña a Ben un iPhone 12 nuevo y Ben le pregunta por el viaje a Nueva York."),
        "de": Pair("Worüber sprechen Anna und Ben von der BBC im Studio?", "Anna zeigt Ben ein neues iPhone 12, und Ben fragt sie nach der Reise nach New York."),
        "fr": Pair("De quoi parlent Anna et Ben de la BBC dans le studio ?", "Anna montre à Ben un nouvel iPhone 12, et Ben l'interroge sur son voyage à New York."),
        "ko": Pair("BBC의 Anna와 Ben은 스튜디오에서 무슨 이야기를 하나요?", "Anna는 Ben에게 새 iPhone 12를 보여 주고, Ben은 뉴욕 여행에 대해 물어봐요."),
        "ar": Pair("عمّ يتحدث Anna و Ben من BBC في الاستوديو؟", "تعرض Anna على Ben هاتف iPhone 12 جديداً، ويسألها Ben عن رحلتها إلى نيويورك."),
    },
    Pair("What colour is the door?", "Orange."): {
        "zh": Pair("门是什么颜色？", "橙色。"),
        "ja": Pair("ドアは何色ですか。", "橙色。"),
        "es": Pair("¿De qué color es la puerta?", "Naranja."),
        "de": Pair("Welche Farbe hat die Tür?", "Orange."),
        "fr": Pair("De quelle couleur est la porte ?", "Orange."),
        "ko": Pair("문은 무슨 색인가요?", "주황색이요."),
        "ar": Pair("ما لون الباب؟", "برتقالي."),
    },
}  # fmt: skip
"""English pair -> language code -> its translation, all by hand."""
