"""What a report says whatever the results are: how its numbers were made and are to be read."""

from __future__ import annotations

METHOD = (
    (
        "Every cell had the same number of optimizer steps and the same batch size; the column "
        "“shown o+d” says how many original and distilled examples it really saw. The curves of "
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
    "How many human-labelled sentences original data alone, at the steps and the rate that "
    "validation chooses at each budget, would need for a regimen's test F1: read off a curve that "
    "never falls, in the logarithm of the budget, with an interval over samples and seeds. A "
    "budget pays for every human label: to train, to choose where validation is capped, and to "
    "show the teacher."
)
ORDER = (
    "Each row is the first regimen less the second, which differ in one thing. p is corrected "
    "after Holm for all rows of a budget."
)
METHODS = (
    "Of many methods that are scored on test, the best looks better than it is. So all are scored "
    "on validation, and at each budget only the one that validation chooses meets test."
)
TEACHERS = (
    "The same study with the labels of several teachers of the same sentences. The gain is over "
    "original data alone, in points of test F1."
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
