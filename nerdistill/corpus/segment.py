"""Raw text to sentences and words, as character ranges: no character is changed or lost."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

Range = tuple[int, int]
"""Half-open, in characters of the text."""

_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")


def sentences(text: str) -> list[Range]:
    """The sentences of a text. A blank line ends a paragraph, and with it a sentence.

    Every character that is not white space lies in exactly one of the ranges.
    """
    gaps = [(0, 0), *(gap.span() for gap in _PARAGRAPH_END.finditer(text)), (len(text),) * 2]
    ranges: list[Range] = []
    for (_, start), (end, _) in pairwise(gaps):
        starts = _sentence_starts(text[start:end])
        for here, there in pairwise([start, *(start + at for at in starts), end]):
            body = text[here:there]
            if not body.isspace() and body:
                left = here + len(body) - len(body.lstrip())
                ranges.append((left, here + len(body.rstrip())))
    return ranges


def _sentence_starts(paragraph: str) -> list[int]:
    """Where the second and later sentences of a paragraph start."""
    from syntok import segmenter

    found = [
        sentence[0].offset for part in segmenter.analyze(paragraph) for sentence in part if sentence
    ]
    # syntok ends a sentence at a semicolon; a news sentence goes on.
    return [at for at in found[1:] if not paragraph[:at].rstrip().endswith(";")]


def words(text: str) -> list[Range]:
    """The words of a text: punctuation and clitics stand alone, as in CoNLL-2003.

    `didn't` is `did` `n't`, `$1.5` is `$` `1.5`; `U.S.`, `S&P`, `30-year-old` and `Corp.` stay
    whole, but the full stop at the end of the text is a word. Every character that is not white
    space lies in exactly one of the ranges.
    """
    tail = _end_of_letters(text)
    ranges: list[Range] = []
    for chunk in re.finditer(r"\S+", text):
        start = chunk.start()
        for cut in _cuts(chunk.group(), chunk.end() >= tail):
            ranges.append((start, chunk.start() + cut))
            start = chunk.start() + cut
    return ranges


_ALONE = re.compile(
    r"""
    (?:https?://|www\.) [^\s<>"]* [\w/]                # a link stays whole
    | \.{2,} | … | -{2,} | —+
    | [;!?()\[\]{}<>"“”„«»|*%£€¥]
    | [A-Z]{0,3}\$                                     # C$, US$
    | (?<!\d)[,:/\u2013] | [,:/\u2013](?!\d)           # but 47,600 and 1:54 and 3/8
    | (?<=\w)n['\u2019]t(?!\w)
    | ['\u2019](?:s|re|ve|ll|d|m|S|RE|VE|LL|D|M)(?!\w)
    | (?<![\w\u0300-\u036f])['`\u2018\u2019]           # quotation marks, but not in O'Brien
    | ['`\u2018\u2019](?!\w)
    | ^[-+](?=[^\W\d])                                 # -word, but not -5
    | (?<=\w)-(?![^,;:.!?)"'])                         # word- before punctuation or the end
    | (?:(?<=\b\d)|(?<=\b\d\d))-(?=[A-ZÀ-ÖØ-Þ][^\W\d_])  # 1-Xu, as in a score
    | (?<=[a-z][a-z])\.(?=[A-Z][a-z])                  # a full stop without its space
    | (?<!\w)\.(?=[^\W\d])
    """,
    re.VERBOSE,
)
"""What is a word of its own, wherever it stands."""

_INITIALS = re.compile(r"(?:[^\W\d]{1,3}\.)+")
_ABBREVIATION = re.compile(
    r"""(?:
    adm|apr|aug|ave|bros|capt|cie|cmdr|co|col|corp|cos|cpl|dec|dept|det|dr|drs|etc|feb|fr
    |fri|ft|gen|gov|gov't|hon|inc|insp|jan|jr|jul|jun|lt|ltd|maj|mar|messrs|mfg|mon|mr|mrs
    |ms|mt|no|nos|nov|oct|ph\.d|plc|pres|prof|pte|pty|rep|reps|rev|sat|sen|sens|sep|sept|sgt
    |sr|st|sun|supt|thu|thur|thurs|tue|tues|univ|vol|vs|wed
    )\.""",
    re.VERBOSE | re.IGNORECASE,
)
_LONGEST_ORDINAL = 3


@lru_cache(maxsize=1 << 16)
def _cuts(chunk: str, is_last: bool) -> tuple[int, ...]:
    """Where the words of a run without white space end.

    Args:
        chunk: the run.
        is_last: whether no letter or digit follows it in the text.
    """
    cuts: list[int] = []
    done = 0
    tail = _end_of_letters(chunk) if is_last else len(chunk) + 1
    for mark in _ALONE.finditer(chunk):
        cuts += _stop_cut(chunk, done, mark.start(), is_last=mark.start() >= tail)
        cuts.append(mark.end())
        done = mark.end()
    return tuple(cuts + _stop_cut(chunk, done, len(chunk), is_last=is_last))


def _end_of_letters(text: str) -> int:
    """Behind the last letter or digit."""
    return next((at for at in range(len(text), 0, -1) if text[at - 1].isalnum()), 0)


def _stop_cut(chunk: str, start: int, end: int, *, is_last: bool) -> list[int]:
    """The ends of the one or two words of a piece: its full stop may be the second."""
    piece = chunk[start:end]
    if not piece:
        return []
    if len(piece) > 1 and piece.endswith(".") and (is_last or not _keeps_stop(piece)):
        return [end - 1, end]
    return [end]


def _keeps_stop(piece: str) -> bool:
    bare = piece[:-1]
    if bare.isdigit():
        return len(bare) <= _LONGEST_ORDINAL
    if _INITIALS.fullmatch(piece) and (len(bare) == 1 or "." in bare):
        return True
    return _ABBREVIATION.fullmatch(piece) is not None
