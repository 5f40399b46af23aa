"""Writes named-templates.json: the templates of ChatTemplateRegistry, rendered by Jinja2 as Hugging Face runs it.

Needs the package jinja2. The texts are read out of the Swift file; what they should give is decided here, by Jinja2.
"""
import json
import pathlib
import re
import textwrap

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

here = pathlib.Path(__file__).parent
swift = (here / "../../../Sources/KelvinText/Templates/ChatTemplateRegistry+Texts.swift").read_text()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
env.globals["raise_exception"] = raise_exception

system = {"role": "system", "content": "Be brief."}
first = {"role": "user", "content": "  What is 2 + 2?\n"}
answer = {"role": "assistant", "content": "4.  "}
second = {"role": "user", "content": "And \"3\" + 3? \U0001f600"}
conversations = [
    {"messages": messages, "add_generation_prompt": adds}
    for messages, adds in [
        ([second], True), ([system, first, answer, second], True), ([first, answer], False),
        ([first, answer, second], True), ([answer, first], True), ([], True),
    ]
]
templates = []
for name, text in re.findall(r'static let (\w+) = #"""\n(.*?)\n    """#', swift, re.S):
    source = textwrap.dedent(text)
    results = []
    for conversation in conversations:
        try:
            text = env.from_string(source).render(bos_token="<s>", eos_token="</s>", **conversation)
            results.append({"text": text})
        except jinja2.exceptions.TemplateError as error:
            results.append({"raises": str(error)})
    templates.append({"name": name, "source": source, "results": results})
golden = {"conversations": conversations, "templates": templates}
(here / "named-templates.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
