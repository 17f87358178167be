"""Print the results of PEFT's own matching for the names in test_peft.c.  usage: peft_targets.py > peft_targets.inc
The table was made with peft 0.21.2."""
import json

from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists

NAMES = ['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj', 'model.layers.0.self_attn.v_proj',
         'model.layers.10.mlp.up_proj', 'model.q_proj', 'q_proj', 'score', 'model.layers.1.xq_proj', 'h.2.3.q_proj',
         'model.norm']
Q = ['q_proj']
CASES = [
    dict(target_modules=Q), dict(target_modules=[]), dict(target_modules=['proj']), dict(target_modules=['score']),
    dict(target_modules=['self_attn.q_proj', 'norm']), dict(target_modules=[NAMES[0]]),
    dict(target_modules='.*q_proj'), dict(target_modules='q_proj'), dict(target_modules=r'.*\.\d\.self_attn\.[qv]_proj'),
    dict(target_modules=r'model\.(?:layers\.1|norm).*'), dict(target_modules=r'(?!.*score)\w+(?:\.\w+)*'),
    dict(target_modules=r'.*layers\.(?P<n>\d{2})\..*'), dict(target_modules='.*(q|v)_proj$'),
    dict(target_modules='model|q_proj'),
    dict(target_modules=Q, exclude_modules=Q), dict(target_modules=Q, exclude_modules=['model.q_proj']),
    dict(target_modules=Q, exclude_modules=r'.*layers\.0\..*'), dict(target_modules='.*', exclude_modules='.*proj'),
    dict(target_modules=['score', 'q_proj'], modules_to_save=['score', 'classifier']),
    dict(target_modules='.*', modules_to_save=['score']),
    dict(target_modules=Q, layers_to_transform=1), dict(target_modules=Q, layers_to_transform=[0, 10]),
    dict(target_modules=Q, layers_to_transform=[]), dict(target_modules=['up_proj', 'q_proj'], layers_to_transform=[10, 2, 3]),
    dict(target_modules=Q, layers_to_transform=[0, 1, 3], layers_pattern='layers'),
    dict(target_modules=Q, layers_to_transform=[3], layers_pattern=['2', 'h']),
    dict(target_modules=Q, layers_to_transform=[0, 2], layers_pattern=['l.yers', 'h']),
    dict(target_modules=Q, layers_to_transform=[0, 2], layers_pattern='layers|h'),
    dict(target_modules=Q, layers_to_transform=[0, 2], layers_pattern='h|layers'),
    dict(target_modules=[NAMES[0], 'q_proj'], layers_to_transform=[1]),
    dict(target_modules=Q, layers_to_transform=[2]),
]


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


for case in CASES:
    config = LoraConfig(**case)
    said = ''.join('1' if check_target_module_exists(config, name) else '0' for name in NAMES)
    fields = json.dumps(case, separators=(',', ':'))[1:-1]
    line = f'{{ {c_string(fields)}, "{said}" }},'
    print(line if len(line) < 110 else line.replace(', "', ',\n  "', 1) if ', "' in line else line)
