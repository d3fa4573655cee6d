"""Words that stand for one another, and kinds with their members. Made for this project.

A question says `job` where the turn said `work`, and `pets` where the turn said `puppy`. A synonym
counts half, a member of a named kind less; see `memory.recall.question`.
"""

from functools import cache
from typing import Final

from memory.recall.stemming import stem

_ALIKE: Final = """
job work career profession occupation employment position role employer company
boss manager supervisor | colleague coworker teammate workmate | hire recruit employ
quit resign leave | fire layoff dismiss | promote promotion raise | interview
salary pay wage income earn | money fund finance cash budget saving savings
study learn course class degree education school college | teacher tutor instructor professor
student pupil | exam test quiz | homework assignment essay
research investigate investigation look | graduate graduation diploma | university college campus
lesson class workshop seminar training | house home apartment flat place condo
move relocate relocation | rent lease mortgage landlord | roommate flatmate housemate
neighbor neighborhood | room bedroom | garden yard backyard plant
family relative relatives parent | husband spouse partner wife married
boyfriend girlfriend partner | mom mother parent | dad father parent | brother sister sibling
son daughter child toddler baby | grandma grandparent | grandpa grandparent
aunt uncle cousin niece nephew relative | baby newborn infant pregnant pregnancy birth
friend buddy pal mate bestie friendship
marry wedding marriage married engaged engagement fiance fiancee bride groom proposal
divorce breakup separate split | date dating relationship romance | pet animal | dog puppy pup
cat kitten kitty | adopt adoption rescue shelter
trip travel vacation holiday journey visit tour getaway | roadtrip drive
flight fly plane airport | hotel hostel airbnb resort stay | abroad overseas foreign country
hike hiking trail trek walk | camp camping tent campfire | beach ocean sea shore coast
mountain mountains peak summit hill | lake river | forest woods nature outdoors park
run running jog marathon race sprint | swim swimming pool | bike cycle cycling ride
workout exercise fitness gym training train | yoga stretch pilates meditation meditate
weight diet slim | game match tournament competition contest championship
win victory champion prize award trophy medal | team club squad league | coach trainer
play player | practice rehearse train | dance dancing dancer ballet
doctor physician clinic hospital nurse medical | ill sick illness disease unwell flu
injury injure hurt wound sprain break fracture accident | pain ache sore
medicine medication drug pill prescription | surgery operation
therapy therapist counseling counselor | health wellness wellbeing healthy
stress stressed anxiety anxious overwhelm pressure burnout
sad upset depressed unhappy down disappointed | happy glad joy delighted thrilled excited
afraid scared fear frighten nervous phobia | angry mad furious annoyed frustrated
proud pride accomplishment achievement accomplish achieve
love enjoy adore fond passion passionate | like prefer favorite enjoy | hate dislike
worry concern concerned worried | help support assist aid encourage
volunteer volunteering charity donate donation community fundraiser
inspire inspiration motivate motivation influence
hope wish dream goal plan aspiration aim ambition | plan intend going upcoming
decide decision choose choice pick | start begin launch open | stop end finish complete quit
try attempt | buy purchase order shop get | sell sale | gift present | receive got get
lose lost miss | find discover found | fix repair mend | make create craft build design
cook cooking bake recipe dish meal kitchen | food eat meal cuisine
breakfast lunch dinner supper brunch meal | restaurant cafe diner eatery | drink beverage
coffee cafe espresso latte | tea | beer wine cocktail bar pub | vegan vegetarian plant
cake pie dessert pastry cookie sweet | allergy allergic intolerance | art artist artwork
paint painting painter canvas | draw drawing sketch | pottery clay ceramic bowl
photo photography camera shot | museum gallery exhibit exhibition show | sculpture statue
music song tune melody musical | band group musician | concert gig show performance perform
instrument | sing singer vocal choir | guitar | piano keyboard | album record
book novel read reading author literature story
write writing writer author blog journal diary poem | movie film cinema watch
series show television episode season | actor actress | game gaming videogame console
boardgame chess card puzzle | party celebrate celebration festival event | birthday anniversary
ceremony | parade march rally protest | meeting meet conference convention
church faith religion religious god pray spiritual | belief believe
car vehicle truck van automobile auto drive | bus train subway commute | engine mechanic
phone call mobile | computer laptop pc | internet online website web site | email mail message
program code software developer coding programming engineer app | bug error issue problem crash
data database sql table | test testing | deploy deployment release launch | deadline due
clothes clothing outfit dress wear fashion | shoe sneaker boot | jewelry necklace ring bracelet
hair haircut hairstyle | tattoo | doll toy | collect collection collector
weather rain snow storm sunny | fire flood hurricane earthquake disaster
police crime stolen theft rob robbery | law legal lawyer court attorney
politics political election vote campaign government | war military army soldier veteran
friend social socialize | lonely alone | advice suggest suggestion recommend recommendation tip
opinion think view feel feeling | important matter significant value meaningful | special unique
big large huge | small little tiny | old ancient elderly | new recent | fast quick | begin first
last final | early morning | late night evening | city town | country nation | state
origin roots hometown native born grew | live reside living stay residence
name call nickname title | mean meaning symbolize symbol represent stand | remind reminder memory
picture photo image | sign poster | flower rose sunflower bouquet plant
hobby pastime interest activity leisure
identity transgender gay lesbian queer lgbtq trans gender
challenge difficult difficulty hard struggle obstacle tough setback | change transform transition
success successful succeed | fail failure | improve improvement progress better | together group
join attend participate enroll signup part register | visit went
business startup shop store company entrepreneur venture | customer client
market marketing promote | invest investment stock | debt loan credit | price cost expensive fee
price cheap discount | relax unwind destress calm peace rest | sleep insomnia nap rest
tired exhausted fatigue | pay paid price cost expensive cheap worth | buy price
supervise mentor guide oversee boss | own owner possess | afraid dread terrified phobia
enjoy fun pleasure | repair restore renovate renovation refurbish | clean tidy wash laundry chore
argue argument fight quarrel disagreement conflict | apologize sorry forgive forgiveness
invite invitation guest host | surprise unexpected shock | laugh funny humor joke hilarious comedy
cry tear weep | smile grin | angry temper rage | shy introvert quiet reserved
brave courage courageous bold | kind caring gentle generous | smart clever intelligent bright
honest truth truthful | rich wealthy afford | poor poverty broke | strange odd weird
danger dangerous risk risky hazard | safe safety secure security | rule policy regulation
permit permission license approval approve | contract agreement sign
deliver delivery ship arrive arrival | delay late postpone reschedule
appointment schedule booking reserve reservation | remind reminder alarm | calendar date
increase raise grow rise growth | reduce lower decrease cut drop
measure size width length height dimension wide long tall | weigh weight heavy kilo pound
distance far mile kilometer | amount quantity total sum | percent percentage share rate
speed pace fast | temperature degree heat cold | oven stove bake
sew stitch knit crochet embroider quilt fabric | wood woodwork carpenter carpentry carve
metal steel iron weld | paper notebook journal | ink pen pencil | seed plant grow bloom
farm farmer barn field crop harvest | insect moth bee butterfly spider | horse pony riding
boat ship sail sailing yacht canoe kayak row | swim dive snorkel surf | climb bouldering summit
ski snowboard sled skate | fish fishing angling | picnic barbecue bbq grill
language speak fluent | translate translation | letter mail post postcard
news newspaper article press | radio podcast broadcast | speech talk presentation lecture
stage perform audience crowd | theater play drama musical opera | ticket seat
fan admire idol hero | science scientist physics chemistry biology lab experiment
planet star moon telescope astronomy space | energy electricity power battery
environment climate pollution recycle sustainable green | hospital ward | ambulance paramedic
heart cardiac | glasses eye vision sight | tooth dentist | skin rash | headache migraine
stomach belly gut | pregnant expect due | die death died pass funeral lost grief mourn loss
memory nostalgia childhood | young youth teenager teen kid | retire retirement pension
age old turned birthday | born birth birthday | single unmarried dating relationship
crush love attract attraction | hug embrace | trust rely faith | secret private confess
promise vow swear | negotiate bargain deal | suggest recommend advise propose | warn warning
explain clarify | discuss debate | compare difference versus | similar same common alike
reason cause because | result outcome effect consequence | purpose aim intent
method approach technique strategy | step stage phase | tool equipment gear kit supplies
document file report record | summary overview | draft version revise edit | feature function
interface screen design layout | server host cloud | security password login authentication auth
upgrade update version patch | setup install configure configuration
performance speed slow latency optimize | api endpoint request
library package dependency framework | error exception failure bug
log logging monitor monitoring | schema table column database | acquire obtain buy get purchase
possess own | reside live dwell | attend visit join go | pursue follow chase
achieve accomplish reach manage | experience undergo endure | encounter meet bump stumble
express voice show | overcome conquer beat cope | handle manage deal cope
consider think ponder weigh | intend plan mean | collaborate cooperate work together team partner
contribute donate give help | organize arrange plan host prepare run | prepare ready practice cook
foster adopt raise | raise bring grow | care nurse look tend | feed food eat
treat heal cure medicine | recover recovery heal better mend | suffer pain endure ill
diagnose diagnosis disease condition illness | ailment illness sickness condition disease
consult advise see | finish complete done end | abandon quit give leave drop
damage destroy ruin wreck break broken smash | misplace lose | search look seek hunt
hide conceal secret | reveal show tell admit confess | discover find learn notice realize
notice see spot observe | watch see look | listen hear | smell scent | taste flavor delicious
touch feel | throw toss hurl | pull drag tug | push shove | lift carry raise | drop fall
fall slip trip tumble | wait stay remain | stay remain live | arrive come reach land
depart leave go fly | return back come home | escape flee run | rescue save
protect guard defend shield | attack hit strike fight | kill murder die death
threaten threat danger | punish penalty fine | forbid ban prohibit banned | allow let permit
demand require insist need | request ask beg | refuse decline reject deny no
agree accept yes consent | persuade convince talk | encourage support cheer motivate
praise compliment admire | criticize blame complain complaint | complain grumble moan annoy
annoy irritate bother bug | tease joke mock | embarrass ashamed shame awkward
impress amaze surprise astonish | disappoint letdown upset | regret sorry mistake
miss long lonely | remember recall forget | forget forgot remind | imagine picture dream
wonder curious curiosity ask | solve fix figure sort | solution answer fix
replace swap exchange new | exchange swap trade | borrow lend loan | return give
share split divide | divide split share | gather collect meet | reunion gathering meet
occasion event celebration party | venue location place spot site
location place spot site address | item object thing | beverage drink | dish meal recipe food
companion friend partner | acquaintance friend know | offspring child kid son daughter
ancestor grandparent family heritage | heritage culture roots background origin tradition
nationality country origin | tradition custom ritual always every | routine habit daily every
habit always usually every | frequently often usually regularly every week
rarely seldom never hardly | immediately straight soon | eventually finally end
initially first begin original | previous former old ex before | current now today
future plan someday hope | century history old | decade year
childhood child kid grew young little | adult grown | elderly old | infant baby | male man boy guy
female woman girl lady | boy son lad | girl daughter lass | human person people
crowd people audience | group club band team circle | member join belong
leader boss head captain | captain ship boat leader | king queen royal prince princess throne
soldier army war guard | knight sword armor | wizard witch magic spell | ghost spirit haunt
monster creature beast dragon | treasure gold coin jewel | map route path way | door gate entrance
key lock | window glass | floor ground | wall brick | roof ceiling attic | stairs step floor
lamp light candle lantern | fire flame burn blaze | smoke ash | ice snow frozen cold freeze
hot heat warm | wet rain water soak damp | dry desert drought | dark night black
bright light sun | noise sound loud | silent quiet silence | voice speak sing | music sound
colour paint | shape round square form | sharp blade cut knife | soft gentle
hard tough difficult stone | full complete whole | empty bare nothing | clean wash tidy
dirty mud mess stain | mess clutter chaos | beautiful pretty gorgeous lovely stunning | ugly awful
nice kind lovely good | good great excellent amazing wonderful fantastic
bad awful terrible horrible poor | awful terrible horrible dreadful | success win
important key main | main chief primary | favorite best love prefer | worst bad hate
best favorite top | famous celebrity known star | popular famous favorite
rare unusual special unique | common usual normal typical | normal usual ordinary regular
free cost | busy work hectic overwhelm | bored boring dull | interest hobby curious fascinate
fascinate interest love obsess | obsess crazy love fan | superstition lucky luck bad
luck lucky fortune | chance opportunity luck | risk gamble bet | bet wager gamble
sport athletic athlete | league season team | score goal point | distance length far
height tall high | depth deep | age old | weight heavy | address street road house
street road avenue lane | bridge cross river | harbor port dock pier | station train bus stop
platform train | ticket pass fare | passport visa travel | luggage suitcase bag pack
bag backpack purse | box package parcel crate | package parcel deliver mail | wallet purse money
coin money cash | bank account money | tax income pay | insurance claim cover
landlord rent tenant flat | neighbor next door | mechanic garage car repair | plumber pipe leak
leak drip water | electrician wire power | carpenter wood | painter paint
chef cook kitchen restaurant | baker bake bread bakery | barber haircut hair
librarian library book | gardener garden plant | pilot plane fly flight | sailor sail ship sea
driver drive car | actor act film play | author write book | poet poem poetry verse
poem poetry verse rhyme | lyric song word | singer sing voice song | drummer drum | pianist piano
guitarist guitar | violinist violin fiddle | orchestra symphony concert quartet band
choir sing chorus | rehearsal practice rehearse | exhibition gallery show art
sculptor sculpture carve | photographer photo camera | film movie shoot
scholarship grant bursary fund | tuition fee school pay | thesis dissertation paper degree
professor lecturer teacher university | lecture class course | semester term school
campus university | promotion raise job | resign notice quit leave job | unemployed job laid lost
freelance self client | deadline due date submit | submit hand send apply
presentation talk slide | meeting call zoom | therapist counselor psychologist therapy
psychologist psychology therapist | mental mind health therapy | depression depressed sad low
anxiety anxious panic nervous | panic anxiety attack | trauma traumatic
addiction addict alcohol smoke drug | alcohol drink wine beer | smoke cigarette tobacco
vaccine shot injection | injection needle shot | scar wound cut | blood bleed
bone break fracture | operation surgery operate | pregnancy pregnant baby due | midwife birth
wedding ceremony marry bride | honeymoon wedding trip | anniversary wedding year
funeral buried died | divorce split ex
"""

