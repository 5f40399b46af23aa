"""Writes the vocabularies of the tokenizer tests as plain text.

    python make_vocabularies.py SMOLLM2.gguf smollm2.vocabulary.txt
    python make_vocabularies.py GPT2.gguf gpt2.vocabulary.txt

Both vocabularies are a few pieces and then the results of the merges in order, so a file holds only the pieces that no
merge makes ("id kind piece") and, after an empty line, the merges. Needs the package gguf.
"""
import sys
from gguf import GGUFReader

reader = GGUFReader(sys.argv[1])
field = lambda name: reader.fields["tokenizer.ggml." + name].contents()
tokens, kinds, merges = field("tokens"), field("token_type"), field("merges")
joined = [merge.replace(" ", "") for merge in merges]
made = set(joined)
assert [token for token in tokens if token in made] == joined
with open(sys.argv[2], "w", encoding="utf-8", newline="\n") as out:
    for i, (token, kind) in enumerate(zip(tokens, kinds)):
        if token not in made:
            out.write(f"{i} {kind} {token}\n")
    out.write("\n" + "\n".join(merges) + "\n")
