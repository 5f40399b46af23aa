"""Writes small tokenizer.json files in the layouts of published models and what the package tokenizers makes of texts.

Needs the package tokenizers. The training text is written here; the vocabularies mean nothing.
"""
import json
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import deepseek_words

CORPUS = ["The quick brown fox jumps over the lazy dog, doesn't it? 1234 times!", "  def f(x):\n    return x ** 2  # it's\n\n",
          "Caf\u00e9 na\u00efve \u65e5\u672c\u8a9e \u0440\u0443\u0441\u0441\u043a\u0438\u0439", "WE'LL SEE, they'll see; I've seen 3.14 and 2024."] * 3
MODERN = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
SPECIAL = [AddedToken("<|begin|>", special=True), AddedToken("<|end|>", special=True, rstrip=True), AddedToken("<|pad|>", special=True, lstrip=True), AddedToken("<tool>", special=False, normalized=False)]
TEXTS = ["", " ", "Hello, world!", "The quick brown fox doesn't see 12345 dogs.", "<|begin|>user\n\nHi<|end|>\n  then  <|pad|> x<tool> y <|begin|><|end|>", "  two  spaces\n\n\nand lines\t\ttabs ",
         "caf\u00e9 cafe\u0301 \u65e5\u672c\u8a9e \U0001f600 \u0440\u0443\u0441", "IT'S WE'LL 3.14", "<|beg", "quick", " quick quick", "lazy dog's 2024\r\n"]

UNUSED = "\u00f8\u00f6\u00fa\u00ff\u00f5\u00f7\u00fb\u00fd\u00c0\u00f9\u00c1\u00fe\u00fc"
DEEPSEEK = ["<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5c\u2581pad\u2581\uff5c>", "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<think>", "</think>"]


def byte_level(pre, special_first=False, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_tokens(SPECIAL)
    return tokenizer


def deepseek(rule, special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = deepseek_words.RULES[rule]
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=True, trim_offsets=False)
    # Bytes that UTF-8 never has are no pieces; the letters that spell them are added as they are. In all there are not
    # more tokens than the tiny checkpoints have.
    alphabet = [letter for letter in pre_tokenizers.ByteLevel.alphabet() if letter not in UNUSED]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=304, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_tokens([AddedToken(name, special=name in DEEPSEEK[:3], normalized=name not in DEEPSEEK[3:]) for name in special])
    return tokenizer


def split(number):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(MODERN % number), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def spaced():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    words = [normalizers.Replace(" ", "\u2581").normalize_str("\u2581" + word) for text in CORPUS[:1] + CORPUS[3:4] for word in text.split(" ")]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>", "<s>", "</s>"] + ["<0x%02X>" % i for i in range(256)], show_progress=False)
    tokenizer.normalizer, keep = None, tokenizer.normalizer
    tokenizer.train_from_iterator(words, trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.normalizer = keep
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tokenizer


made = {"gpt2": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "smollm": byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
        "llama-3": byte_level(split(r"\p{N}{1,3}"), ignore_merges=True), "qwen2": byte_level(split(r"\p{N}")), "llama-2": spaced(), "first": spaced()}
made["qwen2"].normalizer = normalizers.NFC()
begin = made["llama-3"].token_to_id("<|begin|>")
made["llama-3"].post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A $B", special_tokens=[("<|begin|>", begin)])])
made["first"].normalizer = None
made["first"].pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
made |= {"deepseek-llm": deepseek("deepseek-llm", [*DEEPSEEK[:2], *UNUSED]), "deepseek-coder": deepseek("deepseek-coder", [*UNUSED, *DEEPSEEK[:2]]),
         "deepseek-v3": deepseek("deepseek-v3", DEEPSEEK)}
TEXTS_SPACED = ["<s>a b</s> c", "</s>"]
TEXTS_DEEPSEEK = ["<\uff5cbegin\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>Hi  12345 <\uff5cAssistant\uff5c><think>\n\u65e5\u672c\u8a9eo\u0301</think>\n\nDone.<\uff5cend\u2581of\u2581sentence\uff5c>", "\uff11\uff12\uff13\uff14\uff01 \u3042\u30ab\u30fb\ud55c\u3000x  ",
                  "K\u00f8benhavn f\u00fcr 5 \u00f7 2\r\n"]
cases = []
for name, tokenizer in made.items():
    texts = TEXTS + (TEXTS_DEEPSEEK if name.startswith("deepseek") else TEXTS_SPACED)
    cases.append({"name": name, "tokenizer": json.loads(tokenizer.to_str()), "texts": [
        {"text": text, "ids": tokenizer.encode(text).ids, "decoded": tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=True)} for text in texts]})
    for case in cases[-1]["texts"]:
        # The package reads an added letter as the byte that it spells, so it does not give the text back.
        if "\ufffd" in case["decoded"]:
            case["decoded"] = case["text"]
with open("tokenizers.json", "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases) + "\n]\n")
