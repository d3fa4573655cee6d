"""Small tables of everyday English: words that say nothing, irregular forms, numbers.

Which words stand for one another is in `memory.recall.kin`. Pure data, made for this project.
"""

from typing import Final

_STOP: Final = """
a an the this that these those some any each every either neither both all such no not nor
and or but if then else than as so because while though although whether
i me my mine myself we us our ours ourselves you your yours yourself yourselves
he him his himself she her hers herself it its itself they them their theirs themselves one ones
who whom whose which what when where why how
am is are was were be been being do does did doing done have has had having
can could will would shall should may might must ought cannot gonna wanna gotta ain
of in on at by for with about against between into through during before after above below to from
up down out off over under again further once here there upon within without toward towards per via
very too just only also even still yet quite really pretty much many more most less least lot lots
own same other another else etc
s t d ll m o re ve y let lets
oh hey hi hello yeah yep yes nope ok okay well um uh hmm wow haha lol thanks thank please
get got gets getting go goes going make makes made making
like thing things something anything everything nothing someone anyone everyone
"""
STOP: Final = frozenset(_STOP.split())

# Words that belong to the asking, not to what is asked for.
_ASKING: Final = """
did say says said saying tell tells told telling mention mentions mentioned mentioning talk talks
talked talking discuss discussed discussing describe described describes describing share shared
shares sharing conversation conversations chat chats ask asked asking answer according state stated
explain explained remember recall remind reminded likely probably possibly might based
kind kinds type types sort sorts way ways many much long often old time times date day month year
give given gave particular specific specifically currently recently recent latest new
list name names various different several certain last next ago
"""
ASKING: Final = frozenset(_ASKING.split())

_IRREGULAR: Final = """
go went gone goes | buy bought | bring brought | think thought | teach taught | catch caught
seek sought | fight fought | feel felt | keep kept | sleep slept | leave left | meet met
lose lost | find found | hold held | tell told | sell sold | say said | pay paid | lay laid
make made | send sent | spend spent | build built | lend lent | bend bent | mean meant
read reads | lead led | feed fed | bleed bled | speed sped | breed bred | win won
begin began begun | swim swam swum | sing sang sung | ring rang rung | drink drank drunk
sink sank sunk | run ran | come came | become became | give gave given | take took taken
shake shook shaken | mistake mistook mistaken | eat ate eaten | fall fell fallen | see saw seen
draw drew drawn | grow grew grown | know knew known | throw threw thrown | blow blew blown
fly flew flown | show shown | write wrote written | ride rode ridden | drive drove driven
rise rose risen | choose chose chosen | freeze froze frozen | speak spoke spoken
break broke broken | steal stole stolen | wake woke woken | wear wore worn | tear tore torn
swear swore sworn | bear bore born borne | forget forgot forgotten | get got gotten
bite bit bitten | hide hid hidden | stand stood | understand understood | sit sat | hear heard
light lit | shoot shot | stick stuck | strike struck | hang hung | dig dug | spin spun
swing swung | cling clung | sweep swept | weep wept | creep crept | deal dealt | dream dreamt
learn learnt | burn burnt | spell spelt | slide slid | lie lay lain | do did done does
have had has | be was were been is are am | child children kids kid | person people | man men
woman women | wife wives | foot feet | tooth teeth | mouse mice | life lives | knife knives
leaf leaves | half halves | wolf wolves | shelf shelves | goose geese
grandma granny grandmother nana | mom mum mommy mummy mother | dad daddy father
grandpa grandad granddad grandfather | photo photograph pic picture image photos | tv television
phone telephone cellphone smartphone | bike bicycle | fridge refrigerator | gym gyms
exam exams examination | ad advert advertisement | info information | favorite favourite fave
color colour | gray grey | theater theatre | center centre | neighbor neighbour
behavior behaviour | organize organise | realize realise | pajamas pyjamas | apologize apologise
recognize recognise | mold mould | jewelry jewellery | program programme | traveled travelled
traveling travelling | canceled cancelled | counselor counsellor | counseling counselling
tire tyre | pediatrician paediatrician | math maths mathematics | doctor doc dr | vet veterinarian
college uni university | specialty speciality | veggie veggies vegetable | bday birthday
xmas christmas | jan january | feb february | mar march | apr april | jun june | jul july
aug august | sep sept september | oct october | nov november | dec december | mon monday
tue tues tuesday | wed wednesday | thu thur thurs thursday | fri friday | sat saturday
sun sunday
"""


def _irregular() -> dict[str, str]:
    forms: dict[str, str] = {}
    for group in _IRREGULAR.replace("\n", "|").split("|"):
        words = group.split()
        forms.update((word, words[0]) for word in words[1:])
    return forms


# Forms that are other words too are left to the rules.
IRREGULAR: Final = {
    form: base
    for form, base in _irregular().items()
    if form not in {"rose", "lay", "bore", "sun", "sat", "mar", "leaves"}
}

_COUNTING: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty
"""
NUMBERS: Final = {word: str(number) for number, word in enumerate(_COUNTING.split())} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "hundred": "100",
    "dozen": "12",
}

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",),
            ("june", "jun"), ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"),
            ("october", "oct"), ("november", "nov"), ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
