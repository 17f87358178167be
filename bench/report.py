"""The table as Markdown and as a page."""
from html import escape

from rows import ROWS

HEADS = ('what', 'target', 'figure', 'reached', 'command')


def cells(row):
    reached = {True: 'yes', False: 'no', None: ''}[row.get('reached')]
    figure = row['figure'] or f'not measured: {row["why"]}'
    if row.get('kept'):
        figure += f' (of {row["when"]}, on another machine or run; now: {row["kept"]})'
    return row['what'], row['target'], figure, reached, row['command']


def listed(results):
    return [(name, results['rows'][name]) for name in ROWS if name in results['rows']]


def machines(results):
    """Each machine once, with the rows measured on it."""
    found = {}
    for name, row in listed(results):
        found.setdefault((row['machine'], row['when'][:10]), []).append(name)
    return [(machine, day, ', '.join(names)) for (machine, day), names in found.items()]


def markdown(results):
    lines = [f'| {" | ".join(HEADS)} |', '|' + '---|' * len(HEADS)]
    for _, row in listed(results):
        what, target, figure, reached, command = (c.replace('|', '\\|') for c in cells(row))
        lines.append(f'| {what} | {target} | {figure} | {reached} | `{command}` |')
    lines.append('')
    lines += [f'{day}, {names}: {machine}.' for machine, day, names in machines(results)]
    lines.append(f'In the last run, {results["peak"]}.')
    return '\n'.join(lines) + '\n'


def table(results):
    out = ['<section>\n<h2>The table</h2>\n<div class="table"><table class="words">\n<tr>']
    out += [f'<th>{h}</th>' for h in HEADS[:-1]] + ['</tr>\n']
    for _, row in listed(results):
        out += ['<tr>'] + [f'<td>{escape(c)}</td>' for c in cells(row)[:-1]] + ['</tr>\n']
    out.append('</table></div>\n')
    for machine, day, names in machines(results):
        out.append(f'<p class="soft">{escape(day)}, {escape(names)}: {escape(machine)}.</p>\n')
    out.append(f'<p class="soft">In the last run, {escape(results["peak"])}.</p>\n</section>\n')
    return ''.join(out)


def html(results, page):
    """guerdon bench's page with the table before its sections, or with only the table if no row ran guerdon bench."""
    title = "Guerdon's speed"
    begin = page.index('<h1>')
    head = page[:begin].replace(page[page.index('<title>'):page.index('</title>')], f'<title>{title}')
    if not results.get('bench'):
        return f'{head}<h1>{title}</h1>\n{table(results)}{page[page.rindex("</section>") + len("</section>"):]}'
    rest = page[page.index('</h1>') + len('</h1>'):]
    return f'{head}<h1>{title}</h1>\n{table(results)}<section>\n<h2>guerdon bench</h2>{rest.replace("<section>", "</section><section>", 1)}'
