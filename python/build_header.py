"""build_header.py - turns guerdon.h into what cffi reads, so that the two can't differ.  usage: build_header HEADER

Comments, what the preprocessor would take away, and the attribute of functions go; the rest is the header's own text.
"""
import re
import sys

CALLBACKS = '''
extern "Python" int guerdon_progress(void *, uint64_t, uint64_t, uint64_t, uint64_t);
extern "Python" int guerdon_training(void *, const gd_train_report *);
extern "Python" void guerdon_problem(void *, uint64_t, const char *);
'''


def declarations(header):
    """The declarations of a header, given its text, without comments and directives."""
    text = re.sub(r'/\*.*?\*/', ' ', header, flags=re.S)
    text = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', '', text, flags=re.M)
    text = re.sub(r'extern "C" \{(.*)\}', r'\1', text, flags=re.S)
    text = re.sub(r'\bGD_API\b', '', text)
    return re.sub(r'\n\s*\n+', '\n', text).strip() + '\n'


def read(path):
    """What cffi reads for the header at `path`: its declarations, and the functions that Python gives it."""
    with open(path, encoding='utf-8') as file:
        return declarations(file.read()) + CALLBACKS


if __name__ == '__main__':
    sys.stdout.write(read(sys.argv[1]))