_KINDS: Final = """
pet: dog cat puppy kitten hamster rabbit bunny turtle parrot bird fish snake lizard horse
animal: dog cat horse bird fish turtle bear deer wolf fox elephant lion whale dolphin
activity: hike camp swim paint run bike dance cook read yoga pottery fish ski surf climb game garden
hobby: hike camp swim paint run bike dance cook
hobby: read pottery photography knit guitar game garden chess
sport: basketball football soccer tennis baseball hockey golf
sport: volleyball swim run cycle boxing ski surf
sport: skate gymnastics karate cricket rugby climb badminton
exercise: run jog swim yoga bike lift weight hike boxing pilates
instrument: guitar piano violin drum flute cello clarinet saxophone trumpet ukulele bass harp
music: jazz rock pop classical rap band song concert guitar piano album
art: paint draw sculpture sketch photography pottery canvas mural
food: pizza pasta sushi burger salad soup rice chicken bread cheese curry taco steak fish noodle
dessert: cake pie cookie cream chocolate brownie pudding pastry
drink: coffee tea juice beer wine soda smoothie water
family: mom dad brother sister son daughter child husband wife grandma grandpa aunt uncle cousin
relative: mom dad brother sister grandma grandpa aunt uncle cousin niece nephew
sibling: brother sister | parent: mom dad
children: son daughter boy girl baby twin
emotion: happy sad angry proud afraid nervous excited grateful lonely anxious calm
color: red blue green yellow purple orange pink black white brown
season: spring summer autumn fall winter
vehicle: car truck van bike motorcycle bus boat
weather: rain snow sun storm wind cold hot
book: novel author read chapter series
movie: film watch actor director trilogy
job: teacher nurse engineer designer lawyer manager chef writer artist developer doctor barista
transport: bus train car bike plane subway
subject: math history science biology physics art literature psychology
disaster: flood fire storm hurricane earthquake
injury: sprain fracture break ankle knee wrist shoulder back
illness: flu cold fever asthma diabetes cancer covid
event: party wedding concert festival parade conference race workshop fundraiser ceremony
outdoors: hike camp beach mountain park lake forest trail
place: city town country beach park mountain museum cafe restaurant
country: france spain italy japan canada mexico germany england china india brazil sweden norway
country: ireland greece portugal australia thailand turkey egypt peru
furniture: sofa couch table chair desk bed shelf
health: doctor diet exercise sleep surgery illness pain weight
technology: computer phone laptop app robot software internet
device: phone laptop tablet camera watch headphones
clothing: dress shirt jacket coat shoe hat jeans
financial: money debt loan budget salary rent invest savings
finances: money debt loan budget salary rent invest savings
education: school college university degree class course teacher study
degree: bachelor master phd major psychology engineering
religious: church mosque temple pray bible faith
creative: paint draw write music pottery design craft
relationship: single married husband wife boyfriend girlfriend partner date breakup divorce engaged
status: single married divorced engaged student unemployed retired
trait: kind brave shy honest caring funny thoughtful generous creative patient stubborn
personality: kind brave shy honest caring funny thoughtful generous creative patient stubborn
fear: spider height dark flying snake moth
allergy: nut peanut walnut milk egg pollen shellfish gluten
fruit: apple banana orange strawberry blueberry lemon mango peach pear grape cherry
vegetable: carrot potato tomato onion lettuce spinach pea cucumber pepper pumpkin
ingredient: flour sugar butter egg milk salt oil garlic onion cheese spice
snack: chip cookie nut popcorn fruit chocolate
flower: rose sunflower tulip daisy lily orchid lavender
tree: oak apple maple pine birch willow cherry
bird: parrot owl eagle duck goose heron puffin robin sparrow chicken
genre: fantasy mystery romance thriller horror comedy jazz rock pop folk classical
game: chess poker card puzzle
language: english spanish french german italian chinese japanese arabic russian portuguese swedish
continent: europe asia africa america australia
city: london paris berlin rome tokyo york boston chicago seattle lisbon madrid barcelona amsterdam
state: california texas florida oregon washington colorado vermont maine arizona nevada
nature: beach mountain forest river lake ocean waterfall sunset trail park
material: wood metal steel glass leather clay stone paper fabric plastic
tool: hammer saw drill brush knife wrench needle
craft: knit sew crochet pottery woodwork candle jewelry quilt
gift: book necklace ring flower card watch toy painting jewelry chocolate
present: book necklace ring flower card watch toy painting jewelry chocolate
decoration: light candle flower balloon poster plant
toy: doll puzzle lego car ball bear
holiday: christmas thanksgiving easter halloween birthday hanukkah diwali ramadan
celebration: birthday wedding anniversary graduation christmas party
crime: theft robbery murder fraud stolen burglary
profession: teacher nurse engineer designer lawyer manager chef writer artist developer doctor
career: teacher nurse engineer designer lawyer manager chef writer artist developer doctor counselor
skill: cook paint write code drive swim dance play language
goal: marathon degree save travel learn start own open
achievement: award win graduate promotion medal finish publish
problem: broken leak sick injury debt late lost argument
challenge: injury illness money time stress deadline exam
support: family friend therapy group mentor community
medicine: pill tablet antibiotic painkiller insulin inhaler vitamin
treatment: therapy surgery medicine physiotherapy exercise rest
symptom: fever cough headache pain nausea fatigue rash
habit: smoke run read meditate journal coffee wake walk
routine: morning wake run yoga coffee walk meditate breakfast
subject: chemistry anatomy geography economics law medicine
vacation: beach hotel flight island cruise resort camp
trip: beach mountain hotel flight island road camp city
building: house church school museum library tower castle
room: kitchen bedroom bathroom garage attic basement office
appliance: oven fridge dishwasher washer dryer microwave
programming: python javascript java code function bug
database: postgres mysql sqlite sql table query schema
expense: rent food bill ticket fee tuition
bill: rent electricity water phone internet
"""


def _lines(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", "|").split("|") if part.strip()]


@cache
def alike() -> dict[str, frozenset[str]]:
    """Stem to the stems that can stand for it."""
    found: dict[str, set[str]] = {}
    for line in _lines(_ALIKE):
        group = {stem(word) for word in line.split()}
        for word in group:
            found.setdefault(word, set()).update(group - {word})
    return {word: frozenset(others) for word, others in found.items()}


@cache
def members() -> dict[str, frozenset[str]]:
    """Stem of a kind's name to the stems of its members."""
    found: dict[str, set[str]] = {}
    for line in _lines(_KINDS):
        kind, _, names = line.partition(":")
        found.setdefault(stem(kind), set()).update(stem(name) for name in names.split())
    return {kind: frozenset(names) for kind, names in found.items()}
