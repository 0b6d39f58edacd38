#!/usr/bin/env python3
"""policy_check.py DECIDE [COUNT [SEED]]: a second splitter and matcher.

Makes policies, and bodies from a grammar of shell text, options, paths and
quotes, and compares what DECIDE (regress/decide.c) says of each with what
qvm-remote-policy(5) says, read a second time here: with regular expressions,
from the manual, not from the C.  What runs must also be the words that bash
makes of it.  regress/executed has a daemon decide and execute such bodies.
"""

import collections
import random
import re
import subprocess
import sys
import tempfile

POLICIES = 100
COMMANDS = {'xl': '/usr/sbin/xl'}
for _name in ('bash cat find qvm-kill qvm-ls qvm-start rm wc').split():
    COMMANDS[_name] = '/usr/bin/' + _name

BARE = rb'[A-Za-z0-9_./:=,@+%-]+'
WORD = rb"(?:%s|'[ -&(-~]*')" % BARE
BODY = re.compile(rb'(%s(?: %s)*)\n?' % (WORD, WORD))
ONE = re.compile(WORD)


def split(body):
    """The words of a body, or None."""
    if len(body) > 16384:
        return None
    found = BODY.fullmatch(body)
    if not found:
        return None
    words = [w[1:-1] if w[:1] == b"'" else w for w in ONE.findall(found[1])]
    return words if len(words) <= 512 else None


def find(word):
    """A command's one path, or None."""
    if not re.fullmatch(BARE, word) or len(word) > 255:
        return None
    name = word.decode()
    if '/' not in name:
        return COMMANDS.get(name)
    parts = name.split('/')
    if parts[0] or set(parts[1:]) & {'', '.', '..'} or parts[1] == 'none':
        return None
    return '/usr' + name if name.startswith(('/bin/', '/sbin/')) else name


class Word:
    """Of a pattern: a text with wildcards, or one that is quoted."""

    def __init__(self, text, quoted=False):
        self.text, self.quoted = text, quoted
        self.wild = not quoted and '*' in text
        parts = text.split('*') if self.wild else [text]
        self.regex = re.compile('[^/]*'.join(map(re.escape, parts)))

    def __str__(self):
        return "'%s'" % self.text if self.quoted else self.text

    def matches(self, word):
        word = word.decode()
        if self.wild and ('..' in word or
                          self.text[0] == '*' and word[0:1] == '-'):
            return False
        return bool(self.regex.fullmatch(word))


class Rng(random.Random):
    """With what is called a million times made quick."""

    def choice(self, seq):
        return seq[int(self.random() * len(seq))]

    def randint(self, a, b):
        return a + int(self.random() * (b - a + 1))


class Line:
    def __init__(self, key, words, rest):
        self.key, self.words, self.rest = key, words, rest
        command = words[0].text
        head, _, last = command.rpartition('/')
        path = find((head + '/x').encode())[:-1] + last if head else \
            COMMANDS[command]
        self.command = Word(path)

    def __str__(self):
        return '%s = %s' % (self.key, ' '.join(
            [str(w) for w in self.words] + ['**'] * self.rest))

    def matches(self, path, args):
        wanted = self.words[1:]
        if not self.command.matches(path.encode()) or \
                len(args) < len(wanted) or \
                len(args) > len(wanted) and not self.rest:
            return False
        return all(w.matches(a) for w, a in zip(wanted, args)) and \
            not any(b'..' in a for a in args[len(wanted):])


def decide(mode, lines, body, has_input):
    """As the driver prints it; the mode is the first line."""
    if mode not in ('allow', 'ask'):
        return {'shell': 'run 1 ', 'deny': 'deny 1'}[mode]
    nothing = 'ask 1' if mode == 'ask' else 'deny 1'
    words = split(body)
    path = find(words[0]) if words else None
    if path is None:
        return nothing
    for number, line in enumerate(lines, 2):
        if not line.matches(path, words[1:]):
            continue
        if line.key == 'deny' or has_input and line.key == 'allow':
            return 'deny %d' % number
        return ' '.join(['run', str(number), path] +
                        ['.' + w.hex() for w in words])
    return nothing


PLACES = ['', '/usr/bin/', '/bin/', '/usr/sbin/', '/sbin/', '/opt/x/']
ODD_PLACES = PLACES + ['./', '../', '/usr//bin/', '/usr/bin/../bin/',
                       '/usr/./bin/', '//usr/bin/', 'bin/', '/none/', '/',
                       '/usr/bin/x/', '~/', '/usr/bin//']
PIECES = ['a', 'b', 'work', 'sys-usb', '.', '..', '/', '-', '--', '-rf', '=',
          'x y', '', '*', 'a*', '/srv', 'é', ':', ',', '..a', '%', '@', '+',
          '$(id)', '`id`', '$HOME', '"', '\\', ';', '|', '>', '&', '#', '~']
JOINTS = [' '] * 200 + ['  ', '\t', '\n', ';', '; ', ' ; ', '|', ' | ', ' && ',
                       ' || ', ' & ', ' > ', ' < ', '$(', '`', ' \\\n', '\r\n',
                       '', "'", ' {', '}', '\0', '\x1b']


def some(rng, choices, most):
    return ''.join(rng.choice(choices) for _ in range(rng.randint(0, most)))


