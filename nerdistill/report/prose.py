"""What a report says whatever the results are: how its numbers were made and are to be read."""

from __future__ import annotations

METHOD = (
    (
        "All rivals had the same number of optimizer steps and the same batch size; the columns "
        "“shown o+d” and “steps” say what a cell really had. Only original-half, original-double "
        "and the settings that original data alone are tuned with have other steps. What judges "
        "of distilled labels cost comes on top, and is told where they are used. The curves of "
        "phase 3, the shuffled mix and Simple Mix have one mean distilled share, unless their name "
        "says otherwise."
    ),
    (
        "Original sentences are drawn with a seed and share no document and no sentence text with "
        "what the teacher labelled. Near-duplicates of held-out sentences are counted above."
    ),
    (
        "Each student is scored at its last step. The winner has the best mean F1 on validation; "
        "test chose nothing."
    ),
    (
        "Scores are entity-level and strict (edges and type), IOB2, by seqeval. Sentences longer "
        "than the encoder are read in overlapping windows, so that every gold entity is scored."
    ),
    (
        "Sentences for which the teacher gave no usable reply are left out of the distilled data; "
        "they are not taken for sentences without entities."
    ),
)
SAVED = (
    "How many human-labelled sentences original data alone would need for a regimen's test F1: "
    "read off a curve that never falls, in the logarithm of the budget, with an interval over "
    "samples and seeds, for these test texts. original-tuned has at each budget the steps and the "
    "rate that validation chooses; original has those of the study. A regimen pays for every "
    "human label that it uses: to train, to choose where validation is capped, and to show the "
    "teacher. Beyond that, the budget was there for validation to choose from."
)
ORDER = (
    "Each row is the first regimen less the second; the question says what sets them apart. Where "
    "steps or rates differ, so does more than the order of the data. p is corrected "
    "after Holm for all rows of a budget."
)
METHODS = (
    "Of many methods that are scored on test, the best looks better than it is. So all are scored "
    "on validation, and at each budget only the one that validation chooses meets test, of each "
    "teacher where there are several. For each seed, “asked” counts the sentences that the teacher "
    "labels besides its pool, “students” those that are trained, and “s” their seconds until the "
    "score, judges of the labels included."
)
SELECTION = (
    "A teacher is paid for what it reads, so each way to select sentences may spend the same share "
    "of the pool's words. The gain is that of Simple Mix over original data alone in the same "
    "number of steps, in points of F1 on validation. The last column is the cost over that gain: "
    "tokens of prompts and replies where the teacher's server counts them, else words. Where each "
    "sentence has a request of its own, more sentences cost more prompts, too. Who selects sees "
    "the words, and at most a student of the original sample, never a label of the pool."
)
TEACHERS = (
    "The same study with the labels of several teachers of the same sentences. The gain is over "
    "original data alone, in points of test F1; p is corrected after Holm for all rows of a "
    "budget. In brackets stand the teachers' F1 between which the gain may become 0: where a line "
    "through the upper ends of its intervals does, and one through the lower ends."
)
ERRORS = (
    "Counts are means of a training. An entity with the right edges and another type is a “type” "
    "error, one of the right type that overlaps gold a “boundary” error, one that only overlaps "
    "“both”. Training showed an entity where its data hold one with the same characters, of "
    "whatever type: in original data, else in distilled data. errors.jsonl beside this page "
    "holds examples, results.json the counts by type and the types that were confused."
)
MECHANISM = (
    "Losses are means per word of held-out sentences. The loss on distilled labels is told at the "
    "end and, in brackets, where it was lowest: what lies between has been forgotten. Of the "
    "training sentences whose teacher's labels gold refutes, the table tells at how many places a "
    "student repeats the teacher or gives gold, and of the entities that the teacher missed, how "
    "many it finds; original-only students never saw these labels. The cosine is that between the "
    "gradients of an original and a distilled batch, the mean over training: below 0 the two pull "
    "apart."
)
