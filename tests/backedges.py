#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops of the BPF programs are laid out so that a verifier before Linux 6.8 takes them.

    python3 tests/backedges.py BUILD/bridge/bpf

Debian 12's (6.1) walks the program depth first. Where it comes to an instruction that it is still
in the middle of, that is a loop, and it has to have come there by a jump. clang may lay a loop out
so that its last instruction is followed by its first one: "back-edge from insn 435 to 436", and the
program does not load. Nobody sees that on a newer kernel. make check-more has a guest with that
kernel; this looks at the bytes that clang has made, wherever it is run."""
import glob
import os
import struct
import sys

SYMBOL_TABLE, EXECUTABLE, FUNCTION = 2, 4, 2
INSTRUCTION_BYTES = 8
JUMPS = (0x05, 0x06)  # classes BPF_JMP, BPF_JMP32
ALWAYS, CALL, EXIT = 0x00, 0x80, 0x90


def after(code, at):
    """Where `code`[`at`] leads, in the order in which the kernel goes there, and if that may be
    back."""
    operation, offset = code[at]
    if operation & 0x07 not in JUMPS or operation & 0xF0 == CALL:
        return [(at + 1, False)]
    if operation & 0xF0 == EXIT:
        return []
    if operation & 0xF0 == ALWAYS:
        return [(at + 1 + offset, True)]
    return [(at + 1, True), (at + 1 + offset, True)]


def back_edge(code, begin):
    """The first one that is refused, as (from, to), of the function that begins there; None."""
    walked, path = set(), [(begin, iter(after(code, begin)))]
    within = {begin}
    while path:
        at, ways = path[-1]
        for to, may_lead_back in ways:
            if to in within and not may_lead_back:
                return at, to
            if to not in within and to not in walked:
                within.add(to)
                path.append((to, iter(after(code, to))))
                break
        else:
            path.pop()
            within.discard(at)
            walked.add(at)
    return None


def sections(elf):
    offset, count = struct.unpack_from("<Q", elf, 40)[0], struct.unpack_from("<H", elf, 60)[0]
    return [struct.unpack_from("<IIQQQQIIQQ", elf, offset + 64 * i) for i in range(count)]


def functions(elf):
    """(code, where it begins) of each."""
    all_sections = sections(elf)
    for _, kind, _, _, offset, size, *_ in all_sections:
        for at in range(offset, offset + size, 24) if kind == SYMBOL_TABLE else ():
            _, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", elf, at)
            if info & 0x0F == FUNCTION and all_sections[section][2] & EXECUTABLE:
                _, _, _, _, begin, bytes_, *_ = all_sections[section]
                code = [
                    struct.unpack_from("<BxH", elf, begin + i)
                    for i in range(0, bytes_, INSTRUCTION_BYTES)
                ]
                signed = [(op, off - 65536 if off > 32767 else off) for op, off in code]
                yield signed, value // INSTRUCTION_BYTES


PLAIN, EXITS = (0xB7, 0), (0x95, 0)
FALLS_IN = [(0x05, 1), PLAIN, (0x55, -2), EXITS]  # its body stands before its head
JUMPS_BACK = [PLAIN, PLAIN, (0x55, -2), EXITS]


def main():
    passed = failed = 0

    def told(good, what):
        nonlocal passed, failed
        passed, failed = passed + good, failed + (not good)
        print("ok" if good else "FAILED", what)

    told(back_edge(FALLS_IN, 0) == (1, 2), "a loop that falls into its head would be found")
    told(back_edge(JUMPS_BACK, 0) is None, "one that jumps back is taken")
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.bpf.o"))):
        with open(path, "rb") as file:
            all_functions = list(functions(file.read()))
        found = [edge for code, begin in all_functions if (edge := back_edge(code, begin))]
        what = f"{os.path.basename(path)}: {len(all_functions)} functions, loops of Linux 6.1"
        told(all_functions and not found, what + "".join(f"; from {a} to {b}" for a, b in found))
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
