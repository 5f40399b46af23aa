"""Writes word-splits.json: how the published regular expressions of pre-tokenizers cut awkward texts.

Needs the package regex, which knows Unicode categories and behaves here as the engines of the original tokenizers do,
and the package tokenizers for the rules of several steps.
"""
import json
import random
import regex

import deepseek_words

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
TEXTS += [
    "\u00a0x", "x\u00a0", "x \u00a0 ", "x\t ", " \r\n ", "a\r\nb\rc\n\rd", "  \r\n\r\n  x  ", "          12345678", " " * 9 + "a" + " " * 9, "\t\t\t7",
    "1 23 456 7890 x1y22z333 \u0661\u0662\u0663\u0664\u2160\u00b2\u00bd 1,234.5e-6", "\uff11\uff12\uff13\uff14 \uff21\uff22\uff43 \uff01\uff1f\uff0c\u3002\u300c\u6f22\u5b57\u300d\u3000\u3000x",
    "\u6f22\u5b57\u304b\u306a\u30ab\u30bf\u30ab\u30ca\u30fb\u30fc\u3099\u309b\u3400\u9fa6\u9fff\ud55c\uad6d\uc5b4 \u4e2d\u6587abc\u4e2d\u6587123", " \u4e2d\u6587 \u6f22 ", "\u3105\u3131\u1112\u1161\u11ab\ua000\ud7a3\ud7b0\uf900",
    "h\u00e9llo w\u01bb\u0294rld na\u00efve Z\u0301a\u0327\u20dd \u0327\u0327 \u0301", "\u1f00\u03ac \u1f7d\u1fbe\u1fd3\u212a\u2126 \ufb01\ufb13 \U00010400\U00010c80\U0001e900", "\u0391\u03b2\u03b3 \u0416\u0443\u043a \u0531\u0561 \u10a0\u10d0 \u13a0 \u05d0\u05d1 \u0627\u0628",
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0915\u094d\u0937\u0930 \u1000\u103b \u0800\u07c0", "!a !ab 'tis (x) .NET @user #tag _id -1 +b ~z `q` {k}|v|", "!\u00e9 \u00bfque \u20ac5 \u00a7a \u2018a\u2019 \u201cb\u201d \u2026 \u2014c", "a?! b?!\n\n?\r\nc",
    "$$$ +++ <=> ^^ `` ||  ~~", "\u2211x \u2192y \u00acz \u2603\ufe0f", "\u200b\u200ba \u200d1 \x00b \x7f\x7f \ue000x \u0378y \U000e0001z", "\u0085a\u0085\u0085 \u2028b\u2029", "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea\u261d\U0001f3fd \U0001f600a",
    "<\uff5cUser\uff5c>Hi<\uff5cend\u2581of\u2581sentence\uff5c>", "K\u00f8benhavn \u00f7 \u00ff", "int main() {\n\treturn 0;  // \u6ce8\u91ca\n}\n", "x  \n  y\n  ", "\u3000", "\u3000\u3000 \u3000", "\u2003\u2003a", "\x1c\x1dq",
]
WIDE = ALPHABET + "\u304b\u30ab\u30fb\ud55c\u0411\u0e32\uff01\uff11\uff21\u3000\u2018\u200b\u20ac+<_:[\u0661\u2167\u0327\u1f7d\u05d0\u00f8  12 \r\n"
TEXTS += ["".join(random.choice(WIDE) for _ in range(random.randint(3, 40))) for _ in range(120)]

cases = []
for text in TEXTS:
    words = {"gpt2": regex.findall(GPT2, text), "smollm": smollm(text), "llama-bpe": regex.findall(LLAMA, text), "qwen2": regex.findall(QWEN, text)}
    assert all("".join(split) == text for split in words.values())
    lengths = {name: [len(word.encode()) for word in split] for name, split in words.items()}
    # Every byte is a character after the last step.
    lengths |= {name: [len(word) for word, _ in rule.pre_tokenize_str(text)] for name, rule in deepseek_words.RULES.items()}
    assert all(sum(split) == len(text.encode()) for split in lengths.values())
    cases.append({"text": text, **lengths})
with open("word-splits.json", "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n")
