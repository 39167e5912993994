"""Writes tests/fixtures/tokenizer-parity.json: what the Rust tokenizers library says about ours.

How to run it: README.md.
"""
import json, pathlib, random, subprocess
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
FIXTURE = HERE.parent / "fixtures" / "tokenizer-parity.json"
ALPHABETS = ["etaoin shrdlu", " \t\r\n\u00a0\u3000", "0123456789+-=*/", "ÀéîõüßŒ\u0301\u0308", "你好世界，。",
             "😀👩‍👩‍👧‍👦🏳️‍🌈", "<|im_start|><|im_end|>", "'s't're've'm'll'd'S'LL", "ﬀŁ\u212bक्षि\u0000\u007f\ufeff"]
FIXED = ["", " ", "\n\n\n", "Hello, world!", "the image shows two cats. <|im_end|>\n<|im_start|>user\n", "<tool_call>{\"a\": 1}</tool_call>",
         "<|im_end", "a<|vision_start|><|image_pad|><|vision_end|>b", "x = 3.14159\r\n\r\n  return x", "I'LL we've they're"]


def small_tokenizer():
    """The `tokenizer.json` of the tests."""
    command = ["node", "--import", "tsx", HERE / "small-tokenizer.ts"]
    made = subprocess.run(command, check=True, capture_output=True, cwd=HERE.parents[1])
    return json.loads(made.stdout)


if __name__ == "__main__":
    source = small_tokenizer()
    tokenizer = Tokenizer.from_str(json.dumps(source))
    draw = random.Random(7)
    texts = FIXED + ["".join(draw.choice(draw.choice(ALPHABETS)) for _ in range(draw.randint(1, 24))) for _ in range(150)]
    cases = [[text, (ids := tokenizer.encode(text).ids), tokenizer.decode(ids, skip_special_tokens=False)] for text in texts]
    body = ",\n".join(json.dumps(case) for case in cases)
    FIXTURE.write_text('{"tokenizer":' + json.dumps(source) + ',\n"cases":[\n' + body + "\n]}\n")
