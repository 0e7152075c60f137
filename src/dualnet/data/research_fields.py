"""Fields of research in words: themes, places and methods of study, from which the embedded library writes its papers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One line of research of a field.

    Parameters
    ----------
    name : str
        Its name in running text.
    subjects : tuple of str
        What is studied: noun phrases.
    """

    name: str
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """A field of research.

    Parameters
    ----------
    name : str
        Its name in running text.
    methods : tuple of str
        Methods that its papers use; keys of `METHODS`.
    places : tuple of str
        Where things are studied: phrases that begin with a preposition.
    themes : tuple of Theme
        Four lines of research.
    """

    name: str
    methods: tuple[str, ...]
    places: tuple[str, ...]
    themes: tuple[Theme, ...]


@dataclass(frozen=True)
class Method:
    """A method of study, as titles and abstracts show it.

    Parameters
    ----------
    name : str
        Its name in running text.
    titles : tuple of str
        Patterns: ``{s}`` and ``{t}`` are two subjects, ``{w}`` is a place; ``{S}`` begins with a capital.
    sentences : tuple of str
        Sentences of an abstract; ``{n}`` is a number.
    """

    name: str
    titles: tuple[str, ...]
    sentences: tuple[str, ...]


METHODS = {
    "bayes": Method(
        "Bayesian statistics",
        ("A Bayesian model of {s} {w}", "Bayesian estimates of {s} {w}", "{S} {w}: a hierarchical Bayesian analysis"),
        (
            "We fit hierarchical Bayesian models to {n} observations and report full posterior distributions.",
            "A Bayesian model with informative priors separates {s} from {t}.",
        ),
    ),
    "deep": Method(
        "deep learning",
        ("Deep learning for {s} {w}", "Predicting {s} {w} with neural networks", "Neural network models of {s} {w}"),
        (
            "We train a deep neural network on {n} labelled examples of {s}.",
            "A neural network learns {s} and {t} together from raw measurements.",
        ),
    ),
    "simulation": Method(
        "computer simulation",
        ("Simulating {s} {w}", "A simulation study of {s} {w}", "Large-scale simulation of {s} and {t}"),
        (
            "We simulate {s} on {n} parameter settings and compare the runs with measurements.",
            "Computer simulation shows how {s} and {t} develop together.",
        ),
    ),
    "network": Method(
        "network analysis",
        ("{S} {w}: a network analysis", "The network structure of {s} {w}", "A network perspective on {s} and {t}"),
        (
            "We build a network of {n} nodes from records of {s} and look at its communities and hubs.",
            "Network measures such as centrality and clustering relate {s} to {t}.",
        ),
    ),
    "experiment": Method(
        "controlled experiments",
        ("Experimental evidence on {s} {w}", "A controlled experiment on {s} {w}", "Experiments on {s} and {t}"),
        (
            "In a controlled experiment with {n} trials we vary {t} and measure {s}.",
            "Two experiments with random assignment test the effect of {t} on {s}.",
        ),
    ),
    "records": Method(
        "long-term records",
        ("Twenty years of {s} {w}", "Long-term records of {s} {w}", "Trends in {s} {w} over three decades"),
        (
            "We analyse long-term records of {s} from {n} sites.",
            "Thirty years of records show slow trends in {s} and {t}.",
        ),
    ),
    "theory": Method(
        "mathematical theory",
        ("A theory of {s} {w}", "The limits of {s}: exact results", "A mathematical model of {s} and {t}"),
        (
            "We derive exact results for {s} and prove that the bounds are tight.",
            "A simple mathematical model explains both {s} and {t}.",
        ),
    ),
    "interviews": Method(
        "interviews",
        ("Voices from practice: interviews on {s} {w}", "An interview study of {s} {w}", "Talking about {s} {w}"),
        (
            "We interview {n} people about {s} and code the transcripts by theme.",
            "In-depth interviews show what people expect of {s} and of {t}.",
        ),
    ),
    "benchmark": Method(
        "benchmarks",
        ("A benchmark for {s} {w}", "Comparing ten methods for {s} {w}", "Benchmarking {s} and {t}"),
        (
            "The benchmark has {n} tasks, fixed divisions of the data and a public leaderboard.",
            "We compare ten published methods for {s} under one protocol.",
        ),
    ),
    "imaging": Method(
        "imaging",
        ("Imaging {s} {w}", "High-resolution images of {s} {w}", "Seeing {s} and {t}"),
        (
            "New images at high resolution show {s} in {n} samples.",
            "Time-lapse imaging follows {s} and {t} step by step.",
        ),
    ),
}

