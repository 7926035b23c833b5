/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_words.c - see support_words.h. */
#include "tests/profiles/support_words.h"

#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void put(struct words *words, const void *bytes, size_t count)
{
    cr_assert(words->count + count <= WORDS_MAX);
    memcpy(words->bytes + words->count, bytes, count);
    words->count += count;
}

void text(struct words *words, const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    const int count = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    put(words, line, (size_t)count);
}

void big(struct words *words, uint32_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        const uint8_t byte = (uint8_t)(value >> 8 * (width - 1 - i));
        put(words, &byte, 1);
    }
}

void little(struct words *words, uint32_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        const uint8_t byte = (uint8_t)(value >> 8 * i);
        put(words, &byte, 1);
    }
}

/* Splitmix64. */
uint32_t chosen(uint32_t n, uint32_t salt)
{
    uint64_t x = ((uint64_t)salt << 32 | n) + 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(x ^ x >> 31);
}

void noise(struct words *words, uint32_t n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        big(words, chosen(n, 1000 + (uint32_t)i), 1);
}

const char *name(uint32_t n, uint32_t salt)
{
    static char names[8][16];
    static unsigned next;
    char *at = names[next++ % 8];
    const uint32_t letters = 3 + chosen(n, salt) % 12;

    for (uint32_t i = 0; i < letters; i++)
        at[i] = (char)('a' + chosen(n, salt * 31 + i + 1) % 26);
    at[letters] = 0;
    return at;
}
