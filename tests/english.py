"""Phrases that plain technical English avoids, for tests over SQL, Python and Markdown.

``python -m tests.english [CHECKOUT ...]`` counts them in a checkout, or in several next to each other.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

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


def read_text(path: Path) -> str:
    """Return the prose of a file: of a Python module its docstrings, other strings and comments."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return re.sub(r"\{%.*?%\}", " ", source)  # Jinja has its own `is none`
    if path.suffix == ".sql":
        return re.sub(r"^\s*--", "", source, flags=re.MULTILINE)
    if path.suffix != ".py":
        return source
    strings = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    comments = [
        token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    return "\n\n".join([*strings, *comments])


def list_files(checkout: Path) -> list[Path]:
    """Return the files of a checkout whose texts people read, tests excepted."""
    folders = ("lenet_pipeline", "flows", "benchmarks", "docs", "sql")
    found = [path for folder in folders for path in (checkout / folder).rglob("*")]
    kept = [path for path in found if path.suffix in (".py", ".sql", ".html", ".md")]
    return sorted([*kept, *checkout.glob("*.md")])


def count_phrases(checkout: Path) -> Counter[str]:
    """Count each banned phrase in a checkout, and the sentences that begin with What or Who."""
    counts: Counter[str] = Counter()
    for path in list_files(checkout):
        text = " ".join(read_text(path).split())
        for phrase in BANNED_PHRASES:
            counts[phrase] += len(re.findall(phrase, text, re.IGNORECASE))
        sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
        counts["a sentence that begins with What or Who"] += sum(
            bool(_NO_QUESTION.match(sentence)) for sentence in sentences
        )
    return counts


def main() -> None:
    """Print a row for each phrase, and a column for each checkout."""
    checkouts = [Path(name) for name in sys.argv[1:]] or [Path.cwd()]
    counts = [count_phrases(checkout) for checkout in checkouts]
    for phrase in counts[0]:
        columns = "".join(f"{each[phrase]:>8,}" for each in counts)
        sys.stdout.write(f"{phrase:<60.60}{columns}\n")
    totals = "".join(f"{each.total():>8,}" for each in counts)
    sys.stdout.write(f"{'total':<60}{totals}\n")


if __name__ == "__main__":
    main()
