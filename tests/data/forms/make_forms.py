#!/usr/bin/env python3
"""Writes forms.jsonl: rows as common data sets have them, each with the ids that it must get, or with a part of its error.

usage: make_forms.py      (in any folder; with the Python packages transformers 5.3.0 and trl 0.29.1)

One line is one input: {"name", "file": its text, "suffix": of the file's name, "chat", "fields", "turns": options, and
either "ids", a list for each text, or "error"}.

The right ids are those of apply_chat_template() with the template of ../chat/templates and the tokenizer of
../golden/qwen2, for the conversation that the row means. What it means:
 - trl: what TRL's maybe_extract_prompt() makes of the row, prompt and answer joined as RewardTrainer joins them; the
   script compares this with the conversation that stands here;
 - rewardbench: [user: prompt, assistant: answer], as rewardbench's prepare_dialogue_from_tokenizer() makes it;
 - sharegpt: from and value, human and gpt, as LLaMA-Factory's dataset_info.json and axolotl's chat_template read them;
 - otherwise the rule of src/data/record.h, which the comment or the name gives.
A row without a conversation is the plain text, prompt and answer joined, as in TRL.
"""
import csv
import io
import json
import os

from transformers import PreTrainedTokenizerFast
from trl.data_utils import is_conversational, maybe_extract_prompt

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = PreTrainedTokenizerFast(tokenizer_file=os.path.join(HERE, '..', 'golden', 'qwen2', 'tokenizer.json'))
TEMPLATES = {'chatml': 'chatml', 'qwen2.5': 'qwen2.5-instruct', 'llama3.1': 'llama3.1', 'mistral-v0.1': 'mistral-v0.2'}
BOS = {'llama3.1': '<|begin_of_text|>', 'mistral-v0.1': '<s>'}
CASES = []


def s(text):
    return {'role': 'system', 'content': text}


def u(text):
    return {'role': 'user', 'content': text}


def a(text):
    return {'role': 'assistant', 'content': text}


Q, A, B, C = u('Which tea is green?'), a('Sencha.'), a('Assam.'), a('Tea?')
HI, HELLO, NO = u('Hi'), a('Hello.'), a('No.')
S = s('Be brief.')


def template(name):
    with open(os.path.join(HERE, '..', 'chat', 'templates', TEMPLATES[name] + '.jinja')) as f:
        return f.read()


def ids_of(talk, chat, tools=None):
    if isinstance(talk, str):
        return TOKENIZER(talk)['input_ids']
    text = TOKENIZER.apply_chat_template(talk, tools=tools, chat_template=template(chat), tokenize=False, bos_token=BOS.get(chat), eos_token='</s>')
    return TOKENIZER(text, add_special_tokens=False)['input_ids']


def table(rows, separator=','):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=separator, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def case(name, row, talks=None, error=None, trl=False, suffix='.jsonl', chat='chatml', fields=None, turns=None, tools=None):
    if trl:
        check_trl(name, row, talks)
    file = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) + '\n'
    line = {'name': name, 'file': file, 'suffix': suffix, 'chat': chat, 'fields': fields, 'turns': turns}
    if error is None:
        line['ids'] = [ids_of(talk, chat, tools) for talk in talks]
    else:
        line['error'] = error
    CASES.append(line)


def check_trl(name, row, talks):
    row = maybe_extract_prompt(row)
    assert is_conversational(row) == isinstance(talks[0], list), name
    for key, talk in zip(('chosen', 'rejected'), talks):
        assert (row['prompt'] + row[key] if 'prompt' in row else row[key]) == talk, (name, key)


def pair(name, row, chosen=None, rejected=None, **more):
    case(name, row, [chosen or [Q, A], rejected or [Q, B]], **more)


# ---- data sets of preferences ----

def preferences():
    both = {'chosen': [Q, A], 'rejected': [Q, B]}
    pair('implicit prompt (trl-lib/ultrafeedback_binarized)', both, trl=True)
    pair('explicit prompt', {'prompt': [Q], 'chosen': [A], 'rejected': [B]}, trl=True)
    pair('prompt is a text besides (argilla/ultrafeedback-binarized)', {'prompt': Q['content'], **both}, trl=True)
    pair('prompt, messages and scores (HuggingFaceH4/ultrafeedback_binarized)',
         {'prompt': Q['content'], 'prompt_id': 'f0', **both, 'messages': [Q, A], 'score_chosen': 8.5, 'score_rejected': 2.0},
         trl=True)
    pair('prompt is the last question', {'prompt': 'And black?', 'chosen': [Q, A, u('And black?'), B],
                                         'rejected': [Q, A, u('And black?'), C]},
         [Q, A, u('And black?'), B], [Q, A, u('And black?'), C], trl=True)
    pair('prompt and question besides (mlabonne/orpo-dpo-mix-40k)', {'source': 'x', **both, 'prompt': Q['content'], 'question': Q['content']})
    pair('prompt is a text, after a system message', {'prompt': Q['content'], 'chosen': [S, Q, A], 'rejected': [S, Q, B]},
         [S, Q, A], [S, Q, B], trl=True)
    case('prompt is another text', {'prompt': 'Another question?', **both},
         error='the field "prompt" is a text that is none of the user\'s messages in "chosen"; --fields prompt=_ scores')
    pair('prompt is another text, left out', {'prompt': 'Another question?', **both}, trl=True, fields='prompt=_')
    pair('an empty prompt besides', {'prompt': '', **both})
    pair('messages are those of the rejected side', {**both, 'messages': [Q, B]})
    pair('messages are the question', {**both, 'messages': [Q]})
    pair('messages are an empty list', {**both, 'messages': []})
    case('messages are others', {**both, 'messages': [HI, HELLO]}, error='--fields messages=_ leaves it out, and --fields prompt=messages')
    case('messages are others, by another name', {**both, 'talk': [HI, HELLO]}, fields='messages=talk',
         error='the field "talk" is no beginning of the conversations of "chosen" beside it')
    pair('messages are others, left out', {**both, 'messages': [HI, HELLO]}, fields='messages=_')
    pair('messages are the prompt (axolotl)', {'messages': [Q], 'chosen': A, 'rejected': B}, fields='prompt=messages')
    for key, value in (('response', 'Sencha.'), ('responses', ['Sencha.', 'Assam.'])):
        case(f'messages beside {key}', {'messages': [Q], key: value}, error='the field "prompt" is missing; --fields prompt=messages takes "messages" as the prompt')
        case(f'messages beside {key}, mapped', {'messages': [Q], key: value}, [[Q, A], [Q, B]][:1 + (key == 'responses')], fields='prompt=messages')
    case('a response whose prompt is left out', {'prompt': 'Hi', 'response': 'Hello.'}, ['Hello.'], fields='prompt=_')
    case('a response that is needed, left out', {'prompt': 'Hi', 'response': 'Hello.'}, fields='response=_',
         error='the field "response" is needed, but --fields leaves it out')
    case('messages are the prompt, unsaid', {'messages': [Q], 'chosen': A, 'rejected': B}, error='--fields prompt=messages takes it as the prompt')


