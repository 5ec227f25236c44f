"""What a decoder's tokens mean, from whatever file its training program left.

Four forms are read: BERT's ``vocab.txt``; a JSON object of words and ids, either way round, or a
JSON list; plain text with a word a line, the line's number being its id; and word embeddings as
text (word2vec's form, a line of two counts first), which ``ysmiura/ifcc`` reads its words from.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_edge.errors import CheckpointError
from cxr_edge.tokenizers.wordpiece import WordPieceTokenizer, parse_vocabulary

STARTS = ("[CLS]", "<s>", "<bos>", "<sos>", "<start>", "__START__")
ENDS = ("[SEP]", "</s>", "<eos>", "<end>", "__EOS__")
PADS = ("[PAD]", "<pad>", "__PAD__")
UNKNOWNS = ("[UNK]", "<unk>", "__UNK__")

_EMBEDDINGS = ("__PAD__", "__START__", "__UNK__", "__EOS__")
"""The ids before the words of an embeddings file, in ``ysmiura/ifcc``."""
_SPARE = 4
"""Ids at the end of a network's vocabulary that may have no word: some programs count one twice."""
_LARGEST = 2**30
_JSON = re.compile(r'\s*(?:\{|\[\s*["\[\]\d])')


@dataclass(frozen=True)
class Vocabulary:
    """A decoder's words as a bundle keeps them.

    Attributes:
        tokenizer: the manifest's entry.
        files: what the entry names.
        start: id that begins a text.
        end: id that ends one.
    """

    tokenizer: Mapping[str, Any]
    files: Mapping[str, bytes]
    start: int
    end: int


def read_vocabulary(
    architecture: str, path: Path, size: int, special: Mapping[str, int] | None = None
) -> Vocabulary:
    """Read a decoder's words.

    The start and the end are those that the file names (``STARTS``, ``ENDS``). Where it names
    neither and gives no word the id 0, that is start, end and padding at once, as in R2Gen.

    Args:
        architecture: for messages.
        path: one of the four forms.
        size: V, ids the network knows.
        special: ids of ``start``, ``end`` and ``unknown`` of an architecture that fixes them, for a
            file that names none and gives these ids no words.

    Raises:
        CheckpointError: the file is missing, is something else, does not fit the network, or leaves
            open where a text starts and ends.
    """
    expected = "expected vocab.txt, JSON of words and ids, a word a line, or word embeddings"
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise CheckpointError(f"{path}: {problem.strerror}; {expected}") from None
    try:
        words = _parse(data)
    except (ValueError, RecursionError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise CheckpointError(f"{path} is no vocabulary ({reason}); {expected}") from None
    count = max(words, default=-1) + 1
    if not size - _SPARE <= count <= size:
        raise CheckpointError(
            f"{path} has {count} ids and the checkpoint of {architecture} {size}; "
            "expected the vocabulary that it was trained with"
        )
    start, end, unknown = _special(path, words, special)
    pieces = [words.get(number, "") for number in range(count)]
    if _is_wordpiece(pieces):
        entry: dict[str, Any] = {"kind": "wordpiece", "file": "vocab.txt"}
        return Vocabulary(entry, {"vocab.txt": data}, start, end)
    silent = {start, end, *(n for n, word in words.items() if word in (*STARTS, *ENDS, *PADS))}
    listed = ["" if number in silent else word for number, word in enumerate(pieces)]
    entry = {"kind": "words", "file": "words.json"}
    if unknown is not None:
        entry["unknown"] = unknown
    content = json.dumps(listed, ensure_ascii=False, indent=0).encode() + b"\n"
    return Vocabulary(entry, {"words.json": content}, start, end)


def _parse(data: bytes) -> dict[int, str]:
    """Word by id; ValueError where the data is none of the four forms."""
    text = data.decode("utf-8")
    if _JSON.match(text):  # and not a vocab.txt, whose first line may be [PAD]
        return _from_json(json.loads(text))
    lines = text.splitlines()
    head = lines[0].split() if lines else []
    if len(head) == 2 and all(part.isdigit() for part in head):
        return _from_embeddings(lines[1:], int(head[1]))
    pieces = parse_vocabulary(data)
    if any(len(piece.split()) > 1 for piece in pieces):
        raise ValueError("a line holds more than one word")
    return dict(enumerate(pieces))


def _from_json(content: object) -> dict[int, str]:
    pairs: list[tuple[int, Any]]
    if isinstance(content, list):
        pairs = list(enumerate(content))
    elif not isinstance(content, dict):
        raise ValueError("it is neither an object nor a list")
    elif all(type(value) is int for value in content.values()):
        pairs = [(number, word) for word, number in content.items()]
    else:
        pairs = [(int(number), word) for number, word in content.items()]
    if not all(isinstance(word, str) for _, word in pairs):
        raise ValueError("not every entry is a word and an id")
    words = dict(pairs)
    if len(words) != len(pairs) or not all(0 <= number < _LARGEST for number in words):
        raise ValueError("ids must be different numbers from 0 on")
    return words


def _from_embeddings(lines: list[str], columns: int) -> dict[int, str]:
    words = list(_EMBEDDINGS)
    for line in lines:
        word, *values = line.strip().split(" ")
        if len(values) != columns:
            raise ValueError(f"a line has {len(values)} numbers, the first line says {columns}")
        if word not in UNKNOWNS:
            words.append(word)
    return dict(enumerate(words))


def _is_wordpiece(pieces: list[str]) -> bool:
    try:
        WordPieceTokenizer(pieces)
    except ValueError:
        return False
    return len(set(pieces)) == len(pieces)


def _special(
    path: Path, words: Mapping[int, str], special: Mapping[str, int] | None
) -> tuple[int, int, int | None]:
    """Ids of the start, the end and the unknown word."""
    ids = {word: number for number, word in words.items()}
    start, end, unknown = (
        next((ids[name] for name in names if name in ids), None)
        for names in (STARTS, ENDS, UNKNOWNS)
    )
    if start is None and end is None:
        if special and not any(words.get(number) for number in special.values()):
            return special["start"], special["end"], special["unknown"]
        if not words.get(0):
            return 0, 0, unknown
    if start is None or end is None:
        which = "start" if start is None else "end"
        names = ", ".join(STARTS if start is None else ENDS)
        raise CheckpointError(
            f"{path} does not say which id is the {which} of a text; "
            f"give that id one of the names {names}"
        )
    return start, end, unknown