REVIEWS = (
    "{S} {w}: a review", "What do we know about {s} {w}?", "{M} for {s}: a review", "Recent progress in {s} and {t}",
    "Ten open questions about {s} {w}",
)  # fmt: skip
TOOLS = (
    "An open-source package for {s} {w}", "A public data set of {s} {w}", "{M} for {s}: software and tutorial",
    "Open data on {s} and {t}",
)  # fmt: skip
OPENINGS = (
    "Little is known about {s} {w}.", "Understanding {s} is a central task of {f}.", "Interest in {s} has grown quickly.",
    "Studies of {s} rarely take {t} into account.", "The role of {s} in {h} is debated.",
)  # fmt: skip
RESULTS = (
    "We find a strong dependence of {s} on {t}.", "The effect of {t} on {s} was small but stable {w}.",
    "The results connect {s} with {t} and agree with earlier work on {h}.",
    "Errors are {p} per cent lower than those of the best earlier approach to {s}.",
    "Differences {w} explain {p} per cent of the variation.",
)  # fmt: skip
CLOSINGS = (
    "We discuss what this means for {h}.", "We close with open questions about {u}.", "Code and data are public.",
    "The approach extends to {u}.", "These findings matter for {h} and for {u}.",
)  # fmt: skip
REVIEW_SENTENCES = (
    "This review covers {n} publications on {s} and {t}, many of which use {m}.",
    "We summarise two decades of work on {h}, with {m} in the foreground.",
)
TOOL_SENTENCES = (  # of a package, of a collection: in turn, as in TOOLS
    "The package implements {m} for {s}, with examples and tests.",
    "The collection holds {n} documented records of {s}, ready for {m}.",
)