def repeated():
    pair('prompt repeated', {'prompt': [Q], 'chosen': [Q, A], 'rejected': [Q, B]})
    pair('prompt of two turns repeated', {'prompt': [S, Q], 'chosen': [S, Q, A], 'rejected': [S, Q, B]}, [S, Q, A], [S, Q, B])
    pair('prompt repeated by one side', {'prompt': [Q], 'chosen': [Q, A], 'rejected': [B]})
    pair('prompt repeated, answer a text on the other side', {'prompt': [Q], 'chosen': [Q, A], 'rejected': 'Assam.'})
    case('prompt repeated in part', {'prompt': [S, Q], 'chosen': [Q, A], 'rejected': [Q, B]},
         error='"chosen" begins with the last message of "prompt", but not with all of them; --fields prompt=_')
    pair('prompt repeated in part, left out', {'prompt': [S, Q], 'chosen': [Q, A], 'rejected': [Q, B]}, fields='prompt=_')
    pair('prompt that begins with an answer, repeated', {'prompt': [HELLO, Q], 'chosen': [HELLO, Q, A], 'rejected': [HELLO, Q, B]},
         [HELLO, Q, A], [HELLO, Q, B])
    for name, first in (('with a blank', [u(Q['content'] + ' ')]), ('after a system message', [S, Q])):
        case('prompt repeated ' + name, {'prompt': [Q], 'chosen': first + [A], 'rejected': first + [B]},
             error=f'"chosen" begins with a message of the role "{first[0]["role"]}", but not with the messages of "prompt", which would come before it; --fields prompt=_')
        pair(f'prompt repeated {name}, left out', {'prompt': [Q], 'chosen': first + [A], 'rejected': first + [B]}, first + [A], first + [B], fields='prompt=_')
    pair('a prompt of a system message', {'prompt': [S], 'chosen': [Q, A], 'rejected': [Q, B]}, [S, Q, A], [S, Q, B], trl=True)
    pair('a prompt of earlier turns', {'prompt': [HI, HELLO], 'chosen': [Q, A], 'rejected': [Q, B]}, [HI, HELLO, Q, A], [HI, HELLO, Q, B], trl=True)
    pair('an answer that repeats the one before', {'prompt': [Q, A, HI], 'chosen': [A], 'rejected': [B]}, [Q, A, HI, A],
         [Q, A, HI, B], trl=True)
    pair('a prompt that ends with an answer', {'prompt': [Q, A], 'chosen': [A], 'rejected': [B]}, [Q, A, A], [Q, A, B], trl=True)
    case('one response repeats the prompt', {'prompt': [Q], 'response': [Q, A]}, [[Q, A]])
    case('responses repeat the prompt', {'prompt': [Q], 'responses': [[Q, A], 'Assam.', C]}, [[Q, A], [Q, B], [Q, C]])
    mixed = {'prompt': Q['content'], 'responses': ['Sencha.', [Q, B]]}
    case('one response repeats the prompt, a text does not', mixed, error='some answers of "responses" are conversations, and others texts; --turns on makes')
    case('one response repeats the prompt, a text does not, with turns', mixed, [[Q, A], [Q, B]], turns='on')
    unasked = 'some answers of "chosen" and "rejected" are conversations, and others texts, of which no turns can be made without a "prompt"'
    for chosen, rejected in (([Q, A], 'Assam.'), ('Sencha.', [Q, B]), ([A], ['Assam.']), ([[Q, A], 'Sencha.'], ['Assam.']), (A, 'Assam.')):
        case(f'conversations and texts without a prompt: {chosen} {rejected}', {'chosen': chosen, 'rejected': rejected}, error=unasked)
    case('conversations and texts without a prompt, by other names', {'good': [Q, A], 'bad': 'Assam.'}, fields='chosen=good,rejected=bad', error='some answers of "good" and "bad"')
    case('texts repeat the prompt', {'prompt': 'Q: Is tea hot? A:', 'chosen': 'Q: Is tea hot? A: Yes.', 'rejected': 'Q: Is tea hot? A: No.'},
         error='all answers begin with the text of "prompt", which would be there twice; --fields prompt=_')
    pair('texts repeat the prompt, left out', {'prompt': 'Q: Is tea hot? A:', 'chosen': 'Q: Is tea hot? A: Yes.', 'rejected': 'Q: Is tea hot? A: No.'},
         'Q: Is tea hot? A: Yes.', 'Q: Is tea hot? A: No.', fields='prompt=_')
    pair('one text begins like the prompt', {'prompt': 'Is tea hot?', 'chosen': 'Is tea hot? Yes.', 'rejected': ' No.'},
         'Is tea hot?Is tea hot? Yes.', 'Is tea hot? No.', trl=True)
    pair('a prompt of one word', {'prompt': 'Hi', 'chosen': 'Hi there', 'rejected': 'Hi!'}, 'HiHi there', 'HiHi!', trl=True)
    case('responses begin with the prompt', {'prompt': 'Is tea hot?', 'responses': ['Is tea hot? Yes.', 'Is tea hot? No.']},
         error='all answers begin with the text')
    case('responses begin with the prompt, left out', {'prompt': 'Is tea hot?', 'responses': ['Is tea hot? Yes.', 'Is tea hot? No.']},
         ['Is tea hot? Yes.', 'Is tea hot? No.'], fields='prompt=_')
    case('a text with its own prompt', {'prompt': 'Is tea hot?', 'text': 'Is tea hot? Yes.'}, ['Is tea hot? Yes.'])
    case('a text without its prompt', {'prompt': 'Is tea hot?', 'text': 'Yes.'},
         error='the field "text" does not hold the "prompt" beside it; --fields prompt=_')
    case('messages with their own prompt (HuggingFaceH4/ultrachat_200k)', {'prompt': Q['content'], 'prompt_id': 'a', 'messages': [Q, A]}, [[Q, A]])
    case('messages with their own prompt, a conversation', {'prompt': [S, Q], 'messages': [S, Q, A]}, [[S, Q, A]])
    case('messages with another prompt', {'prompt': 'Hi', 'messages': [Q, A]},
         error='the field "messages" does not hold the "prompt" beside it')
    case('messages with another prompt, left out', {'prompt': 'Hi', 'messages': [Q, A]}, [[Q, A]], fields='prompt=_')


# ---- forms of a conversation ----

def share(sender, text):
    return {'from': sender, 'value': text}


