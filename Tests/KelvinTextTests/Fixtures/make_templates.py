"""Writes templates.json: chat templates in the style of published ones, rendered by Jinja2 as Hugging Face runs it.

Needs the package jinja2. The templates are written for this test; they follow the formats, not the text, of others.
"""
import datetime
import json
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


NOW = datetime.datetime(2026, 3, 9, 14, 5, 7)
env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = NOW.strftime

TEMPLATES = {}
TEMPLATES["chatml"] = """{%- for m in messages %}
<|im_start|>{{ m.role }}
{{ m['content'] | trim }}<|im_end|>
{% endfor -%}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
"""
TEMPLATES["llama-2"] = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""
TEMPLATES["llama-3"] = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- Take the system message out. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none and tools is defined %}{{- "Environment: ipython\\n" }}{% endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("One call at a time") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", "parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
        {{- "<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
TEMPLATES["mistral"] = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages if message.role in ['user', 'assistant'] and message.tool_calls is not defined %}
    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("Roles must alternate user/assistant") }}{%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" and message.content %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endfor %}
{{- user_messages | length }}"""
TEMPLATES["gemma"] = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"""
TEMPLATES["phi-3"] = """{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"""
TEMPLATES["qwen-2.5"] = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\nSignatures within <tools></tools> XML tags:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
TEMPLATES["zephyr"] = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
TEMPLATES["deepseek"] = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = ns.system_prompt ~ message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<\uff5cUser\uff5c>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<\uff5cAssistant\uff5c>' + content + eos_token}}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{{'<\uff5ctool\u2581output\uff5c>' + message['content']}}{%- endif %}{%- endfor -%}{% if add_generation_prompt and not ns.is_tool %}{{'<\uff5cAssistant\uff5c><think>\\n'}}{% endif %}"""
TEMPLATES["deepseek-v2"] = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '

' }}{% elif m['role'] == 'user' %}{{ 'User: ' + m['content'] + '

' }}{% elif m['role'] == 'assistant' %}{{ 'Assistant: ' + m['content'] + eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""
TEMPLATES["deepseek-v3"] = """{%- set ns = namespace(called=false, answered=false, asked=false) -%}
{{- bos_token }}{{ messages | selectattr('role', 'equalto', 'system') | map(attribute='content') | join('\n\n') }}
{%- for message in messages %}
  {%- if message['role'] == 'user' %}
    {%- set ns.answered = false -%}{%- set ns.asked = true -%}
    {{- '<\uff5cUser\uff5c>' + message['content'] }}
  {%- elif message['role'] == 'assistant' and 'tool_calls' in message %}
    {%- for tool in message['tool_calls'] %}
      {%- if not ns.called %}{{ '<\uff5cAssistant\uff5c>' + (message['content'] if message['content'] is not none else '') + '<\uff5ctool\u2581calls\u2581begin\uff5c>' }}{% else %}{{ '\\n' }}{% endif %}
      {%- set ns.called = true -%}
      {{- '<\uff5ctool\u2581call\u2581begin\uff5c>' + tool['type'] + '<\uff5ctool\u2581sep\uff5c>' + tool['function']['name'] + '\\n```json\\n' + tool['function']['arguments'] | tojson + '\\n```<\uff5ctool\u2581call\u2581end\uff5c>' }}
    {%- endfor %}{{ '<\uff5ctool\u2581calls\u2581end\uff5c><\uff5cend\u2581of\u2581sentence\uff5c>' }}
  {%- elif message['role'] == 'assistant' and 'tool_calls' not in message %}
    {%- if ns.asked and not ns.answered %}{{ '<\uff5cAssistant\uff5c>' + ('<think>' if message['prefix'] is defined and message['prefix'] else '</think>') }}{% endif %}
    {%- set content = message['content'] -%}
    {%- if '</think>' in content %}{% set content = content.split('</think>', 1)[1] %}{% endif -%}
    {{- content + '<\uff5cend\u2581of\u2581sentence\uff5c>' }}
  {%- elif message['role'] == 'tool' %}
    {{- '<\uff5ctool\u2581output\u2581begin\uff5c>' + message['content'] + '<\uff5ctool\u2581output\u2581end\uff5c>' }}{%- set ns.answered = true -%}
  {%- endif %}
{%- endfor -%}
{% if add_generation_prompt and not ns.answered %}{{ '<\uff5cAssistant\uff5c><think>\\n' }}{% endif %}"""
TEMPLATES["command-r"] = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% elif false == true %}{% set loop_messages = messages %}{% set system_message = 'x' %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% if system_message != false %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system_message + '<|END_OF_TURN_TOKEN|>' }}{% endif %}{% for message in loop_messages %}{% set content = message['content'] %}{{ {'user': '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>', 'assistant': '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'}.get(message['role'], '<?>') ~ content.strip() ~ '<|END_OF_TURN_TOKEN|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"""
TEMPLATES["macros"] = """{%- macro render_type(param, depth=0) -%}
    {%- if param.type == 'array' -%}
        {{ render_type(param['items'], depth + 1) }}[]
    {%- elif param.type == 'object' -%}
        {{ '{' }}
        {%- for name, inner in param.properties.items() -%}
            {{ name }}: {{ render_type(inner, depth=depth + 1) }}{{ ', ' if not loop.last else '' }}
        {%- endfor -%}
        {{ '}' }}
    {%- elif param.enum is defined -%}
        {{ param.enum | map('tojson') | join(' | ') }}
    {%- else -%}
        {{ {'string': 'str', 'integer': 'int'}.get(param.type, 'any') }}@{{ depth }}
    {%- endif -%}
{%- endmacro -%}
{%- macro turn(role, content='', end=eos_token) %}<{{ role }}>{{ content }}{{ end }}{% endmacro -%}
{%- set ns = namespace(count=0, roles=[]) -%}
{%- for tool in tools or [] %}
def {{ tool.function.name }}({% for name, param in tool.function.parameters.properties | dictsort %}{{ name }}: {{ render_type(param) }}{% if name not in tool.function.parameters.required %} = None{% endif %}{% if not loop.last %}, {% endif %}{% endfor %}):
    \"\"\"{{ tool.function.description | default('no description', true) | indent(4) }}\"\"\"
{{ tool | tojson(indent=2) }}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}{% continue %}{% endif %}
    {%- if loop.index > 6 %}{% break %}{% endif %}
    {%- set ns.count = ns.count + message.content | length %}
    {%- set ns.roles = ns.roles + [message.role] %}
    {%- set body %}
    [{{ loop.index }}/{{ loop.length }}:{{ loop.revindex }}] {{ (loop.previtem | default({'role': 'start'})).role }} > {{ (loop.nextitem | default({'role': 'end'})).role }}: {{ message.content | trim }}
    {%- endset %}
    {%- generation %}{{ turn(message.role | capitalize, content=body) }}{% endgeneration %}
{%- else %}no messages
{%- endfor %}
{{ ns.count }} {{ ns.roles }} {{ ns.roles | unique | sort | join('-') }} {{ turn('assistant', end='') if add_generation_prompt }}"""
TEMPLATES["operators"] = """{{ 1 + 2 * 3 ** 2 - 7 // 2 - -7 // 2 + 7 % 3 + -7 % 3 }} {{ 7 / 2 }} {{ 2 ** -1 }} {{ 'a' * 3 ~ 1 ~ none ~ true ~ 1.50 }} {{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }}
{{ [1, 'two', 3.0, none, [true], {'k': 'it\\'s'}, (1,), ()] }} {{ not false and true or undefined_name }} {{ 'x' in 'xyz' and 'q' not in ['a'] }}
{{ 'abcdef'[1:4] }}{{ 'abcdef'[::-1] }}{{ 'abcdef'[-2:] }}{{ 'abcdef'[10:] }}{{ [1,2,3,4][::2] }}{{ [1,2,3][-1] }}{{ 'abc'[5] }}{{ 'abc'[0] }}
{{ ' a b  c '.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a\\nb\\r\\nc'.splitlines() }} {{ 'x--y'.replace('-', '+', 1) }} {{ 'xxabcxx'.strip('x') }}
{{ 'hello World-foo bar'|title }} {{ 'hELLO wORLD'|capitalize }} {{ 'hello world'.title() }} {{ ['b','A','c','a']|sort }} {{ [3,1,2]|sort(reverse=true) }} {{ ['b','A','a']|unique|list }}
{{ [1,2,3,4,5]|select('odd')|list }} {{ [1,2,3]|reject('equalto', 2)|list }} {{ [{'a':1},{'a':2},{}]|map(attribute='a', default=0)|list }} {{ [{'a':{'b':1}}]|map(attribute='a.b')|first }}
{{ messages|selectattr('role','in',['user','tool'])|map(attribute='role')|join(',') }} {{ messages|rejectattr('role','eq','user')|list|length }} {{ [0,1,'',none]|select|list }}
{{ '3.7'|int }} {{ 'x'|int(5) }} {{ '2.5'|float }} {{ 2.5|round }} {{ 3.14159|round(2) }} {{ 2.1|round(method='ceil') }} {{ -3|abs }} {{ 2.0 }} {{ 1e20 }} {{ 1.5e-7 }}
{{ {'b':1,'a':[1,{'c':"q\\"\\u00e9\\n"}]}|tojson }} {{ {'b':1,'a':2}|tojson(sort_keys=true, separators=(',',':')) }} {{ [1,2]|tojson(indent=1) }} {{ {}|tojson(indent=2) }} {{ {'a':1}.items()|list }} {{ {'b':1,'a':2}|dictsort }} {{ {'z':1}|items|list }}
{{ 'a' is string }} {{ 1 is number }} {{ 1.0 is float }} {{ true is integer }} {{ none is none }} {{ {} is mapping }} {{ [] is sequence }} {{ nothing is undefined }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 1 is not string }} {{ 'x' is in ['x'] }} {{ true is true }} {{ 5 is gt 3 }}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}+{{ b }}={{ a + b }}{{ ';' if not loop.last else '.' }}{% endfor %} {% for x in [1,2,3,4,5,6] if x is even %}{{ loop.index }}:{{ x }} {% else %}never{% endfor %}{% for x in [] %}{% else %}empty{% endfor %}
{% set a, b = 1, 'two' %}{{ a }}{{ b }} {% set x %} captured {{ a }} {% endset %}[{{ x }}] {{ range(3)|list }}{{ range(5, 0, -2)|list }} {{ 'line1\\nline2\\n\\nline4'|indent(2) }} {{ 'l1\\nl2'|indent(2, true) }} {{ [1,2,3]|last }} {{ 'abc'|first }} {{ 'abc'|reverse }} {{ 'abc'|list }} {{ [[1,2],[3]]|map('length')|list }} {{ 'a'.join(['1','2']) }}
{{ 'caf\\u00e9'|upper }} {{ 'STRASSE'.lower() }} {{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x','c')) }} {{ '  pad '.lstrip() }}|{{ '  pad '.rstrip() }}| {{ "dq 'sq'" }} {{ ["it's", 'say "x"'] }} {{ 'tab\\t' }} {{ 'a' 'b' }} {{ 10 // 3 * 3 + 10 % 3 }} {{ (1, 2) + (3,) }} {{ [1] + [2] }} {{ dict(a=1) }} {{ namespace(q=4).q }} {{ none or 'fallback' }} {{ '' | default('d', true) }} {{ missing | default('m') }}"""
TEMPLATES["white space"] = """  {% if true %}
    indented
  {% endif %}
{# a comment #}
  {#- another -#}  
x {%- if true -%}   y   {%- endif %} z
	{%+ if true %}kept{% endif +%}
{{ 'a' }}
  {{- 'b' -}}
  c
{% for i in [1, 2] %}
- {{ i }}
{% endfor %}


end
"""
if len(sys.argv) > 1:
    from gguf import GGUFReader
    TEMPLATES["smollm2"] = GGUFReader(sys.argv[1]).fields["tokenizer.chat_template"].contents()

CALL = {"id": "abc123def", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Z\u00fcrich", "days": 2}}}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.\nIn <b>degrees</b>.", "parameters": {
    "type": "object", "properties": {"days": {"type": "integer"}, "city": {"type": "string", "description": "A \"name\""},
                                     "unit": {"type": "string", "enum": ["C", "F"]}, "tags": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "number"}}}}},
    "required": ["city"]}}}]