_FIELDS = """
genomics: bayes deep network benchmark experiment
in yeast; in human cell lines; across mammals; in maize; in zebrafish embryos; in bacteria; in ancient DNA
gene regulation: transcription factor binding; enhancer activity; gene expression noise; promoter strength; chromatin accessibility; DNA methylation
genome assembly: long-read assembly; repeat resolution; structural variants; sequencing errors; haplotype phasing; reference genomes
population genetics: recombination rates; genetic drift; selective sweeps; migration between populations; mutation rates; inbreeding
disease genetics: polygenic risk scores; rare variants; gene-environment interaction; drug response genes; inherited heart disease; tumour mutations
structural biology: deep simulation imaging benchmark experiment
in water; at the membrane; in crowded cells; at low temperature; in thermophiles; in solution; near the binding pocket
protein folding: folding pathways; misfolded proteins; chaperone action; folding rates; disordered regions; side-chain packing
drug design: ligand docking; binding affinity; fragment screening; allosteric sites; drug resistance mutations; kinase inhibitors
enzymes: enzyme catalysis; active site geometry; enzyme evolution; cofactor binding; reaction mechanisms; substrate specificity
membrane proteins: ion channel gating; transporter cycles; receptor activation; lipid interactions; pore formation; membrane curvature
neuroscience: deep simulation imaging experiment network
in mouse cortex; in the human brain; in songbirds; during sleep; in the hippocampus; in ageing adults; across the visual system
memory: working memory; memory consolidation; place cells; forgetting; spatial navigation; episodic recall
vision and attention: visual attention; contrast adaptation; face perception; eye movements; orientation tuning; perceptual learning
synapses: synaptic plasticity; dendritic spikes; inhibitory interneurons; neurotransmitter release; spike timing; synaptic pruning
brain rhythms: gamma oscillations; sleep spindles; theta rhythms; epileptic seizures; travelling waves; neural synchrony
epidemiology: bayes simulation network records theory
in primary schools; in large cities; in rural districts; on commuter trains; across Europe; in hospitals; in sub-Saharan Africa
influenza: seasonal influenza; influenza vaccination; antigenic drift; school closures; flu surveillance; pandemic preparedness
contact tracing: contact patterns; superspreading events; quarantine rules; household transmission; incubation periods; asymptomatic cases
vector-borne disease: malaria transmission; mosquito control; dengue outbreaks; bed net coverage; insecticide resistance; tick-borne fever
chronic disease: diabetes prevalence; smoking and lung cancer; air pollution and asthma; blood pressure; obesity in children; dietary salt
ecology: bayes simulation network records experiment
in alpine meadows; in tropical forests; on coral reefs; in farmland; in freshwater lakes; in city parks; on small islands
pollination: wild bee diversity; flower visitation; pollinator decline; honeybee foraging; nectar rewards; seed set
food webs: predator-prey cycles; trophic cascades; food web stability; keystone species; grazing pressure; top predators
invasive species: plant invasions; invasive ants; biological control; seed dispersal; ballast water; competition with native species
animal migration: bird migration; whale songs; stopover sites; salmon runs; migratory timing; homing behaviour
climate science: bayes deep simulation records theory
over the Arctic; in the tropical Pacific; in the Alps; in the Sahel; over North America; in coastal regions; since 1950
oceans: ocean heat uptake; sea level rise; overturning circulation; marine heatwaves; ocean acidification; sea surface temperature
ice: glacier retreat; sea ice extent; ice sheet melting; permafrost thaw; snow cover; ice core records
extreme weather: summer heatwaves; tropical cyclones; flash floods; multi-year drought; monsoon rainfall; wildfire weather
carbon cycle: forest carbon uptake; methane emissions; soil respiration; carbon budgets; peatland carbon; aerosol cooling
astronomy: bayes deep simulation imaging records
in nearby galaxies; in the early universe; in the Milky Way; with space telescopes; in star clusters; at radio wavelengths; at high redshift
exoplanets: transiting planets; planetary atmospheres; habitable zones; hot Jupiters; orbital resonance; planet formation
black holes: black hole mergers; accretion discs; relativistic jets; gravitational waves; tidal disruption; quasar variability
dark matter: dark matter halos; weak lensing; galaxy rotation curves; satellite galaxies; cosmic voids; galaxy clusters
stars: supernova explosions; stellar oscillations; binary stars; star formation; magnetic activity of stars; white dwarfs
materials science: deep simulation imaging theory experiment
at room temperature; under pressure; in thin films; at the nanoscale; at interfaces; under strain; in porous carbon
batteries: lithium dendrites; solid electrolytes; battery ageing; fast charging; cathode degradation; sodium-ion storage
two-dimensional materials: graphene growth; twisted bilayers; phonon transport; layered semiconductors; edge states; hydrogen adsorption
solar cells: perovskite stability; charge recombination; light trapping; tandem cells; defect passivation; organic absorbers
alloys: fatigue cracks; grain boundaries; high-entropy alloys; shape memory; corrosion of steel; dislocation motion
machine learning: bayes deep theory benchmark simulation
with few labels; under distribution shift; on graphs; with noisy labels; at scale; for tabular data; on time series
optimisation: stochastic gradient descent; learning rate schedules; adaptive step sizes; loss landscapes; momentum; early stopping
generalisation: overfitting; margin bounds; double descent; data augmentation; dropout; model selection
reinforcement learning: policy gradients; exploration bonuses; reward shaping; off-policy evaluation; multi-armed bandits; imitation learning
trustworthy learning: adversarial examples; feature attribution; fairness constraints; calibrated probabilities; differential privacy; outlier detection
computer vision: bayes deep imaging benchmark simulation
in street scenes; in medical scans; from aerial photographs; in video; under poor light; on mobile phones; from few views
object recognition: object detection; fine-grained recognition; image retrieval; long-tailed classes; small objects; texture recognition
segmentation: semantic segmentation; tumour delineation; edge detection; interactive segmentation; video segmentation; road markings
three-dimensional vision: depth estimation; stereo matching; camera calibration; point clouds; surface reconstruction; visual odometry
people in images: human pose estimation; gait recognition; facial landmarks; gesture recognition; pedestrian tracking; crowd counting
language technology: bayes deep network benchmark interviews
in low-resource languages; in clinical notes; on social media; across 40 languages; in parliamentary debates; in Finnish and Turkish; in spoken dialogue
translation: machine translation; word alignment; translation of idioms; document-level translation; subtitle translation; translation quality estimation
meaning: word sense disambiguation; metaphor detection; semantic similarity; textual entailment; lexical change; compositionality
grammar: dependency parsing; morphological analysis; grammatical error correction; treebank annotation; word order; coreference
conversation: dialogue systems; question answering; sentiment analysis; sarcasm detection; turn taking; intent recognition
information retrieval: bayes deep network benchmark interviews
in web search; for streaming music; in online shops; in digital libraries; for news readers; on mobile devices; for scientific papers
recommender systems: collaborative filtering; cold-start items; popularity bias; session-based recommendation; explanations of recommendations; playlist continuation
search: query expansion; learning to rank; passage retrieval; query suggestions; relevance feedback; snippet generation
evaluation of search: click models; relevance judgements; interleaving; test collections; user satisfaction; offline evaluation
tagging and libraries: social tagging; citation recommendation; reference management; bookmark sharing; subject indexing; author disambiguation
software engineering: deep network benchmark interviews records
in open-source projects; in industry; in scientific software; for embedded systems; in mobile apps; in start-ups; in safety-critical systems
testing: flaky tests; mutation testing; test generation; fuzzing; regression testing; test coverage
code quality: code review; technical debt; code smells; refactoring; static analysis; code clones
developers at work: pair programming; onboarding of newcomers; remote teams; developer interruptions; commit messages; issue triage
program analysis: type inference; bug localisation; program repair; symbolic execution; compiler bugs; performance regressions
human-computer interaction: deep experiment benchmark interviews network
at home; in the car; for older adults; in classrooms; on large displays; for blind users; in virtual reality
input techniques: touch typing; mid-air gestures; eye-gaze pointing; voice commands; stylus input; text entry
visualisation: uncertainty displays; interactive maps; chart comprehension; network drawings; visual storytelling; colour scales
accessibility: screen readers; sign language interfaces; tactile graphics; captions; colour blindness; one-handed use
wellbeing and technology: notification overload; fitness trackers; sleep apps; screen time; digital privacy; online harassment
economics: bayes theory experiment records network
in developing countries; in online markets; among small firms; in rural India; in Germany; during recessions; across cities
auctions and markets: auction design; price dispersion; market entry; bid shading; dynamic pricing; platform competition
labour: minimum wages; job search; gender pay gaps; remote work; skill mismatch; youth unemployment
behaviour: loss aversion; present bias; social preferences; default options; overconfidence; peer effects
inequality and growth: income inequality; intergenerational mobility; land reform; microcredit; school vouchers; trade openness
education research: bayes experiment records interviews network
in primary schools; in large lectures; at community colleges; in online courses; in rural schools; among first-year students; in teacher training
teaching of mathematics: fraction misconceptions; worked examples; mathematics anxiety; proof writing; problem posing; mental arithmetic
reading: reading fluency; phonics instruction; reading motivation; vocabulary growth; shared book reading; dyslexia
feedback and assessment: peer feedback; formative assessment; automated essay scoring; retrieval practice; grading bias; self-assessment
students and their paths: student dropout; class size; study habits; school belonging; tutoring programmes; career choice
"""


def _fields() -> tuple[Field, ...]:
    found = []
    lines = _FIELDS.strip().splitlines()
    for head, places, *themes in (lines[start : start + 6] for start in range(0, len(lines), 6)):
        name, _, methods = head.partition(": ")
        named = (line.partition(": ") for line in themes)
        found.append(
            Field(
                name,
                tuple(methods.split()),
                tuple(places.split("; ")),
                tuple(Theme(theme, tuple(subjects.split("; "))) for theme, _, subjects in named),
            )
        )
    return tuple(found)


FIELDS = _fields()
