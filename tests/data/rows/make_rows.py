"""Write random files of rows, and expected.jsonl, what Python's csv and json read from them.  usage: make_rows.py (in its
folder)

Made with Python 3.11.  A line of expected.jsonl is {"file", "line", "object"}: the line on which the row begins, and its
fields.  The files vary as real ones do: quotes where needed or everywhere, line breaks of Unix or of RFC 4180, a byte
order mark, elements of an array on one line or several."""
import csv
import io
import json
import random

R = random.Random(20240611)
WORDS = ['tea', 'hot', '"', '""', ',', '\t', '\n', '\r\n', "'", ' ', 'é', '日本', '😀', '\\', '\\n', '[', ']}', '{"a": 1}', ';', '0',
         '\u2028', '\ufeff', '=1+1', '\x7f', '\x00']


def text():
    return ''.join(R.choice(WORDS) for _ in range(R.choice([0, 1, 2, 5, 20])))


def fields(names):
    return {name: text() for name in names}


def read_csv(data, separator):
    """The rows that Python reads, each with the line on which it begins; only LF ends a line, as in an editor."""
    lines = [line + '\n' for line in data.split('\n')]
    lines[-1] = lines[-1][:-1]
    reader = csv.reader([line for line in lines if line], delimiter=separator)
    begin, names = 1, None
    for row in reader:
        if row and names is None:
            names = row
        elif row:
            assert len(row) == len(names)
            yield begin, dict(zip(names, row))
        begin = reader.line_num + 1


def write_table(name, names, rows, mark='', separator=',', **how):
    to = io.StringIO()
    writer = csv.DictWriter(to, names, delimiter=separator, **how)
    writer.writeheader()
    for i in range(rows):
        writer.writerow(fields(names))
        if i % 10 == 3:
            to.write(how['lineterminator'])  # a blank line
    with open(name, 'w', encoding='utf-8', newline='') as f:
        f.write(mark + to.getvalue())
    read = list(read_csv(to.getvalue(), separator))
    assert len(read) == rows
    return [dict(file=name, line=line, object=row) for line, row in read]


def write_array(name, rows, indents, between):
    values, out, expected = [], '\n [', []
    for i in range(rows):
        value = {**fields(['prompt', 'chosen', 'rejected']), 'list': [text(), {'a': [text(), None]}], 'n': R.randrange(9)}
        out += R.choice(between)
        expected.append(dict(file=name, line=out.count('\n') + 1, object=value))
        out += json.dumps(value, indent=R.choice(indents), ensure_ascii=R.random() < 0.5)
        out += R.choice(between) + (',' if i + 1 < rows else ']\n')
        values.append(value)
    assert json.loads(out) == values
    with open(name, 'w', encoding='utf-8', newline='') as f:
        f.write(out)
    return expected


EXPECTED = (
    write_table('minimal.csv', ['prompt', 'chosen', 'rejected'], 60, lineterminator='\r\n')
    + write_table('all.csv', ['text', 'a "quoted", name'], 60, mark='\ufeff', quoting=csv.QUOTE_ALL, lineterminator='\n')
    + write_table('one.csv', ['text'], 60, lineterminator='\n')
    + write_table('tabs.tsv', ['prompt', 'response'], 60, separator='\t', lineterminator='\n')
    + write_array('array.json', 40, [None, 1, 4], ['', ' ', '\n', '\r\n\t'])
)
with open('expected.jsonl', 'w', encoding='utf-8', newline='') as f:
    for row in EXPECTED:
        f.write(json.dumps(row) + '\n')
