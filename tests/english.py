"""Phrases that plain technical English avoids, for tests over SQL, Python and Markdown."""

from __future__ import annotations

import re

# Each phrase is a sign of a stilted sentence: rewrite the sentence, not only the phrase.
BANNED_PHRASES = (
    r"\b(is|are|was|were) told\b",
    r"(?<!\bthere )\b(is|are) (?-i:none)\b",  # "null if there are none" is fine
    r"\b(it|that|which|what|something) is no\b",
    r"\banew\b",
    r"\bso (many|much)\b",
    r"\bof now\b",
    r"\bbesides?\b",
    r"\bof which\b",
    r"\b(is|are) of\b",
    r"\bthose (that|who|which)\b",
    r"\bwhere (there is|there are|it has) (one|none)\b",
    r"\bha(s|ve) not (a|an|any|its|the|this)\b",
    r"\bat hand\b",
    r"\bhands? over\b",
    r"\blies\b",
    r"\bwhoever\b",
    r"\bnobody\b",
    r"\bmade of\b",
    r"\b(is|are) in order\b",
    r"\bcut off\b",
    r"\bgo(es)? on\b",
    r"\ball the same\b",
    r"\blooked through\b",
    r"\btaken out\b",
    r"\bput in\b(?! (a|an|the|force)\b)",
)
_BANNED = re.compile("|".join(f"(?:{phrase})" for phrase in BANNED_PHRASES), re.IGNORECASE)
_SENTENCE = re.compile(r"[^.?!]+[.?!]*")
_NO_QUESTION = re.compile(r"(What|Who)\b(?!.*\?$)", re.DOTALL)


def find_stilted(text: str) -> list[str]:
    """Return the banned phrases in a text, and each sentence that begins with What or Who without a question.

    Args:
        text: prose, without the marks of comments. A phrase may continue on the next line.
    """
    text = " ".join(text.split())
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text)]
    return [
        *(found.group() for found in _BANNED.finditer(text)),
        *(sentence for sentence in sentences if _NO_QUESTION.match(sentence)),
    ]
