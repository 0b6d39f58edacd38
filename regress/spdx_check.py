#!/usr/bin/env python3
"""Says what of bills of materials is not as SPDX 2.3 wants it, a line each.

usage: spdx_check.py FILE...

Rules are those of the specification for what is used here: tag-value documents
of packages and relationships, without files
(https://spdx.github.io/spdx-spec/v2.3/).
"""

import re
import sys

# Tag: how often in a section, and its value; 6 and 7 are chapters.
ID = r"SPDXRef-[A-Za-z0-9.-]+"
TEXT = r"[^\n]+"
URL = r"(NONE|NOASSERTION|(https?|git\+https|ssh)://\S+)"
LICENCE = (r"(NONE|NOASSERTION|({0})(( AND | OR )({0}))*)").format(
    "ISC|MIT|BSD-3-Clause|GPL-2.0-only|LGPL-2.1-only|LGPL-2.1-or-later")
DOCUMENT = {  # 6
    "SPDXVersion": ("1", r"SPDX-2\.3"),
    "DataLicense": ("1", r"CC0-1\.0"),
    "SPDXID": ("1", r"SPDXRef-DOCUMENT"),
    "DocumentName": ("1", TEXT),
    "DocumentNamespace": ("1", r"[a-z][a-z0-9+.-]*:[^#\s]+"),
    "Creator": ("+", r"(Person|Organization): .+|Tool: \S+-\S+"),
    "Created": ("1", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "DocumentComment": ("?", r"<text>[^<]*</text>"),
}
PACKAGE = {  # 7
    "PackageName": ("1", TEXT),
    "SPDXID": ("1", ID),
    "PackageVersion": ("?", TEXT),
    "PackageFileName": ("?", r"[^\n/]+"),
    "PackageDownloadLocation": ("1", URL),
    "FilesAnalyzed": ("1", "false"),  # else there are files, and a code
    "PackageChecksum": ("*", r"SHA256: [0-9a-f]{64}|SHA1: [0-9a-f]{40}"),
    "PackageLicenseConcluded": ("?", LICENCE),
    "PackageLicenseDeclared": ("?", LICENCE),
    "PackageCopyrightText": ("?", r"NONE|NOASSERTION|<text>[^<]*</text>"),
}
KINDS = {"DESCRIBES", "GENERATED_FROM", "STATIC_LINK", "DYNAMIC_LINK"}
MANY = {"1": (1, 1), "?": (0, 1), "+": (1, 99), "*": (0, 99)}


def tags(text):
    """(tag, value) each; what stands between <text> and </text> is one value."""
    text = re.sub(r"<text>.*?</text>", lambda m: m[0].replace("\n", " "), text,
                  flags=re.S)
    for line in filter(None, text.split("\n")):
        tag, _, value = line.partition(": ")
        yield tag, value


def section(name, have, rules):
    for tag, value in have:
        if tag not in rules:
            yield f"{name}: {tag}: no such tag here"
        elif not re.fullmatch(rules[tag][1], value):
            yield f"{name}: {tag}: {value!r}"
    for tag, (many, _) in rules.items():
        least, most = MANY[many]
        if not least <= sum(tag == t for t, _ in have) <= most:
            yield f"{name}: {tag}: missing, or there more than once"


def relations(values, ids):
    for value in values:
        words = value.split(" ")
        if len(words) != 3 or words[1] not in KINDS:
            yield f"Relationship: {value}"
            continue
        for word in (words[0], words[2]):
            if word not in ids:
                yield f"Relationship: {value}: no {word}"
    if not any(v.startswith("SPDXRef-DOCUMENT DESCRIBES ") for v in values):
        yield "nothing is described"


def wrong(text):
    sections, related = [[]], []
    for tag, value in tags(text):
        if tag == "PackageName":
            sections.append([])
        if tag == "Relationship":
            related.append(value)
        elif related:
            yield f"{tag}: behind the relationships"
        else:
            sections[-1].append((tag, value))
    yield from section("document", sections[0], DOCUMENT)
    for have in sections[1:]:
        yield from section(have[0][1], have, PACKAGE)
    ids = [v for have in sections for t, v in have if t == "SPDXID"]
    for i in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"{i}: there more than once"
    yield from relations(related, ids)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            for what in wrong(f.read()):
                print(f"{path}: {what}")