def make_word(rng):
    if rng.random() < .2:
        text = some(rng, [p for p in PIECES if p.isascii()], 3)
        return Word(text, quoted=True)
    text = some(rng, ['a', 'b', 'work', '/', '/srv/', '-', '--x=', '.', '..',
                      ':', '*', '*', '*'], 4) or 'a'
    return Word(re.sub(r'\*+', '*', text))


def make_line(rng):
    name = rng.choice(list(COMMANDS))
    place = rng.choice(PLACES)
    if place and rng.random() < .4:
        at = rng.randint(0, len(name))
        name = name[:at] + '*' + name[at:][rng.randint(0, 2):]
    key = rng.choice(['allow', 'allow', 'allow-input', 'deny'])
    words = [Word(place + name)]
    words += [make_word(rng) for _ in range(rng.randint(0, 3))]
    return Line(key, words, rng.random() < .5)


def fill(rng, word):
    """A word that may match a pattern's, and a little more."""
    if word.quoted:
        return word.text
    return re.sub(r'\*', lambda _: some(rng, PIECES, 2), word.text)


def write(rng, word):
    """Quoted or not, rightly or not."""
    plain = re.fullmatch(BARE.decode(), word)
    if rng.random() < (.2 if plain else .95):
        return "'%s'" % word
    if rng.random() < .03 and word:
        at = rng.randrange(len(word))
        return rng.choice(["%s'%s'", "'%s'%s", '%s"%s"', '%s\\%s',
                           "%s''%s"]) % (word[:at], word[at:])
    return word


def make_body(rng, lines):
    line = rng.choice(lines)
    place, slash, name = line.words[0].text.rpartition('/')
    if rng.random() < .3:
        place, slash = rng.choice(ODD_PLACES), ''
    words = [place + slash + re.sub(
        r'\*', lambda _: rng.choice(['', 'a', '-', 's', 'kill', '/']), name)]
    if rng.random() < .2:
        words[0] = rng.choice(list(COMMANDS) + ['..', '.', 'PATH=/tmp', ''])
    words += [fill(rng, w) for w in line.words[1:]]
    while rng.random() < (.5 if line.rest else .1):
        words.append(some(rng, PIECES, 3))
    if rng.random() < .1 and len(words) > 1:
        words.pop(rng.randrange(1, len(words)))
    text = write(rng, words[0])
    for word in words[1:]:
        text += rng.choice(JOINTS) + write(rng, word)
    text += rng.choice(['', '\n'] * 10 + ['\n\n', ' ', ';', '\r\n'])
    body = bytearray(text.encode())
    if rng.random() < .05 and body:
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def make_policy(rng, number):
    """Mode, lines, text: some lines mostly, but many too, one or none, and
    now and then a mode that has none."""
    mode = {3: 'shell', 7: 'deny'}.get(
        number, 'ask' if number % 4 == 2 else 'allow')
    most = {11: 0, 13: 1, 17: 256}.get(number, 12)
    lines = [make_line(rng) for _ in range(rng.randint(most // 4, most))]
    rest = rng.choice(['', '', 'hide = yes\n', '\n# allow = rm **\n'])
    return mode, lines, 'mode = %s\n%s%s' % (mode, ''.join(
        '%s\n' % x for x in lines if mode in ('allow', 'ask')), rest)


def ask(program, policy, bodies):
    frames = b''.join(b'%c%d\n%s' % (b'-+'[i], len(b), b) for b, i in bodies)
    with tempfile.NamedTemporaryFile('w') as f:
        f.write(policy)
        f.flush()
        done = subprocess.run([program, f.name], input=frames, check=True,
                              stdout=subprocess.PIPE)
    return done.stdout.decode().splitlines()


def bash_words(bodies):
    """What bash makes of bodies that both take for words, and words alone."""
    script = 'while IFS= read -r -d "" b; do eval "set -- $b"; ' \
        'printf "%s\\0" "$#" "$@"; done'
    done = subprocess.run(['bash', '-c', script], check=True,
                          input=b''.join(b + b'\0' for b in bodies),
                          stdout=subprocess.PIPE)
    out = iter(done.stdout.split(b'\0')[:-1])
    return [[next(out) for _ in range(int(n))] for n in out]


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    rng = Rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    seen, ran = collections.Counter(), []
    for number in range(POLICIES):
        mode, lines, policy = make_policy(rng, number)
        likely = lines or [make_line(rng)]
        bodies = [(make_body(rng, likely), rng.random() < .2)
                  for _ in range(count // POLICIES)]
        for (body, has_input), said in zip(
                bodies, ask(program, policy, bodies), strict=True):
            expected = decide(mode, lines, body, has_input)
            if said != expected:
                sys.exit('%r, input %s, under\n%sis %s, must be %s' % (
                    body, has_input, policy, said, expected))
            if mode not in ('allow', 'ask'):
                continue
            words = split(body)
            seen['words' if words else 'no words'] += 1
            seen['run' if said[0] == 'r' else 'denied by mode'
                 if said == 'deny 1' else 'asked'
                 if said[0] == 'a' else 'denied by line'] += 1
            if said[0] == 'r' and number % 10 == 0:
                ran.append(body)
    for body, words in zip(ran, bash_words(ran), strict=True):
        if words != split(body):
            sys.exit('%r is %s to bash' % (body, words))
    print(', '.join('%s %d' % x for x in sorted(seen.items())))
    if len(seen) < 6 or min(seen.values()) < count // 20:
        sys.exit('too few of one kind: the grammar shows nothing')


if __name__ == '__main__':
    main()