def forms():
    pair('answers are one message each', {'prompt': [Q], 'chosen': A, 'rejected': B})
    case('responses are one message each', {'prompt': [Q], 'responses': [A, B]}, [[Q, A], [Q, B]])
    case('prompt and response are one message each', {'prompt': Q, 'response': A}, [[Q, A]])
    case('messages are one message', {'messages': A}, [[A]])
    case('an answer is the user\'s message', {'prompt': [Q], 'response': HI}, error='response: the conversation has no assistant turn')
    case('an answer is an object', {'prompt': [Q], 'response': {'text': 'x'}}, error='the field "response" is an object; expected a string or')
    pair('lists of conversations', {'prompt': [Q], 'chosen': [[A]], 'rejected': [[B]]})
    case('messages are a text', {'messages': 'Hi'}, error='the field "messages" is a string; expected a conversation')

    row = {'conversations': [share('human', 'Hi')], 'chosen': share('gpt', 'Hello.'), 'rejected': share('gpt', 'No.')}
    case('chosen and reject (GitBag/llama3-uf)', {'prompt': 'Hi', 'chosen': 'Hello.', 'reject': 'No.'}, error='the field "rejected" is missing; perhaps --fields rejected=reject')
    for name in 'conversations', 'dialogue', 'question':
        case(f'sharegpt pair whose {name} would be lost', {name: row['conversations'], 'chosen': row['chosen'], 'rejected': row['rejected']},
             error=f'no "prompt", but a field "{name}"; --fields prompt={name} puts it before the answers')
    case('sharegpt pair whose answers have the conversation', {**row, 'chosen': row['conversations'] + [row['chosen']], 'rejected': row['conversations'] + [row['rejected']]},
         [[HI, HELLO], [HI, NO]])
    pair('sharegpt pair (LLaMA-Factory)', row, [HI, HELLO], [HI, NO], fields='prompt=conversations')
    case('sharegpt', {'conversations': [share('system', 'Be brief.'), share('human', 'Hi'), share('gpt', 'Hello.')]},
         [[S, HI, HELLO]], fields='messages=conversations')
    case('sharegpt with the roles of OpenAI', {'messages': [share('user', 'Hi'), share('assistant', 'Hello.')]}, [[HI, HELLO]])
    case('sharegpt with empty keys of OpenAI', {'messages': [{**share('human', 'Hi'), 'role': None}, {**share('gpt', 'Hello.'), 'content': None}]},
         [[HI, HELLO]])
    case('sharegpt, unsaid', {'conversations': [share('human', 'Hi'), share('gpt', 'Hello.')]}, error='perhaps --fields messages=conversations')
    case('sharegpt with a tool', {'messages': [share('human', 'Hi'), share('observation', '4'), share('gpt', 'Hello.')]},
         error='message 1 of the field "messages" has the role "observation", but human, gpt, system, user or assistant')
    case('sharegpt without a value', {'messages': [share('human', 'Hi'), {'from': 'gpt'}]}, error='message 1 of the field "messages": its value is missing')
    both = {**share('human', 'Hi'), **HI}
    case('messages in both forms', {'messages': [both, {**share('gpt', 'Hello.'), **HELLO}]}, [[HI, HELLO]])
    for more in ({'from': None, 'value': None}, {'from': '', 'value': ''}, {'value': 'Hello.'}, {'from': 'gpt'}, {'from': 'gpt', 'value': None}, {'from': 'a forum'}, {'value': 0.5}):
        case(f'messages in both forms, one with less: {more}', {'messages': [both, {**more, **HELLO}]}, [[HI, HELLO]])
    case('messages in both forms, content in a part', {'messages': [{**both, 'content': [{'type': 'text', 'text': 'Hi'}]}, HELLO]}, [[HI, HELLO]])
    case('messages with values and names of their own', {'messages': [{**HI, 'value': 0.5}, {**HELLO, 'from': 'Ann'}]}, [[HI, HELLO]])
    for i, more in enumerate(({'from': 'gpt'}, {'value': 'Bye'}, {'value': ''}, {'from': 'Ann'}, {'value': 'Hi\0'}, {'from': 'user '})):
        case(f'messages in two forms: {more}', {'messages': [{**both, **more}, HELLO]},
             error='message 0 of the field "messages" has a role and a content, and also from and value, which say something else; expected one')
    for more in ({'value': 'Bye'}, {'from': 'gpt'}, {'from': 'gpt', 'value': None}, {'from': 'system', 'value': ''}):
        case(f'half a message in two forms: {more}', {'messages': [{**HI, **more}, HELLO]},
             error='message 0 of the field "messages" has a role and a content, and also from and value, which say something else; expected one')
    case('from and content', {'messages': [{'from': 'human', 'content': 'Hi'}, HELLO]}, error='message 0 of the field "messages": its role is missing')
    for i, roles in enumerate((('human', 'gpt'), ('User', 'Assistant'), ('user', 'model'), ('developer', 'assistant'))):
        wrong = next(k for k in range(2) if roles[k] not in ('user', 'assistant'))
        case(f'role {roles[wrong]}', {'messages': [{'role': roles[0], 'content': 'Hi'}, {'role': roles[1], 'content': 'Hello.'}]},
             error=f'message {wrong} of the field "messages" has the role "{roles[wrong]}", but system, user or assistant is expected')
    case('a role in the prompt', {'prompt': [u('Hi'), {'role': 'tool', 'content': '4'}], 'response': 'Yes.'},
         error='message 1 has the role "tool", but system, user or assistant is expected (chat format chatml)')
    case('a conversation that ends with a tool', {'messages': [HI, {'role': 'tool', 'content': '4'}]}, chat='qwen2.5',
         error='messages: the conversation has no assistant turn')
    case('a tool of ShareGPT', {'messages': [{'from': 'human', 'value': 'Hi'}, {'from': 'tool', 'value': '4'}]}, chat='qwen2.5',
         error='message 1 of the field "messages" has the role "tool", but human, gpt, system, user or assistant is expected')


def parts():
    def part(text):
        return [{'type': 'text', 'text': text}]
    case('content of one part', {'messages': [u(part('Hi')), a(part('Hello.'))]}, [[HI, HELLO]])
    case('content of one part, and a text', {'messages': [u(part('Hi')), HELLO]}, [[HI, HELLO]])
    case('content of one part with empty keys', {'messages': [u([{'type': 'text', 'text': 'Hi', 'image_url': None}]), HELLO]}, [[HI, HELLO]])
    case('content of one empty part', {'messages': [u(part('')), HELLO]}, [[u(''), HELLO]])
    case('content of two parts', {'messages': [u(part('Hi') + part('there')), HELLO]},
         error='message 0 of the field "messages": its content has 2 parts; expected one')
    case('content without parts', {'messages': [u([]), HELLO]}, error='its content has 0 parts; expected one')
    for kind in ('image', 'image_url', 'audio', 'video', 'input_text'):
        case(f'content with {kind}', {'messages': [u([{'type': kind, kind: 'x'}] + part('Hi')), HELLO]},
             error=f'part 0 of its content has the type "{kind}"; expected "text"')
    case('content with an image at the end', {'messages': [HI, a(part('Hi') + [{'type': 'image'}])]},
         error='message 1 of the field "messages": part 1 of its content has the type "image"')
    case('a part without a type', {'messages': [u([{'text': 'Hi'}]), HELLO]}, error='part 0 of its content is without a type')
    case('a part that is a text', {'messages': [u(['Hi']), HELLO]}, error='part 0 of its content is a string; expected an object with a type')
    case('a part without a text', {'messages': [u([{'type': 'text'}]), HELLO]}, error='the text of its content is missing')
    case('content is null', {'messages': [u(None), HELLO]}, error='its content is null; expected a string')


# ---- what templates read ----

