#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""man.py SYNWARD FOLDER - what `synward help` says of each command and option stands in synward.8
(of `web` in synward-web.8, too), each key of the configuration file in synward.conf.5, and what the
package needs in debian/control; the program, the package and the list of changes have one version.

The pages in FOLDER are taken as groff would read it, without its requests and fonts, and both texts
without the ends of their lines."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMANDS_LEAST = 20  # fewer: the overview was not read


def plain(roff):
    """The words of a page, one blank between them."""
    lines = [line for line in roff.splitlines() if not re.match(r"[.']", line)]
    text = re.sub(r"\\f[BIRP]|\\&", "", "\n".join(lines))
    text = text.replace("\\(aq", "'").replace("\\-", "-").replace("\\e", "\\")
    return " ".join(text.split())


def ask(synward, *words):
    return subprocess.run([synward, *words], check=True, capture_output=True, text=True).stdout


def overview(synward):
    """(command, summary) of each."""
    table = ask(synward, "help").split("\n\n")[2]
    return [re.split(r" {2,}", line.strip(), maxsplit=1) for line in table.splitlines() if line]


def parts(text):
    """What the page has to have of the help of one command, piece by piece."""
    text = text.split("\nsee also:\n")[0]
    body, _, options = text.partition("\noptions:\n")
    for paragraph in body.split("\n\n"):
        if paragraph.startswith("usage: "):
            for form in paragraph.split("usage: ")[1:]:
                yield form
        else:
            yield paragraph
    for line in options.splitlines():
        option, about = re.split(r" {2,}", line.strip(), maxsplit=1)
        yield f"{option} {about}"


def configuration(synward, folder):
    """Keys that synward.conf.5 lacks: of the reader's table, and those of `profiles set`."""
    with open(os.path.join(folder, "synward.conf.5"), encoding="utf-8") as file:
        text = plain(file.read())
    with open(os.path.join(ROOT, "bridge/text/config.h"), encoding="utf-8") as file:
        keys = re.findall(r'X\([A-Z_]+, "([\w-]+)", "([^"]+)"', file.read())
    wanted = [f"{key} = {value} " for key, value in keys]
    wanted += [
        line.rstrip("=")
        for line in ask(synward, "complete", "synward profiles set 10.0.0.1:80 ").splitlines()
        if line.endswith("=")
    ]
    if len(keys) < 10 or len(wanted) - len(keys) < 10:
        return [f"only {len(keys)} keys and {len(wanted) - len(keys)} settings are known"]
    return [f"synward.conf.5 lacks {part}" for part in wanted if part not in text]


def package():
    """What the Makefile builds with and debian/control does not name."""
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
        deps = re.search(r"^DEPS +:= ((?:.*\\\n)*.*)", file.read(), re.M).group(1).split()
    with open(os.path.join(ROOT, "debian/control"), encoding="utf-8") as file:
        needed = re.search(r"^Build-Depends:\n((?: .*\n)*)", file.read(), re.M).group(1)
    libraries = [d for d in deps if d.endswith("-dev") and not d.startswith("libclang-rt")]
    return [
        f"debian/control lacks {name}"
        for name in libraries
        if not re.search(rf"^ {re.escape(name)}\b", needed, re.M)
    ]


def page_of_web(synward, folder):
    """What synward-web.8 lacks of `synward help web`."""
    with open(os.path.join(folder, "synward-web.8"), encoding="utf-8") as file:
        text = plain(file.read())
    wanted = [" ".join(part.split()) for part in parts(ask(synward, "help", "web"))]
    return [f"synward-web.8 lacks {part}" for part in wanted if part not in text]


def version(synward):
    """Who says another version than the program does."""
    told = ask(synward, "version").split()[-1]
    places = {"debian/changelog": r"synward \((\S+)\)", "doc/CHANGELOG.md": r"## (\S+), "}
    wrong = []
    for name, pattern in places.items():
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            newest = re.search(pattern, file.read()).group(1)
        if newest != told:
            wrong.append(f"{name} begins with {newest}, the program says {told}")
    return wrong


def main():
    synward, folder = sys.argv[1:3]
    passed = failed = 0
    checks = (
        configuration(synward, folder),
        page_of_web(synward, folder),
        package(),
        version(synward),
    )
    for wrong in checks:
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for text in wrong:
            print(f"FAILED {text}")
    with open(os.path.join(folder, "synward.8"), encoding="utf-8") as file:
        page = file.read()
    text = plain(page)
    commands = overview(synward)
    if len(commands) < COMMANDS_LEAST:
        print(f"FAILED only {len(commands)} commands in `synward help`")
        failed += 1
    for name, summary in commands:
        wanted = [" ".join(part.split()) for part in parts(ask(synward, "help", *name.split()))]
        missing = [part for part in [summary, *wanted] if part and part not in text]
        if not re.search(rf'^\.SS "?{name}"?$', page, re.M):
            missing.append(f"a heading {name}")
        passed, failed = passed + (not missing), failed + bool(missing)
        for part in missing:
            print(f"FAILED synward.8 lacks, of `synward help {name}`: {part}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