user, assistant, system = (lambda role: lambda text: {"role": role, "content": text})("user"), (lambda t: {"role": "assistant", "content": t}), (lambda t: {"role": "system", "content": t})
CONVERSATIONS = [
    {"messages": [user("Hello!")], "add_generation_prompt": True},
    {"messages": [system("Be brief."), user("  What is 2 + 2?\n"), assistant("4."), user("And \"3\" + 3? \U0001f600")], "add_generation_prompt": True},
    {"messages": [user("a\r\nb"), assistant("<think>hm</think>\n\nDone  ")], "add_generation_prompt": False},
    {"messages": [user("Weather?"), {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "content": "{\"t\": 21}", "name": "get_weather"}], "add_generation_prompt": True, "tools": TOOLS},
    {"messages": [assistant("I begin."), user("Why?")], "add_generation_prompt": True},
    {"messages": [], "add_generation_prompt": True},
]

cases = []
for name, source in TEMPLATES.items():
    template = env.from_string(source)
    results = []
    for conversation in CONVERSATIONS:
        variables = {"bos_token": "<s>", "eos_token": "</s>", **conversation}
        try:
            results.append({"text": template.render(**variables)})
        except jinja2.exceptions.UndefinedError as error:
            results.append({"fails": str(error)})
        except jinja2.exceptions.TemplateError as error:
            results.append({"raises": str(error)})
    cases.append({"name": name, "source": source, "results": results})
    print(name, [next(iter(result)) for result in results])
with open("templates.json", "w", encoding="utf-8") as out:
    json.dump({"conversations": CONVERSATIONS, "templates": cases}, out, indent=1, ensure_ascii=True)
    out.write("\n")