def template_fields():
    talk = [HI, HELLO]
    call = {'type': 'function', 'function': {'name': 'f', 'arguments': {'city': 'Oslo'}}}
    tool = {'type': 'function', 'function': {'name': 'f', 'parameters': {}}}
    bare, refusal = {'name': 'g', 'x': 1e-6}, 'the conversation has tools, which the chat format chatml does not write; --fields tools=_'
    for full in ([tool], [tool, bare]):
        case(f'tools {full} with chatml', {'messages': talk, 'tools': full}, error=refusal)
        for chat in ('qwen2.5', 'llama3.1'):
            case(f'tools {full} with {chat}', {'messages': talk, 'tools': full}, [talk], chat=chat, tools=full)
            case(f'tools {full} as a text with {chat}', {'messages': talk, 'tools': json.dumps(full)}, [talk], chat=chat, tools=full)
    for none in (None, [], '', '[]', 'null', [None]):
        case(f'tools: {none!r}', {'messages': talk, 'tools': none}, [talk])
        case(f'tools: {none!r} with qwen2.5', {'messages': talk, 'tools': none}, [talk], chat='qwen2.5')
    case('tools, left out', {'messages': talk, 'tools': [tool]}, [talk], fields='tools=_')
    case('tools beside texts', {'text': 'Hi', 'tools': [tool]}, ['Hi'])
    for wrong, why in (({'a': 1}, 'is an object; expected a list of functions'), (7, 'is a number; expected a list of functions'),
                       ('{"a": 1}', 'is an object; expected a list of functions'), ('f(x)', 'is a text that is not JSON: ')):
        case(f'tools: {wrong!r}', {'messages': talk, 'tools': wrong}, chat='qwen2.5', error=f'the field "tools" {why}')
    for wrong, why in (([tool, 'f'], 'a string'), ([tool, None], 'null'), ([tool, {'x': 10 ** 30}], 'not JSON, or has a number that is too large')):
        case(f'tools: {wrong!r}', {'messages': talk, 'tools': wrong}, chat='qwen2.5', error=f'element 1 of the field "tools" is {why}; expected an object')
    for key, full, empty in (('documents', [{'title': 't', 'text': 'x'}], []),
                             ('chat_template_kwargs', {'enable_thinking': False}, {}), ('chat_template_kwargs', {'date_string': '01 Jan 2025'}, {'date_string': None})):
        for chat in ('chatml', 'qwen2.5'):
            case(f'{key} {full} with {chat}', {'messages': talk, key: full}, chat=chat, error=f'the field "{key}" is for chat templates')
        case(f'{key} {full} as a text', {'messages': talk, key: json.dumps(full)}, error=f'the field "{key}" is for chat templates')
        for none in (None, empty, '', '[]', 'null', [None]):
            case(f'{key} {full}: {none!r}', {'messages': talk, key: none}, [talk])
        case(f'{key} {full}, left out', {'messages': talk, key: full}, [talk], fields=f'{key}=_')
        case(f'{key} {full} beside texts', {'text': 'Hi', key: full}, ['Hi'])
    for nan in (float('nan'), float('inf')):
        case(f'tools: {nan}', {'messages': talk, 'tools': nan}, error=f'the field "tools" is {json.dumps(nan)}, which is not JSON; expected null, or nothing; --fields tools=_')
        case(f'tools: {nan}, left out', {'messages': talk, 'tools': nan}, [talk], fields='tools=_')
        case(f'tools: {nan} beside texts', {'text': 'Hi', 'tools': nan}, ['Hi'])
        case(f'message with tool_calls: {nan}', {'messages': [HI, {**HELLO, 'tool_calls': nan}]}, error=f'has "tool_calls", which is {json.dumps(nan)} and not JSON; expected null, or nothing')
    case('tools by another name', {'messages': talk, 'functions': [tool]}, fields='tools=functions', error=refusal)
    case('tools by another name with qwen2.5', {'messages': talk, 'functions': [tool]}, [talk], fields='tools=functions', chat='qwen2.5', tools=[tool])
    pair('tools of a pair', {'prompt': [Q], 'chosen': [A], 'rejected': [B], 'tools': None}, trl=True)
    given = {'prompt': [Q], 'chosen': [A], 'rejected': [B], 'tools': [tool]}
    case('tools of a pair, given', given, error='chosen: ' + refusal)
    pair('tools of a pair, with qwen2.5', given, chat='qwen2.5', tools=[tool], trl=True)
    calls, result = {'role': 'assistant', 'content': None, 'tool_calls': [call]}, {'role': 'tool', 'content': '4', 'tool_call_id': '7'}
    case('a conversation with calls', {'messages': [HI, calls, result, HELLO], 'tools': [tool]}, [[HI, calls, result, HELLO]], chat='qwen2.5', tools=[tool])
    case('a conversation that ends with a call', {'messages': [HI, {'role': 'assistant', 'tool_calls': [call]}]}, [[HI, {**calls, 'content': ''}]], chat='qwen2.5')
    pair('a call that is right, and one that is wrong', {'prompt': [Q], 'chosen': [calls], 'rejected': [{**calls, 'tool_calls': [call, call]}]},
         [Q, calls], [Q, {**calls, 'tool_calls': [call, call]}], chat='qwen2.5', trl=True)
    case('a conversation that repeats a prompt with calls', {'prompt': [HI, calls, result], 'response': [HI, calls, result, HELLO]}, [[HI, calls, result, HELLO]], chat='qwen2.5')
    other = {**calls, 'tool_calls': [{**call, 'function': {'name': 'h', 'arguments': {}}}]}
    case('a conversation that repeats a prompt with other calls', {'prompt': [HI, calls, result], 'response': [HI, other, result, HELLO]}, chat='qwen2.5',
         error='"response" begins with a message of the role "user", but not with the messages of "prompt"')
    case('a call beside what it returns, with llama3.1', {'messages': [HI, calls, result, HELLO], 'tools': [tool]}, [[HI, {**calls, 'content': ''}, result, HELLO]],
         chat='llama3.1', tools=[tool])
    for wrong, why in (({'name': 'f'}, 'which is an object; expected a list of calls'), ('f()', 'which is a string; expected a list of calls')):
        case(f'tool_calls: {wrong!r}', {'messages': [HI, {**HELLO, 'tool_calls': wrong}]}, chat='qwen2.5', error=f'has "tool_calls", {why}')
    for wrong in ({'name': 'f'}, {'function': {'arguments': {}}}, {'function': 'f', 'name': 'f', 'arguments': {}}, 'f', {'name': 'f', 'arguments': {'x': 1e400}}):
        case(f'tool_calls: {wrong!r} in a list', {'messages': [HI, {**HELLO, 'tool_calls': [call, wrong]}]}, chat='qwen2.5',
             error='message 1 of the field "messages": tool call 1 has no name and arguments in JSON')
    for huge in (2 ** 63, -10 ** 30, 1e19):
        case(f'tool_calls with {huge!r}', {'messages': [HI, {**HELLO, 'tool_calls': [{'name': 'f', 'arguments': {'x': [huge]}}]}]}, chat='qwen2.5',
             error='message 1 of the field "messages": tool call 0 has a number that is too large; expected one of 64 bits')
    least = [{'name': 'f', 'arguments': {'x': [-2 ** 63, 2 ** 63 - 1, 9e18]}}]
    case('tool_calls with numbers of 64 bits', {'messages': [HI, {**HELLO, 'tool_calls': least}]}, [[HI, {**HELLO, 'tool_calls': least}]], chat='qwen2.5')
    case('tool_calls of the user', {'messages': [{**HI, 'tool_calls': [call]}, HELLO]}, chat='qwen2.5', error='message 0 has tool calls, but only the assistant calls tools')
    for none in (None, '', [], {}):
        case(f'message with tool_calls: {none!r}', {'messages': [HI, {**HELLO, 'tool_calls': none}]}, [talk])
    case('message with tool_calls', {'messages': [HI, {**HELLO, 'tool_calls': [call]}]}, error='message 1 has tool calls, which the chat format chatml does not write')
    for key, full in (('function_call', call['function']), ('tool_call_id', '7'), ('reasoning_content', 'Hm.'),
                      ('reasoning', 'Hm.'), ('thinking', 'Hm.')):
        case(f'message with {key}', {'messages': [HI, {**HELLO, key: full}]}, error=f'message 1 of the field "messages" has "{key}"')
        for none in (None, '', [], {}):
            case(f'message with {key}: {none!r}', {'messages': [HI, {**HELLO, key: none}]}, [talk])
    case('tool_calls of the rejected side', {'prompt': [Q], 'chosen': [A], 'rejected': [{**B, 'tool_calls': [call]}]},
         error='rejected: message 1 has tool calls, which the chat format chatml does not write')
    case('a message with other keys', {'messages': [{**HI, 'name': 'Ann', 'id': 3, 'weight': 0.5}, {**HELLO, 'score': 1}]}, [talk])


