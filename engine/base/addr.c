/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr.c - text of addresses and the hash of tables.
 *
 * The text functions are our own because engine/ calls nothing but string.h: inet_ntop() and
 * inet_pton() would bring errno and locale with them, and both families go through one form here.
 * What is compared for every frame stands inline in addr.h.
 */
#include "engine/base/addr.h"

#include "engine/base/bytes.h"

#define GROUPS 8 /* 16-bit groups of an IPv6 address */

static char *put_decimal(char *at, unsigned value)
{
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

/* Without leading zeros and in lower case (RFC 5952 4.1, 4.3). */
static char *put_hex(char *at, unsigned value)
{
    unsigned shift = 12;

    while (shift > 0 && value >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        *at++ = "0123456789abcdef"[value >> shift & 15];
        if (shift == 0)
            return at;
    }
}

/* The first of the longest runs of two or more zero groups (RFC 5952 4.2); length 0 where there is
 * none. */
static void longest_zeros(const uint8_t *bytes, unsigned *first, unsigned *length)
{
    *first = GROUPS;
    *length = 0;
    for (unsigned i = 0; i < GROUPS; i++) {
        unsigned end = i;

        while (end < GROUPS && load_be16(bytes + 2 * end) == 0)
            end++;
        if (end - i >= 2 && end - i > *length) {
            *first = i;
            *length = end - i;
        }
    }
}

char *addr_to_text(const struct ip_addr *addr, char text[ADDR_TEXT_BYTES])
{
    char *at = text;
    unsigned first, length;

    if (addr_is_v4(addr)) {
        for (unsigned i = 12; i < 16; i++) {
            at = put_decimal(at, addr->bytes[i]);
            *at++ = '.';
        }
        at[-1] = 0;
        return text;
    }
    longest_zeros(addr->bytes, &first, &length);
    for (unsigned i = 0; i < GROUPS; i++) {
        if (length > 0 && i == first) {
            *at++ = ':';
            *at++ = ':';
            i += length - 1;
            continue;
        }
        if (i > 0 && at[-1] != ':')
            *at++ = ':';
        at = put_hex(at, load_be16(addr->bytes + 2 * i));
    }
    *at = 0;
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four decimal numbers up to the end of the text; no leading zeros, which some read as octal. */
static bool read_quad(const char *text, uint8_t quad[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0, digits = 0;

        for (; *text >= '0' && *text <= '9'; text++, digits++) {
            if (digits == 3 || (digits == 1 && value == 0))
                return false;
            value = value * 10 + (unsigned)(*text - '0');
        }
        if (digits == 0 || value > 255 || *text != (i < 3 ? '.' : 0))
            return false;
        quad[i] = (uint8_t)value;
        text++;
    }
    return true;
}

/* One group of up to four hexadecimal digits; false where there is none, or more digits. */
static bool read_group(const char **text, uint8_t out[2])
{
    unsigned value = 0, digits = 0;

    for (; hex_digit(**text) >= 0; (*text)++, digits++) {
        if (digits == 4)
            return false;
        value = value << 4 | (unsigned)hex_digit(**text);
    }
    store_be16(out, (uint16_t)value);
    return digits > 0;
}

/*
 * Reads groups separated by ':' (the last two perhaps as a dotted quad) up to "::" or the end.
 * Returns the bytes read, and leaves *text at the end or at the "::"; SIZE_MAX where this is no
 * address.
 */
static size_t read_groups(const char **text, uint8_t *out, size_t room)
{
    size_t used = 0;

    for (;;) {
        const char *group = *text;

        if (used + 2 > room || !read_group(text, out + used))
            return SIZE_MAX;
        if (**text == '.') {
            if (used + 4 > room || !read_quad(group, out + used))
                return SIZE_MAX;
            *text = "";
            return used + 4;
        }
        used += 2;
        if (**text == 0 || ((*text)[0] == ':' && (*text)[1] == ':'))
            return used;
        if (**text != ':')
            return SIZE_MAX;
        (*text)++;
    }
}

/* RFC 4291 2.2: eight groups, or fewer around one "::" that stands for at least one. */
static bool read_v6(const char *text, uint8_t v6[16])
{
    uint8_t head[16], tail[16];
    size_t head_bytes = 0, tail_bytes = 0;

    if (!(text[0] == ':' && text[1] == ':'))
        head_bytes = read_groups(&text, head, sizeof(head));
    if (head_bytes == SIZE_MAX)
        return false;
    if (*text == 0) {
        if (head_bytes != sizeof(head))
            return false;
        memcpy(v6, head, sizeof(head));
        return true;
    }
    text += 2;
    if (*text != 0)
        tail_bytes = read_groups(&text, tail, sizeof(tail));
    if (tail_bytes == SIZE_MAX || *text != 0 || head_bytes + tail_bytes > sizeof(head) - 2)
        return false;
    memset(v6, 0, 16);
    memcpy(v6, head, head_bytes);
    memcpy(v6 + 16 - tail_bytes, tail, tail_bytes);
    return true;
}

bool addr_from_text(const char *text, struct ip_addr *addr)
{
    uint8_t bytes[16];

    if (read_quad(text, bytes)) {
        *addr = addr_from_v4(bytes);
        return true;
    }
    if (!read_v6(text, bytes))
        return false;
    *addr = addr_from_v6(bytes);
    return true;
}

uint64_t table_hash(const uint64_t seed[2], const void *data, size_t bytes)
{
    /* Odd constants without structure, so that a seed of zero (in tests) still mixes. */
    const uint64_t first = seed[0] ^ 0x9e3779b97f4a7c15u, second = seed[1] ^ 0xd1b54a32d192ed03u;
    const uint8_t *at = data;
    uint64_t hash = bytes ^ second, words[2];

    for (; bytes >= sizeof(words); bytes -= sizeof(words), at += sizeof(words)) {
        memcpy(words, at, sizeof(words));
        hash = hash_mix(hash ^ words[0], first);
        hash = hash_mix(hash ^ words[1], second);
    }
    if (bytes >= sizeof(words[0])) {
        memcpy(words, at, sizeof(words[0]));
        hash = hash_mix(hash ^ words[0], first);
        bytes -= sizeof(words[0]);
        at += sizeof(words[0]);
    }
    if (bytes == 0)
        return hash;
    words[0] = 0;
    memcpy(words, at, bytes);
    return hash_mix(hash ^ words[0], second);
}
