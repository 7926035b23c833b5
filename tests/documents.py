#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""documents.py - what README.md, doc/, the tests' README.md and comments of sources name is there.

Checked in each: every file of ours that it names (`engine/tcp/frame.c`, or `frame.c` alone, which
any folder may have), every folder in backquotes that ends with a slash (`tests/net/`), and every
link to another document, with its anchor. A document is one test; of sources each file
that names a source or a document in a comment. tests/net/README.md names each file beside it."""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "doc/**/*.md", "tests/**/README.md")
NAMES_ALL = "tests/net/README.md"
NAMED_LEAST = 100  # files named in all: fewer means that the documents were not read
# Sources, wherever they are named; other files of ours in backquotes only.
SOURCE = re.compile(r"(?<![\w/.<*-])((?:[\w-]+/|\.\./)*[\w.-]+\.(?:c|h|py|mk))(?![\w*])")
QUOTED = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:sh|md|txt|svg|editorconfig)|(?:[\w-]+/)+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
NAMED_IN_COMMENT = re.compile(
    r"(?<![\w/.<*-])((?:[\w-]+/)*[\w-]{2,}\.(?:bpf\.c|c|h|py|md))(?![\w*])"
)
# Made at build time, headers of others, a NAME that stands for any.
NOT_OURS = re.compile(r"^(build|linux|netinet|sys)/|/[A-Z]+/$")


def tree():
    """Paths of all files and, with a slash behind, folders."""
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
        here = os.path.relpath(folder, ROOT)
        found.update(os.path.normpath(os.path.join(here, name)) for name in files)
        found.update(os.path.normpath(os.path.join(here, name)) + "/" for name in folders)
    return found


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def without_code(text):
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.M | re.S)


def anchors(text):
    """As GitHub makes them of headings."""
    headings = re.findall(
        r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(name, document, files):
    """From the document's folder, from the top, or as the end of some path."""
    beside = os.path.normpath(os.path.join(os.path.dirname(document), name))
    if name.endswith("/"):
        beside += "/"
    return beside in files or any(f"/{path}".endswith(f"/{name}") for path in files)


def dead_link(target, document):
    """What is wrong with a link, or None."""
    if "://" in target or target.startswith("mailto:"):
        return None
    path, _, anchor = target.partition("#")
    wanted = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if not os.path.exists(os.path.join(ROOT, wanted)):
        return f"links to {target}, which is not there"
    if anchor and anchor not in anchors(read(wanted)):
        return f"links to {target}: {wanted} has no such heading"
    return None


def check(document, files):
    """(number of files named, what is wrong)"""
    text = read(document)
    named = sorted(set(SOURCE.findall(text) + QUOTED.findall(text)))
    named = [name for name in named if not NOT_OURS.search(name)]
    wrong = [f"names {n}, which is not there" for n in named if not is_there(n, document, files)]
    links = (dead_link(target, document) for target in LINK.findall(without_code(text)))
    return len(named), wrong + [link for link in links if link]


def check_comments(path, files):
    """Files that comments of a source name and that are not there."""
    text = "\n".join(COMMENT.findall(read(path)))
    return [
        f"names {name}, which is not there"
        for name in sorted(set(NAMED_IN_COMMENT.findall(text)))
        if not is_there(name, path, files) and name != "string.h"
    ]


def unnamed(document, files):
    """Sources beside this document that it says nothing of."""
    folder, text = os.path.dirname(document), read(document)
    beside = (p for p in sorted(files) if os.path.dirname(p) == folder and p.endswith(".py"))
    return [
        f"does not name {os.path.basename(path)}"
        for path in beside
        if f"`{os.path.basename(path)}`" not in text
    ]


def main():
    files = tree()
    named = passed = failed = 0
    for path in sorted(path for path in files if path.endswith((".c", ".h"))):
        wrong = check_comments(path, files)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for text in wrong:
            print(f"FAILED {path}: {text}")
    for pattern in DOCUMENTS:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern), recursive=True)):
            document = os.path.relpath(path, ROOT)
            count, wrong = check(document, files)
            wrong += unnamed(document, files) if document == NAMES_ALL else []
            named += count
            passed, failed = passed + (not wrong), failed + bool(wrong)
            for text in wrong:
                print(f"FAILED {document}: {text}")
    if named < NAMED_LEAST:
        print(f"FAILED only {named} files are named in all documents")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