# ---- turns ----

def turns():
    text = {'prompt': Q['content'], 'chosen': A['content'], 'rejected': B['content']}
    pair('joined', text, Q['content'] + A['content'], Q['content'] + B['content'], trl=True)
    for chat in TEMPLATES:
        pair(f'turns (allenai/reward-bench) with {chat}', {**text, 'subset': 'alpacaeval-easy', 'id': 1}, turns='on', chat=chat)
    case('turns of answers (allenai/reward-bench-2)', {'id': '1', 'prompt': Q['content'], 'chosen': ['Sencha.'], 'rejected': ['Assam.', 'Tea?'], 'num_correct': 1,
                                                     'total_completions': 3, 'subset': 'Factuality', 'models': ['x', 'y', 'z']},
         [[Q, A], [Q, B], [Q, C]], turns='on')
    case('turns of one response (nvidia/HelpSteer2)', {'prompt': Q['content'], 'response': 'Sencha.', 'helpfulness': 3, 'correctness': 4, 'coherence': 4, 'complexity': 2,
                                                       'verbosity': 1}, [[Q, A]], turns='on')
    case('turns of several turns (nvidia/HelpSteer2)',
         {'prompt': 'Hi\n<extra_id_1>Assistant\nHello.\n<extra_id_1>User\nWhich tea is green?', 'response': 'Sencha.', 'helpfulness': 3},
         [[HI, HELLO, Q, A]], turns='on')
    case('turns of longer turns (nvidia/HelpSteer2)',
         {'prompt': 'Hi\n\nthere\n<extra_id_1>Assistant\n\nHello.\n\n<extra_id_1>User\n', 'response': 'No.'},
         [[u('Hi\n\nthere'), a('\nHello.\n'), u(''), NO]], turns='on')
    for name, end in (('an open turn', '\n<extra_id_1>Assistant\n'), ('an open turn without a line end', '\n<extra_id_1>Assistant')):
        case(f'turns that end with {name} (nvidia/HelpSteer)', {'prompt': 'Hi' + end, 'response': 'Hello.'}, [[HI, HELLO]], turns='on')
        case(f'turns that end with {name}, several', {'prompt': 'Hi\n<extra_id_1>Assistant\nHello.\n<extra_id_1>User\nWhich tea is green?' + end, 'response': 'Sencha.'},
             [[HI, HELLO, Q, A]], turns='on')
        case(f'joined after {name}', {'prompt': 'Hi' + end, 'response': 'Hello.'}, ['Hi' + end + 'Hello.'])
    case('turns of nothing but an open turn', {'prompt': '\n<extra_id_1>Assistant\n', 'response': 'Hello.'}, [[u(''), HELLO]], turns='on')
    case('an empty turn in the middle', {'prompt': 'Hi\n<extra_id_1>Assistant\n\n<extra_id_1>User\nWhich tea is green?', 'response': 'Sencha.'}, [[HI, a(''), Q, A]], turns='on')
    case('no open turn', {'prompt': 'Hi\n<extra_id_1>Assistants', 'response': 'Hello.'}, [[u('Hi\n<extra_id_1>Assistants'), HELLO]], turns='on')
    case('no marks in the middle of a line', {'prompt': 'Hi <extra_id_1>Assistant\nthere', 'response': 'No.'},
         [[u('Hi <extra_id_1>Assistant\nthere'), NO]], turns='on')
    case('turns of responses', {'prompt': 'Hi', 'responses': ['Hello.', 'No.']}, [[HI, HELLO], [HI, NO]], turns='on')
    pair('turns of an empty prompt', {'prompt': '', 'chosen': 'Hello.', 'rejected': 'No.'}, [u(''), HELLO], [u(''), NO], turns='on')
    pair('turns of an answer that begins like the prompt', {'prompt': 'Good morning', 'chosen': 'Good morning to you', 'rejected': 'Good morning.'},
         [u('Good morning'), a('Good morning to you')], [u('Good morning'), a('Good morning.')], turns='on')
    pair('turns where there are some already', {'prompt': [S, Q], 'chosen': 'Sencha.', 'rejected': [B]}, [S, Q, A], [S, Q, B], turns='on')
    pair('turns of a prompt before messages', {'prompt': Q['content'], 'chosen': [A], 'rejected': B}, turns='on')
    case('no turns of a prompt before messages', {'prompt': Q['content'], 'chosen': [A], 'rejected': [B]},
         error='the field "prompt" is a text and "chosen" a conversation; --turns on makes the text the user\'s turn')
    pair('turns of a prompt said already', {'prompt': Q['content'], 'chosen': [Q, A], 'rejected': [Q, B]}, turns='on')
    case('turns without a prompt', {'chosen': 'Sencha.', 'rejected': 'Assam.'}, turns='on',
         error='the field "chosen" is a text without a prompt, of which no turns can be made; --turns off')
    case('turns of a text', {'text': 'Sencha.'}, turns='on', error='the field "text" is a text without a prompt')
    for marked in ('\n\nHuman: Hi\n\nAssistant:', 'Human: Hi', '<|im_start|>user\nHi<|im_end|>\n', '<s>[INST] Hi [/INST]', '<bos><start_of_turn>user\n', '<extra_id_0>System\n\n', '<extra_id_1>User\nHi\n'):
        case(f'turns of a prompt that has some: {marked}', {'prompt': marked, 'response': 'No.'}, turns='on', error='it has turns already; --turns off joins')
        case(f'no turns of a prompt that has some: {marked}', {'prompt': marked, 'response': 'No.'}, [marked + 'No.'])
    case('turns with tools', {**text, 'tools': [{'name': 'f'}]}, turns='on', error='chosen: the conversation has tools, which the chat format chatml')
    pair('turns with tools and qwen2.5', {**text, 'tools': [{'name': 'f'}]}, turns='on', chat='qwen2.5', tools=[{'name': 'f'}])
    pair('turns of a table', table([text]), suffix='.csv', turns='on')
    pair('no turns of a table', table([text]), Q['content'] + A['content'], Q['content'] + B['content'], suffix='.csv', turns='off')


