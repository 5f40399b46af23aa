"""Writes word-splits.json: how the published regular expressions of four pre-tokenizers cut awkward texts.

Needs the package regex, which knows Unicode categories and behaves here as the engines of the original tokenizers do.
"""
import json
import random
import regex

GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
MODERN = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
LLAMA, QWEN = MODERN % r"\p{N}{1,3}", MODERN % r"\p{N}"


def smollm(text):
    return [word for part in regex.findall(r"\p{N}|[^\p{N}]+", text)
            for word in ([part] if regex.fullmatch(r"\p{N}", part) else regex.findall(GPT2, part))]


TEXTS = [
    "", " ", "  ", "\n", "\r\n", " \n", "\n ", "\t\t", "a", " a", "  a", "a ", "a  ", "a\n", "a\n\n b", "a \n b", "a \n\n  b",
    "I'll don't we've they're she'd it's I'm", "I'LL DON'T WE'VE THEY'RE SHE'D IT'S I'M", "'s's 'S 'Sam 'til '", "''s ''",
    "it\u017f '\u017f x'\u017fy", "'ll'LL'lL'Ll 'l 'r 'v 're've", "x='s'", "1 12 123 1234 12345 1234567", "3.14 1,000,000 1e-5", "  12\n 34\n\n56 ",
    "a1b22c333d4444", "\u0661\u0662\u0663\u0664 \u00bd\u00b2\u2167 \u3007\u4e00", "!!! ...\n\n...\r\n,,,\n x", " !!\n\n  !!", "(a)[b]{c} <d>/e\\f", "don\u2019t \u2018quote\u2019 \u201cq\u201d",
    "caf\u00e9 cafe\u0301 n\u0303o \u0301x", "\u65e5\u672c\u8a9e \u4e2d\u6587\uff0c\u6807\u70b9\u3002", "\u0645\u0631\u062d\u0628\u0627 \u0639\u0644\u064a\u0643\u0645", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0939\u093f\u0928\u094d\u0926\u0940", "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2705\ufe0f!",
    "a\u00a0b \u00a0c\u00a0 d", "a\u2003b\u3000c\u2028d\u2029e\u0085f", "a\u200bb\ufeffc\u00add", "\x00\x01\x1c\x1d\x1e\x1f\x7f x", "\x0b\x0c a\x0b\x0c1",
    " \t \n \t x", "\t\tif x:\n\t\t\treturn y  # z\n\n\n\n", "\r\r\n\n\r x", "   \r\n   \r\n   1", "_a __b__ c_d", "$1 \u20ac2 3% #4 @you", "\U0001d54f\U0001d7d8 \u01c5\u02b0\u16ee", "   'tis", "\n's \t't",
    "end.  ", "end.\n  \n", "a\n  1", "a  \n\n1", "x \u00a01", "1 \u00a0\n", "!\r\n!\n\r\n ?",
]
ALPHABET = "aZ\u00e9\u65e5\u03319\u00bd .,'!-\n\r\t\u00a0\u2003\U0001f600sStTlLdrevm  \n"
random.seed(7)
TEXTS += ["".join(random.choice(ALPHABET) for _ in range(random.randint(3, 40))) for _ in range(250)]

cases = []
for text in TEXTS:
    words = {"gpt2": regex.findall(GPT2, text), "smollm": smollm(text), "llama-bpe": regex.findall(LLAMA, text), "qwen2": regex.findall(QWEN, text)}
    assert all("".join(split) == text for split in words.values())
    cases.append({"text": text, **{name: [len(word.encode()) for word in split] for name, split in words.items()}})
with open("word-splits.json", "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n")
