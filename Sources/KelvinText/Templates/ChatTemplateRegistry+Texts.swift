/// The texts, after the formats that their models were trained on.
///
/// A format without a place for a system message has it in front of what the user says first.
extension ChatTemplateRegistry {
  static let chatml = #"""
    {%- for message in messages %}
      {{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
    """#

  static let llama2 = #"""
    {%- set turns = messages %}{% set preface = '' %}
    {%- if messages and messages[0]['role'] == 'system' %}
      {%- set turns = messages[1:] %}{% set preface = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}
    {%- endif %}
    {%- for message in turns %}
      {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('user and assistant must alternate, the user first') }}
      {%- endif %}
      {%- if message['role'] == 'user' %}
        {%- set content = preface + message['content'] if loop.first else message['content'] %}
        {{- bos_token + '[INST] ' + content | trim + ' [/INST]' }}
      {%- else %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}
    {%- endfor %}
    """#

  static let llama3 = #"""
    {{- bos_token }}
    {%- for message in messages %}
      {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
    """#

  static let gemma = #"""
    {{- bos_token }}
    {%- set turns = messages %}{% set preface = '' %}
    {%- if messages and messages[0]['role'] == 'system' %}
      {%- set turns = messages[1:] %}{% set preface = messages[0]['content'] + '\n\n' %}
    {%- endif %}
    {%- for message in turns %}
      {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('user and assistant must alternate, the user first') }}
      {%- endif %}
      {%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
      {{- '<start_of_turn>' + role + '\n' + (preface if loop.first else '') }}
      {{- message['content'] | trim + '<end_of_turn>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
    """#

  static let mistral = #"""
    {{- bos_token }}
    {%- set turns = messages %}{% set preface = '' %}
    {%- if messages and messages[0]['role'] == 'system' %}
      {%- set turns = messages[1:] %}{% set preface = messages[0]['content'] + '\n\n' %}
    {%- endif %}
    {%- for message in turns %}
      {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('user and assistant must alternate, the user first') }}
      {%- endif %}
      {%- if message['role'] == 'user' %}
        {{- '[INST] ' + (preface if loop.first else '') + message['content'] + ' [/INST]' }}
      {%- else %}{{ ' ' + message['content'] | trim + eos_token }}{% endif %}
    {%- endfor %}
    """#

  static let phi3 = #"""
    {%- for message in messages %}
      {{- '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}
    """#

  static let zephyr = #"""
    {%- for message in messages %}
      {{- '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}
    """#
}