# ---- a system message in a field of its own ----

def systems():
    row = {'system': S['content'], 'question': Q['content'], 'chosen': A['content'], 'rejected': B['content']}
    empty, map_it = {**row, 'system': ''}, 'prompt=question'
    pair('system (Intel/orca_dpo_pairs)', row, [S, Q, A], [S, Q, B], fields=map_it, turns='on')
    for chat in TEMPLATES:
        pair(f'system with {chat}', row, [S, Q, A], [S, Q, B], fields=map_it, turns='on', chat=chat)
    lost = 'the field "system" is not in the texts beside it, and would be lost; --turns on makes it the system\'s turn, and --fields system=_'
    case('system beside texts', row, fields=map_it, error=lost)
    pair('system beside texts, left out', row, Q['content'] + A['content'], Q['content'] + B['content'], fields=map_it + ',system=_')
    pair('system left out of turns', row, fields=map_it + ',system=_', turns='on')
    for none in ('', None, [], {}, [None]):
        pair(f'no system beside texts: {none!r}', {**row, 'system': none}, Q['content'] + A['content'], Q['content'] + B['content'], fields=map_it)
    for said in ('[]', '{}', 'null', ' '):
        if said.strip():  # a blank is in the texts
            case(f'a system message of {said!r} beside texts', {**row, 'system': said}, fields=map_it, error=lost)
        pair(f'a system message of {said!r}', {**row, 'system': said}, [s(said), Q, A], [s(said), Q, B], fields=map_it, turns='on')
    pair('no system of turns', empty, fields=map_it, turns='on')
    for key in ('system_prompt', 'system_message'):
        other = {key: S['content'], 'prompt': Q['content'], 'response': A['content']}
        for state in ('on', 'off'):
            case(f'{key} unsaid, turns {state}', other, turns=state,
                 error=f'the field "{key}" is not in the texts beside it; --fields system={key} takes it as the system\'s turn, and --fields system=_')
        case(f'{key} mapped', other, [[S, Q, A]], fields=f'system={key}', turns='on')
        case(f'{key} left out', other, [[Q, A]], fields='system=_', turns='on')
        case(f'{key} is empty', {**other, key: ''}, [[Q, A]], turns='on')
        case(f'{key} beside a conversation that has it', {key: S['content'], 'messages': [S, Q, A]}, [[S, Q, A]])
    pair('system beside conversations that have it', {'system': S['content'], 'chosen': [S, Q, A], 'rejected': [S, Q, B]}, [S, Q, A], [S, Q, B])
    case('system beside a conversation (LLaMA-Factory)', {'system': S['content'], 'conversations': [share('human', 'Hi'), share('gpt', 'Hello.')]},
         [[S, HI, HELLO]], fields='messages=conversations')
    case('system beside answers', {'system': S['content'], 'prompt': [Q], 'responses': ['Sencha.', [Q, B], C]}, [[S, Q, A], [S, Q, B], [S, Q, C]])
    case('system beside another system message', {'system': 'Be long.', 'messages': [S, Q, A]},
         error='the field "system" is not the system message of the conversation beside it; --fields system=_ leaves the field out')
    case('system that the prompt has', {'system': 'Be brief.', 'prompt': 'Be brief. Is tea hot?', 'response': ' Yes.'}, ['Be brief. Is tea hot? Yes.'])
    pair('system that texts have', {'system': 'Bye', 'chosen': 'Bach, BBye', 'rejected': 'Bye'}, 'Bach, BBye', 'Bye')
    case('system that one text has', {'system': 'Bye', 'chosen': 'Bach, BBye', 'rejected': 'By'}, error=lost)
    case('system beside a text', {'system': 'Bye', 'text': 'Hi'}, error=lost)
    case('system is a number', {'system': 3, 'text': 'Hi'}, error='the field "system" is a number; expected a string, what the system says; --fields system=_')
    case('system is a message', {'system': S, 'messages': [Q, A]}, error='the field "system" is an object; expected a string')
    case('system with hh', {'system': 'Be brief.', 'messages': [Q, A]}, chat='hh', error='system')
    pair('system in a table', table([row]), [S, Q, A], [S, Q, B], suffix='.csv', fields=map_it, turns='on')
    case('system in a table, beside texts', table([row]), suffix='.csv', fields=map_it, error=lost)
    pair('no system in a table', table([empty]), Q['content'] + A['content'], Q['content'] + B['content'], suffix='.csv', fields=map_it)


# ---- names of others, and tables ----

