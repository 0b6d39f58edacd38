#!/usr/bin/env python3
"""Says what documents name and the tree does not have, a line each.

usage: documents.py TREE DOCUMENT...

Held to the tree are: links to files and to headings in them, tests
(FOLDER/NAME_test, or NAME_test of regress/, with :CASE behind it or not), a case
that stands alone in backquotes (a name of four words or more), fuzz targets, and
what `make` is to make.
"""

import os
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
TEST = re.compile(r"(?:\b([a-z]+)/)?\b([a-z0-9_]+_(?:test|fuzz))\b"
                  r"(?:\.(?:sh|c))?(?::(\w+))?")
CASE = re.compile(r"`:?([a-z0-9]+(?:_[A-Za-z0-9]+){3,})`")
# How C and sh declare one; what a program declares in a loop is not seen.
DECLARED = re.compile(
    r"^(?:[A-Z_]+\(|\w+_test(?:_case)? (?:\S+ )?)([a-z]\w+)", re.M)
MAKE = re.compile(r"(?:^    |`)make ([a-z][a-z0-9-]*)", re.M)


def cases(tree):
    """Of each test program, FOLDER/NAME, the names of its cases."""
    return {f"{source.parent.name}/{source.stem}":
            set(DECLARED.findall(source.read_text(encoding="utf-8")))
            for source in tree.glob("*/*_test.*")}


def anchors(text):
    """What a heading's address is on the usual hosts of repositories."""
    for title in re.findall(r"^#+ (.*)$", text, re.M):
        title = re.sub(r"[^\w\- ]", "", title.lower())
        yield title.replace(" ", "-")


def targets(tree):
    text = "\n".join(p.read_text() for p in
                     [tree / "GNUmakefile", *tree.glob("*/module.mk")])
    return set(re.findall(r"^([a-z][a-z0-9-]*)\s*:(?!=)", text, re.M)) | {
        word for line in re.findall(r"^\.PHONY: (.*(?:\\\n.*)*)", text, re.M)
        for word in line.split()}


def wrong_link(path, link):
    if re.match(r"[a-z]+:", link):
        return False
    name, _, anchor = link.partition("#")
    to = path.parent / name if name else path
    return not to.exists() or (
        anchor and anchor not in anchors(to.read_text(encoding="utf-8")))


def wrong(tree, known, made, path):
    text = path.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        if wrong_link(path, link):
            yield f"no {link}"
    for folder, name, case in TEST.findall(text):
        program = f"{folder or 'regress'}/{name}"
        if name.endswith("_fuzz"):
            if not (tree / f"{program}.c").exists():
                yield f"no {program}"
        elif program not in known:
            yield f"no {program}"
        elif case and case not in known[program]:
            yield f"no {program}:{case}"
    for case in CASE.findall(text):
        if not any(case in of for of in known.values()):
            yield f"no case {case}"
    for target in MAKE.findall(text):
        if target not in made:
            yield f"make makes no {target}"


def main(tree, *documents):
    tree = pathlib.Path(tree)
    known, made = cases(tree), targets(tree)
    for document in documents:
        for what in wrong(tree, known, made, pathlib.Path(document)):
            print(f"{os.path.basename(document)}: {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
