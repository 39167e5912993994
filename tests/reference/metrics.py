"""Writes tests/fixtures/metrics.json: Visual-ARFT's metrics in Python's own words, and tests of pairs.

Written from the description of what the published evaluation does, to see where JavaScript's idea of
lower case, blanks and word boundaries differs. Needs nothing but Python. How to run it: README.md.
"""
import itertools, json, math, pathlib, random, re, string
from fractions import Fraction

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "metrics.json"
WIDE = "！？｡＂＃＄％＆＇（）＊＋，－．／：；＜＝＞＠［＼］＾＿｀｛｜｝～“”‘’、。：《》【】"
PIECES = ["a", "an", "the", "The", "A", "cat", "Cat's", "New York", "New York", "España", "señora a", "a\u0301",
          "naïve", "İstanbul", "ΟΔΟΣ", "straße", "x²", "70°", "0.24", "1/2", "_a_", "软件工程", "发票", "大a", "2021年",
          "カタカナ", "한국", " ", "\u00a0", "\u3000", "\n", "\t", "\\n", "\ufeff", "—", "…", "。", "，", "“", "％", "'", "-", "$", "|"]


def is_chinese(text):
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def normalize(text, coding):
    gone = string.punctuation + (WIDE if coding else "")
    text = "".join(sign for sign in text.lower() if sign not in gone)
    if coding and is_chinese(text):
        return text.replace(" ", "")
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def score(answer, golds, coding, repaired):
    """(exact match, F1) as the evaluation has them; without `repaired`, as the training reward has them."""
    best, exact = 0.0, 0
    given = normalize(answer, coding)
    for gold in (normalize(gold, coding) for gold in golds):
        by_sign = coding and (is_chinese(given) or is_chinese(gold))
        a, b = (list(given), list(gold)) if by_sign else (given.split(), gold.split())
        same = len(set(a) & set(b))
        if same:
            precision, recall = same / len(a), same / len(b)
            best = max(best, 2 * precision * recall / (precision + recall))
        exact = max(exact, int(given == gold))
    return exact, 1.0 if repaired and exact else best


def texts(draw):
    gap = draw.choice(["", " ", " "])
    return gap.join(draw.choice(PIECES) for _ in range(draw.randint(0, 5)))


def mcnemar(first, second):
    n, least = first + second, min(first, second)
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(least + 1))
    return float(min(Fraction(1), 2 * tail))


def sign_flip(differences):
    """Of whole numbers, all signs tried."""
    observed = abs(sum(differences))
    sums = [abs(sum(s * d for s, d in zip(signs, differences)))
            for signs in itertools.product((1, -1), repeat=len(differences))]
    return sum(total >= observed for total in sums) / len(sums)


if __name__ == "__main__":
    draw = random.Random(20251122)
    cases = []
    for _ in range(160):
        golds = [texts(draw) for _ in range(draw.randint(1, 2))]
        answer = draw.choice(golds + [texts(draw)] * 3)
        scores = [score(answer, golds, True, True), score(answer, golds, False, True), score(answer, golds, False, False)]
        cases.append([answer, golds, *scores])
    discordant = [[a, b, mcnemar(a, b)] for a, b in ((0, 0), (0, 1), (1, 9), (5, 5), (3, 12), (40, 71), (900, 1100))]
    flips = [[d, sign_flip(d)] for d in ([5], [3, -1], [1, 1, 1, 1, 1], [4, -2, 7, 7, -1, 3], [10, 20, -5, 30, 15, 0, 25, -10],
                                         list(range(1, 15)), [1, -1] * 5)]
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    FIXTURE.write_text(json.dumps({"discordant": discordant, "flips": flips})[:-1] + ',\n"cases": [\n' + rows + "\n]}\n")