def names():
    need = 'use --fields if yours have other names; perhaps --fields '
    case('prompt and completion', {'prompt': 'Hi', 'completion': 'Hello.'}, error='the field "response" is missing; perhaps --fields response=completion')
    case('prompt and completion, mapped', {'prompt': 'Hi ', 'completion': 'Hello.'}, ['Hi Hello.'], fields='response=completion')
    case('instruction and output (alpaca)', {'instruction': 'Hi', 'input': '', 'output': 'Hello.'}, error=need + 'prompt=instruction,response=output')
    alpaca = {'instruction': 'Translate:', 'input': 'Tee', 'output': 'Tea'}
    halves = '"instruction" and "input" are two halves of a prompt: join them in one field'
    case('instruction, input and output (alpaca)', alpaca, error=f'yours have other names; {halves}; perhaps --fields response=output')
    case('instruction, input and output, mapped', alpaca, fields='prompt=instruction,response=output',
         error='the field "input" is the other half of the prompt in "instruction", and would be lost; join the two in one field, or remove it')
    case('instruction, input and output, the other half mapped', alpaca, fields='prompt=input,response=output',
         error='the field "instruction" is the other half of the prompt in "input"')
    case('instruction, input and output, mapped, with turns', alpaca, fields='prompt=instruction,response=output', turns='on', error='the field "input" is the other half')
    case('instruction and output, mapped', {**alpaca, 'input': ''}, ['Translate:Tea'], fields='prompt=instruction,response=output')
    case('instruction, input and output, joined', {**alpaca, 'prompt': 'Translate: Tee = '}, ['Translate: Tee = Tea'], fields='response=output')
    case('instruction that has the input', {**alpaca, 'instruction': 'Translate Tee: '}, ['Translate Tee: Tea'], fields='prompt=instruction,response=output')
    case('instruction and input of a pair', {'instruction': 'Translate:', 'input': 'Tee', 'chosen': 'Tea', 'rejected': 'No'},
         error='no "prompt", but fields "instruction" and "input", the two halves of one: join them in one field; --fields prompt=_')
    case('instruction and input in a table', table([alpaca]), suffix='.csv', fields='prompt=instruction,response=output', error='the field "input" is the other half')
    case('question and answer', {'question': 'Hi', 'answer': 'Hello.'}, error=need + 'prompt=question,response=answer')
    case('question, response_j and response_k', {'question': 'Hi', 'response_j': 'a', 'response_k': 'b'},
         error=need + 'prompt=question,chosen=response_j,rejected=response_k')
    case('prompt and answers (berkeley-nest/Nectar)', {'prompt': 'Hi', 'answers': ['a', 'b']}, error='missing; perhaps --fields responses=answers')
    case('conversation', {'conversation': [HI, HELLO]}, error=need + 'messages=conversation')
    for odd in ('{"a": 1, "a": 2}', '[' * 600 + ']' * 600, 'NaN', '1, "output": 2'):
        case(f'output is not read: {odd[:20]}', f'{{"text": "Hi", "output": {odd}}}\n', ['Hi'])
    case('prompt is left out, and not read', '{"prompt": {"a": 1, "a": 2}, "text": "Hi"}\n', ['Hi'], fields='prompt=_')
    case('half a pair among the responses', '{"prompt": "Hi", "responses": ["a", "\\ud83d"]}\n', error='"responses[1]" is a string with half of a surrogate pair')
    case('nothing known', {'id': 1}, error='use --fields if yours have other names')
    row = {'system': '', 'question': 'Is tea hot?', 'chosen': 'Yes.', 'rejected': 'No.'}
    case('question of a pair (Intel/orca_dpo_pairs)', row, error='no "prompt", but a field "question"; --fields prompt=question puts it before')
    pair('question of a pair, mapped', row, 'Is tea hot?Yes.', 'Is tea hot?No.', fields='prompt=question')
    pair('question of a pair, left out', row, 'Yes.', 'No.', fields='prompt=_')
    pair('question of a pair that is whole', {**row, 'chosen': 'Is tea hot? Yes.', 'rejected': 'Is tea hot? No.'}, 'Is tea hot? Yes.', 'Is tea hot? No.')
    case('question of a pair that the chosen side has', {**row, 'chosen': 'Is tea hot? Yes.'}, error='--fields prompt=question puts it before')
    empty = 'an empty "prompt", but a field "question"; --fields prompt=question puts it before '
    case('question beside an empty prompt in a table', table([{'prompt': '', **row}]), suffix='.csv', error=empty + 'the answers, and --fields prompt=_')
    case('question beside an empty prompt', {'prompt': '', **row}, error=empty + 'the answers, and --fields prompt=_')
    case('question beside an empty prompt of a response', table([{'prompt': '', 'question': 'Is tea hot?', 'response': 'Yes.'}]), suffix='.csv', error=empty + 'the answers')
    case('question beside an empty prompt of responses', {'prompt': '', 'question': 'Is tea hot?', 'responses': ['Yes.', 'No.']}, error=empty + 'the answers')
    pair('question beside an empty prompt, left out', table([{'prompt': '', **row}]), 'Yes.', 'No.', suffix='.csv', fields='prompt=_')
    pair('an empty question beside an empty prompt', table([{'prompt': '', **row, 'question': ''}]), 'Yes.', 'No.', suffix='.csv')
    case('question beside answers of the assistant', {'question': Q['content'], 'chosen': [A], 'rejected': [B]}, error='no "prompt", but a field "question"')
    case('question beside an answer of the assistant', {'question': Q['content'], 'chosen': A, 'rejected': B}, error='no "prompt", but a field "question"')
    case('question beside lists of conversations', {'question': Q['content'], 'chosen': [[A]], 'rejected': [[B]]}, error='no "prompt", but a field "question"')
    case('question beside answers of gpt', {'question': 'Hi', 'chosen': [share('gpt', 'a')], 'rejected': [share('gpt', 'b')]}, error='no "prompt", but a field "question"')
    pair('question beside conversations of gpt', {'question': 'Hi', 'chosen': [share('human', 'Hi'), share('gpt', 'Hello.')], 'rejected': [share('human', 'Hi'), share('gpt', 'No.')]},
         [HI, HELLO], [HI, NO])
    case('question of a pair that the rejected side has', {**row, 'rejected': 'Is tea hot? No.'}, error='--fields prompt=question puts it before')
    pair('question beside conversations', {'question': Q['content'], 'chosen': [Q, A], 'rejected': [Q, B]}, trl=True)
    case('text beside messages', {'text': 'rendered', 'messages': [Q, A]},
         error='the fields "text" and "messages" don\'t go together; --fields text=_ leaves the first out, --fields messages=_ the second')
    case('text beside messages, the messages', {'text': 'rendered', 'messages': [Q, A]}, [[Q, A]], fields='text=_')
    case('text beside messages, the text', {'text': 'rendered', 'messages': [Q, A]}, ['rendered'], fields='messages=_')
    case('response beside a pair', {'prompt': 'p', 'response': 'x', 'chosen': 'a', 'rejected': 'b'},
         error='--fields response=_ leaves the first out, --fields chosen=_,rejected=_ the second')
    pair('response beside a pair, the pair', {'prompt': 'p', 'response': 'x', 'chosen': 'a', 'rejected': 'b'}, 'pa', 'pb', fields='response=_')
    case('response beside a pair, the response', {'prompt': 'p', 'response': 'x', 'chosen': 'a', 'rejected': 'b'}, ['px'], fields='chosen=_,rejected=_')


