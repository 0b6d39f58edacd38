"""log_manual.py PAGE SOURCE... <RECORDS: what qvm-remote-log(5) does not say of
the records, or of what the sources write, and what it says of neither."""
import json
import re
import subprocess
import sys

LITERAL = re.compile(r'"([a-z0-9_-]+)"')
# Who hands an event's name on, and perhaps a field's: which of its literals.
CALLS = {'record_event': ('event', 'field'), 'record_clock': ('event',),
         'record_owed_no_more': ('event',), 'record_person': ('event',)}
STREAM = ['written', 'kept', 'sha256', 'head']
FIELD = re.compile(r'\brecord_(?:str|[ui]64|bool|hex|bytes|bytes_fd)'
                   r'\(\s*&?\w+,\s*"(\w+)",([^;]*);')
FITS = {'number': lambda v: type(v) is int,
        'true or false': lambda v: type(v) is bool,
        'hex': lambda v: type(v) is str and re.fullmatch('[0-9a-f]+', v),
        'text': lambda v: type(v) is str,
        'base64': lambda v: type(v) is str}

UNITS = {'us': 'microseconds', 'ms': 'milliseconds'}


def section(text, name):
    return re.search(r'^\.S[hs] %s\n(.*?)(?=^\.Sh |\Z)' % name, text,
                     re.M | re.S)[1]


def page(path):
    """{event: fields}, {field: types and unit}, the fields of every record."""
    with open(path, encoding='ascii') as f:
        text = f.read()
    events, fields, head = {}, {}, set()
    for part in re.split(r'^\.It Cm ', section(text, 'EVENTS'), flags=re.M)[1:]:
        name = part.split('\n', 1)[0]
        lists = ' '.join(re.findall(r'^\.Li (.*[,;.])$',
                                    part[part.find('ields'):], re.M))
        events[name] = set(re.findall(r'\w+', lists))
    for part in ('Fields of every record', 'FIELDS'):
        for name, types in re.findall(r'^\.It Li (\w+) Pq (.*)$',
                                      section(text, part), re.M):
            fields[name] = types
            if part != 'FIELDS':
                head.add(name)
    return events, fields, head


def sources(paths, manual, problems):
    """Events and fields that they write."""
    events, fields = set(), set()
    for path in paths:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        events |= set(re.findall(r'\bjournal_begin\("([^"]*)"', text))
        for name, value in FIELD.findall(text):
            fields.add(name)
            for unit in re.findall(r'_(us|ms)\)$', value):
                if UNITS[unit] not in manual[name]:
                    problems.append('field %s: in %s' % (name, UNITS[unit]))
        for name, of in CALLS.items():
            for call in re.findall(r'\b%s\(([^;{]*)' % name, text):
                for what, literal in zip(of, LITERAL.findall(call)):
                    (events if what == 'event' else fields).add(literal)
        events |= set(re.findall(r'#define STUB\w*\s+"([^"]*)"', text))
        for table in re.findall(r'\bevents\[\] = \{([^;{}]*)\}', text):
            events |= set(LITERAL.findall(table))
        for name in re.findall(r'\badd_stream\(\w+, "(\w+)"', text):
            fields |= {name + '_' + suffix for suffix in STREAM}
        for function, body in re.findall(
                r'^(\w+)\([^;{]*\)\n\{\n(.*?)^\}', text, re.M | re.S):
            if re.search(r'\bjournal_begin\([a-z]', body) and \
                    function not in (*CALLS, 'record_problem', 'record_act'):
                problems.append('%s: %s writes an event that this test cannot '
                                'read' % (path, function))
    return events, fields


def check_record(record, manual, problems):
    events, fields, head = manual
    event = record['event']
    if event not in events:
        problems.append('event %s' % event)
        return
    for name, value in record.items():
        base = name.removesuffix('_b64')
        if base not in head and base not in events[event]:
            problems.append('event %s: field %s' % (event, base))
        types = [t for t in FITS if t in fields.get(base, '')]
        if name != base:
            types = [t for t in types if t == 'base64']
        if not any(FITS[t](value) for t in types):
            problems.append('field %s: not of the kind %s' % (
                name, json.dumps(value)[:40]))


def main():
    problems = []
    manual = events, fields, head = page(sys.argv[1])
    written, named = sources(sys.argv[2:], fields, problems)
    for line in sys.stdin:
        check_record(json.loads(line), manual, problems)
    problems.extend('event %s' % x for x in written - set(events))
    problems.extend('field %s' % x for x in named - set(fields))
    problems.extend('event %s is written nowhere' % x
                    for x in set(events) - written)
    problems.extend('field %s is written nowhere' % x
                    for x in set(fields) - named - head)
    for name, its in events.items():
        problems.extend('event %s: field %s has no description' % (name, x)
                        for x in its - set(fields))
    print(*sorted(set(problems)), sep='\n', end='\n' if problems else '')


if __name__ == '__main__':
    main()
