"""What a program's --help names, and whether a manual has it.

help_words.py list PROGRAM [OPTION]...: a line `WHERE<TAB>WORD` for each option
and each word of a subcommand, WHERE being the words before it: those of
`PROGRAM --help`, and of `PROGRAM [OPTION]... SUBCOMMAND --help` where there is
such a thing.

help_words.py missing PAGE: of such lines, those that PAGE does not describe.
"""
import re
import subprocess
import sys

WORD = re.compile(r'[a-z][a-z0-9-]*')
OPTION = r'--?[a-z][a-z0-9-]*'


def say(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True, timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else ''


def options(line):
    """Those that begin it, or stand in its brackets."""
    return re.findall(r'(?:^\s*|, |\[|\|)(%s)(?![a-z])' % OPTION, line)


def of_line(line):
    """What the line of a subcommand names; it ends before what it is for."""
    words, where = line.split(), []
    while words and WORD.fullmatch(words[0]):
        yield ' '.join(where), words[0]
        where.append(words.pop(0))
    path = ' '.join(where)
    for word in words:
        if re.fullmatch(r'\[?[a-z-]+(\|[a-z-]+)+\]?', word):
            yield from ((path, x) for x in word.strip('[]').split('|'))
    yield from ((path, x) for x in words if re.fullmatch(OPTION, x))
    yield from ((path, x) for x in options(line))


def of_help(program):
    lines = say(program, '--help').splitlines() + ['']
    for line, after in zip(lines, lines[1:]):
        if re.match(r' +-', line):
            yield from (('', x) for x in options(line))
        elif re.match(r'  [a-z]', line):
            # What it is for follows on the line, or has one of its own.
            own = re.match(r' {10}', after)
            yield from of_line(line if own else re.split(' {2,}', line)[1])


def of_subcommand(program, first, path, known):
    """Not of those below it, nor of all: they are named where they belong."""
    below = [word for where, word in known if where == path]
    for line in say(program, *first, *path.split(), '--help').splitlines():
        if re.search(r'(^|\s)%s (%s)(\s|$)' % (path, '|'.join(below) or '-'),
                     line):
            continue
        for x in options(line):
            if ('', x) not in known and x not in ('-h', '--help'):
                yield path, x


def list_words(program, *first):
    known = set(of_help(program))
    found = set(known)
    for where, word in sorted(known):
        if word[0] != '-':
            found |= set(of_subcommand(program, first,
                                       (where + ' ' + word).strip(), known))
    for where, word in sorted(found):
        print(where, word, sep='\t')


def paragraphs(page):
    """Each tag of the page's outer lists, with what is said of it."""
    text = re.sub('.\b', '', say('mandoc', '-T', 'ascii', '-O', 'width=200',
                                 page))
    return re.findall(r'^ {5}\S.*\n(?: {6,}.*\n|\n)*', text, re.M)


def described(parts, where, word):
    named = re.compile(r'(?<![\w-])%s(?![\w-])' % re.escape(word))
    if where == '' and word[0] == '-':
        return any(named.search(p.split('\n')[0]) for p in parts)
    path = where if word[0] == '-' else (where + ' ' + word).strip()
    parts = [p for p in parts if re.match(r' {5}%s(?![\w-])' % path, p)]
    return any(named.search(p) for p in parts)


def missing(page):
    parts = paragraphs(page)
    for line in sys.stdin:
        where, word = line.rstrip('\n').split('\t')
        if not described(parts, where, word):
            print(('%s %s' % (where, word)).strip())


{'list': list_words, 'missing': missing}[sys.argv[1]](*sys.argv[2:])