def tables():
    for separator, suffix in ((',', '.csv'), ('\t', '.tsv')):
        pair(f'conversations in a table {suffix}', table([{'prompt': json.dumps([Q]), 'chosen': json.dumps([A]), 'rejected': json.dumps([B], indent=1)}], separator),
             suffix=suffix)
    cells = {'prompt': Q['content'], 'chosen': json.dumps([Q, A]), 'rejected': json.dumps([Q, B])}
    pair('a prompt as text and conversations in a table', table([cells]), suffix='.csv')
    pair('messages in a table', table([{**cells, 'messages': json.dumps([Q, A])}]), suffix='.csv')
    pair('empty messages and tools in a table', table([{**cells, 'messages': '', 'tools': '[]'}]), suffix='.csv')
    case('tools in a table', table([{**cells, 'tools': '[{"name": "f"}]'}]), suffix='.csv', error='chosen: the conversation has tools')
    pair('tools in a table, with qwen2.5', table([{**cells, 'tools': '[{"name": "f"}]'}]), suffix='.csv', chat='qwen2.5', tools=[{'name': 'f'}])
    case('messages alone in a table', table([{'messages': json.dumps([Q, A])}]), [[Q, A]], suffix='.csv')
    case('a conversation by another name', table([{'talk': json.dumps([Q, A])}]), [[Q, A]], suffix='.csv', fields='messages=talk')
    pair('single messages in a table', table([{'prompt': json.dumps([Q]), 'chosen': json.dumps(A), 'rejected': json.dumps(B)}]), suffix='.csv')
    keyed = [{'id': 1, **Q}, {'id': 2, **A}]
    case('messages in a table, other keys first', table([{'messages': json.dumps(keyed)}]), [[Q, A]], suffix='.csv')
    case('messages in a table, other keys first, as Python prints them', table([{'text': str(keyed)}]), suffix='.csv', error='holds a conversation as Python prints it')
    case('a list of objects in a table, cut short', table([{'text': json.dumps(keyed)[:-3]}]), [json.dumps(keyed)[:-3]], suffix='.csv')
    case('answers in a table', table([{'prompt': 'Hi ', 'responses': json.dumps(['Hello.', 'No.'])}]), ['Hi Hello.', 'Hi No.'], suffix='.csv')
    case('conversations as answers in a table', table([{'prompt': json.dumps([HI]), 'responses': json.dumps([HELLO, [NO], 'No.'])}]),
         [[HI, HELLO], [HI, NO], [HI, NO]], suffix='.csv')
    for text in ("['Hello.', 'No.']", 'Hello.', '"Hello."', ''):
        case(f'no answers in a table: {text}', table([{'prompt': 'Hi ', 'responses': text}]), suffix='.csv',
             error='the field "responses" is a string; expected a list of answers in JSON, as json.dumps() writes it')
    case('no answers in lines', {'prompt': 'Hi ', 'responses': 'Hello.'}, error='the field "responses" is a string; expected a list of answers')
    sides = {'prompt': Q['content'], 'chosen': json.dumps(['Sencha.']), 'rejected': json.dumps(['Assam.', 'Tea?'])}
    asked = Q['content']
    case('answers of both sides in a table (allenai/reward-bench-2)', table([sides]), [[Q, A], [Q, B], [Q, C]], suffix='.csv', turns='on')
    case('answers of both sides in a table, joined', table([sides]), [asked + 'Sencha.', asked + 'Assam.', asked + 'Tea?'], suffix='.csv')
    case('answers of both sides in a table, by other names', table([{'prompt': asked, 'good': ' ["Sencha."]\n', 'bad': '["Assam."]'}], '\t'),
         [asked + 'Sencha.', asked + 'Assam.'], suffix='.tsv', fields='chosen=good,rejected=bad')
    case('conversations of both sides in a table', table([{**sides, 'chosen': json.dumps([[Q, A]]), 'rejected': json.dumps([[Q, B], [Q, C]])}]),
         [[Q, A], [Q, B], [Q, C]], suffix='.csv')
    for chosen, rejected in (('["a"]', '[]'), ('[ ]', '["a", "b"]'), ("['a']", '[]')):
        pair(f'nothing extracted in a table: {chosen} {rejected}', table([{**sides, 'chosen': chosen, 'rejected': rejected}]), asked + chosen, asked + rejected, suffix='.csv')
    pair('two empty lists in a table', table([{**sides, 'chosen': '[]', 'rejected': '[ ]'}]), asked + '[]', asked + '[ ]', suffix='.csv')
    printed = ' holds a list of answers as Python prints it; expected JSON, as json.dumps() writes it'
    for chosen, rejected, wrong in (("['Sencha.']", "['Assam.', 'Tea?']", 'chosen'), ('["Tea\'s"]', "['Assam.' 'Tea?']", 'rejected'), ('["Sencha."]', '["As\\\'sam", "Tea?"]', 'rejected'),
                                    ("['Sencha.']", '["Assam."]', 'chosen'), (str([[Q, A]]), str([[Q, B]]), 'chosen')):
        case(f'answers as Python prints them in a table: {chosen} {rejected}', table([{**sides, 'chosen': chosen, 'rejected': rejected}]), suffix='.csv',
             error=f'the column "{wrong}"' + printed)
    for chosen, rejected in (('["a"]', 'a'), ("['a']", 'a'), ('[1, 2]', '[1, 3]'), ('[[1]]', '[[2]]'), ('["a"][0]', '["b"][0]'), ('[{"a": 1}]', '[{"a": 2}]'), ('[null]', '[1, "a"'), ("['a'][0]", "['b']"), ("['a']", '[]a')):
        pair(f'answers that are code in a table: {chosen} {rejected}', table([{**sides, 'chosen': chosen, 'rejected': rejected}]), asked + chosen, asked + rejected, suffix='.csv')
    way = '; in JSONL, a string that begins so is a text'
    for spoiled, good, which, what in (('["x", null]', '["y"]', 1, 'null'), ('["a", 5]', '["y", "z"]', 1, 'a number'), ('[5]', '["y"]', 0, 'a number'),
                                       ('["x", ["z"]]', '["y"]', 1, 'a list'), ('["x", "\\ud83d"]', '["y"]', 1, 'a string with half of a surrogate pair'),
                                       (json.dumps([{'text': 'x'}]), json.dumps([{'text': 'y'}]), 0, 'an object'), ('["x", null]', '["y", 1]', 1, 'null'),
                                       (json.dumps([[Q, A], None]), json.dumps([[Q, B]]), 1, 'null')):
        case(f'no answer in a list in a table: {spoiled} {good}', table([{**sides, 'chosen': spoiled, 'rejected': good}]), suffix='.csv',
             error=f'the columns "chosen" and "rejected" hold lists of answers, but element {which} of the first is {what}; expected a string or a conversation' + way)
    case('no answer in the other list in a table', table([{**sides, 'rejected': '["x", null]'}]), suffix='.csv',
         error='the columns "rejected" and "chosen" hold lists of answers, but element 1 of the first is null')
    for cut in ('["x", "y", " 12', '["x"],', '["x"][0]', '[x]', "['x', 'y'"):
        case(f'a list cut short in a table: {cut}', table([{**sides, 'chosen': cut, 'rejected': '["y"]'}]), suffix='.csv',
             error='the column "chosen" begins like a list of answers, which "rejected" is, but is not valid JSON: ')
    case('sharegpt in a table', table([{'messages': json.dumps([share('human', 'Hi'), share('gpt', 'Hello.')])}]), [[HI, HELLO]], suffix='.csv')
    python = 'holds a conversation as Python prints it; expected JSON, as json.dumps() writes it'
    case('a conversation as Python prints it', table([{'prompt': '', 'chosen': str([Q, A]), 'rejected': str([Q, B])}]), suffix='.csv', error='the column "chosen" ' + python)
    case('a conversation as numpy prints it', table([{'messages': "[{'content': 'Hi', 'role': 'user'}\n {'content': 'Hello.', 'role': 'assistant'}]"}]), suffix='.csv',
         error='the column "messages" ' + python)
    case('a message as Python prints it', table([{'prompt': 'Hi', 'chosen': str(A), 'rejected': str(B)}]), suffix='.csv', error='the column "chosen" ' + python)
    case('a conversation cut short', table([{'messages': json.dumps([Q, A])[:-3]}]), suffix='.csv',
         error='the column "messages" begins like a conversation, but is not valid JSON')
    for text in ('[1, 2]', '{"content": "x"}', "{'a': 1}", '[{"value": 3}]', '{"role": "admin"}', '[{"a": {"role": "user", "content": "x"}}]', "{'content': 'x'}"):
        case(f'an answer that is code: {text}', table([{'prompt': 'Write JSON: ', 'response': text}]), ['Write JSON: ' + text], suffix='.csv')
    case('a text that looks like a conversation in JSON lines', {'text': json.dumps([Q, A])}, [json.dumps([Q, A])])


for group in (preferences, repeated, forms, parts, template_fields, turns, systems, names, tables):
    group()
assert len({c['name'] for c in CASES}) == len(CASES)
with open(os.path.join(HERE, 'forms.jsonl'), 'w') as f:
    for c in CASES:
        f.write(json.dumps(c, separators=(',', ':')) + '\n')
print(len(CASES), 'inputs')
