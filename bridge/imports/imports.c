/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imports.c - see imports.h. The file's side is imports_file.c. */
#include "bridge/imports/imports.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge/text/server_text.h"

#define ROOM_FIRST 1024u
#define HUGE_BYTES ((size_t)2 * 1024 * 1024)

struct imports *imports_new(void)
{
    return calloc(1, sizeof(struct imports));
}

static void clear(struct import_list *list)
{
    free(list->v4);
    free(list->v6);
    *list = (struct import_list){0};
}

void imports_free(struct imports *imports)
{
    if (!imports)
        return;
    for (uint32_t i = 0; i < imports->count; i++)
        clear(&imports->lists[i]);
    clear(&imports->coming);
    free(imports->in_force);
    free(imports);
}

bool import_name_check(const char *name, struct error *error)
{
    const size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._-");

    return (good > 0 && good < IMPORT_NAME_BYTES && name[good] == '\0') ||
           error_set(error, EXIT_USAGE,
                     "not the name of a list: %.80s: write up to %d letters, digits, dots, dashes "
                     "and underscores",
                     name, IMPORT_NAME_BYTES - 1);
}

/* --- a list on its way ----------------------------------------------------------------------- */

/* The memory of an array with room for one more; NULL: there is none. */
static void *grow(void *ranges, uint32_t count, uint32_t *room, size_t bytes)
{
    void *grown;

    if (count < *room)
        return ranges;
    grown = realloc(ranges, (size_t)(*room ? 2 * *room : ROOM_FIRST) * bytes);
    if (grown)
        *room = *room ? 2 * *room : ROOM_FIRST;
    return grown;
}

enum added { ADDED, ADDED_NOT_IN_ORDER, ADDED_NO_MEMORY };

static enum added add_v4(struct import_list *list, uint32_t first, uint32_t last)
{
    struct range4 *end = list->v4_count ? &list->v4[list->v4_count - 1] : NULL;
    struct range4 *grown;

    if (end && first <= end->last)
        return first >= end->first && last <= end->last ? ADDED : ADDED_NOT_IN_ORDER;
    if (end && first == end->last + 1) {
        end->last = last;
        return ADDED;
    }
    grown = grow(list->v4, list->v4_count, &list->v4_room, sizeof(*grown));
    if (!grown)
        return ADDED_NO_MEMORY;
    list->v4 = grown;
    list->v4[list->v4_count++] = (struct range4){first, last};
    return ADDED;
}

static struct addr6 next6(struct addr6 addr)
{
    return (struct addr6){addr.high + (addr.low == UINT64_MAX), addr.low + 1};
}

static enum added add_v6(struct import_list *list, struct addr6 first, struct addr6 last)
{
    struct range6 *end = list->v6_count ? &list->v6[list->v6_count - 1] : NULL;
    struct range6 *grown;

    if (end && !addr6_below(end->last, first))
        return !addr6_below(first, end->first) && !addr6_below(end->last, last)
                   ? ADDED
                   : ADDED_NOT_IN_ORDER;
    if (end) {
        const struct addr6 next = next6(end->last);

        if (next.high == first.high && next.low == first.low) {
            end->last = last;
            return ADDED;
        }
    }
    grown = grow(list->v6, list->v6_count, &list->v6_room, sizeof(*grown));
    if (!grown)
        return ADDED_NO_MEMORY;
    list->v6 = grown;
    list->v6[list->v6_count++] = (struct range6){first, last};
    return ADDED;
}

static enum added add_prefix(struct import_list *list, const struct ip_addr *prefix, uint8_t length)
{
    struct addr6 first, last;

    if (addr_is_v4(prefix)) {
        const uint32_t begin = load_be32(prefix->bytes + 12);

        return add_v4(list, begin, begin | (length == 32 ? 0 : UINT32_MAX >> length));
    }
    first = last = addr6_of(prefix);
    if (length < 64)
        last.high |= UINT64_MAX >> length;
    if (length < 128)
        last.low |= length <= 64 ? UINT64_MAX : UINT64_MAX >> (length - 64);
    return add_v6(list, first, last);
}

/* One prefix as text. */
static bool take(struct import_list *list, const char *text, struct error *error)
{
    struct ip_addr prefix;
    uint8_t length;

    if (!prefix_parse(text, &prefix, &length, error))
        return false;
    if (length == 0)
        return error_set(error, EXIT_USAGE, "%.60s: that is everybody", text);
    if (list->prefixes == IMPORT_PREFIXES_MAX)
        return error_set(error, EXIT_FAILED, "more than %u prefixes: import them as two lists",
                         IMPORT_PREFIXES_MAX);
    switch (add_prefix(list, &prefix, length)) {
    case ADDED:
        list->prefixes++;
        return true;
    case ADDED_NOT_IN_ORDER:
        return error_set(error, EXIT_USAGE, "%.60s: the prefixes are not in ascending order", text);
    case ADDED_NO_MEMORY:
        break;
    }
    return error_set(error, EXIT_FAILED, "out of memory for the list");
}

static bool take_all(struct import_list *list, const char *prefixes, struct error *error)
{
    for (const char *at = prefixes + strspn(prefixes, " "); *at;) {
        const size_t length = strcspn(at, " ");
        char text[ADDR_TEXT_BYTES + 8];

        if (length >= sizeof(text))
            return error_set(error, EXIT_USAGE, "not a source: %.60s: too long", at);
        memcpy(text, at, length);
        text[length] = '\0';
        if (!take(list, text, error))
            return false;
        at += length + strspn(at + length, " ");
    }
    return true;
}

bool imports_add(struct imports *imports, const char *name, uint32_t from, const char *prefixes,
                 struct error *error)
{
    struct import_list *coming = &imports->coming;

    if (!import_name_check(name, error))
        return false;
    if (from == 0) {
        clear(coming);
        strcpy(coming->name, name);
    } else if (strcmp(coming->name, name) != 0 || coming->prefixes != from) {
        return error_set(error, EXIT_FAILED, "another list was begun meanwhile: import %s again",
                         name);
    }
    if (take_all(coming, prefixes, error))
        return true;
    clear(coming);
    return false;
}

bool imports_end(struct imports *imports, const char *name, struct error *error)
{
    struct import_list *coming = &imports->coming;
    uint32_t place = 0;

    while (place < imports->count && strcmp(imports->lists[place].name, name) != 0)
        place++;
    if (place == IMPORT_LISTS_MAX && coming->prefixes > 0) {
        clear(coming);
        return error_set(error, EXIT_FAILED, "no room: there are %u lists already",
                         IMPORT_LISTS_MAX);
    }
    if (place < imports->count)
        clear(&imports->lists[place]);
    if (coming->prefixes > 0) {
        imports->lists[place] = *coming;
        imports->count += place == imports->count;
        *coming = (struct import_list){0};
        return true;
    }
    clear(coming);
    if (place < imports->count) {
        imports->lists[place] = imports->lists[--imports->count];
        imports->lists[imports->count] = (struct import_list){0};
    }
    return true;
}

/* --- all as one ------------------------------------------------------------------------------ */

static uint32_t merge_v4(const struct imports *imports, struct range4 *out)
{
    uint32_t at[IMPORT_LISTS_MAX] = {0}, count = 0;

    for (;;) {
        const struct range4 *least = NULL;
        uint32_t of = 0;

        for (uint32_t i = 0; i < imports->count; i++) {
            const struct import_list *list = &imports->lists[i];

            if (at[i] < list->v4_count && (!least || list->v4[at[i]].first < least->first)) {
                least = &list->v4[at[i]];
                of = i;
            }
        }
        if (!least)
            return count;
        at[of]++;
        if (count == 0 || least->first > out[count - 1].last)
            out[count++] = *least;
        else if (least->last > out[count - 1].last)
            out[count - 1].last = least->last;
    }
}

static uint32_t merge_v6(const struct imports *imports, struct range6 *out)
{
    uint32_t at[IMPORT_LISTS_MAX] = {0}, count = 0;

    for (;;) {
        const struct range6 *least = NULL;
        uint32_t of = 0;

        for (uint32_t i = 0; i < imports->count; i++) {
            const struct import_list *list = &imports->lists[i];

            if (at[i] < list->v6_count &&
                (!least || addr6_below(list->v6[at[i]].first, least->first))) {
                least = &list->v6[at[i]];
                of = i;
            }
        }
        if (!least)
            return count;
        at[of]++;
        if (count == 0 || addr6_below(out[count - 1].last, least->first))
            out[count++] = *least;
        else if (addr6_below(out[count - 1].last, least->last))
            out[count - 1].last = least->last;
    }
}

/* In large pages, where the system has them: to touch it page by page takes longer than to fill it,
 * and so does a look-up. */
static void *huge(size_t bytes)
{
    void *memory;

    if (bytes < HUGE_BYTES)
        return malloc(bytes);
    bytes = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
    memory = aligned_alloc(HUGE_BYTES, bytes);
    if (memory)
        madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

bool imports_compile(const struct imports *imports, struct source_lists **lists)
{
    size_t v4 = 0, v6 = 0;
    struct range6 *ranges6;
    struct range4 *ranges4;

    *lists = NULL;
    for (uint32_t i = 0; i < imports->count; i++) {
        v4 += imports->lists[i].v4_count;
        v6 += imports->lists[i].v6_count;
    }
    if (v4 + v6 == 0)
        return true;
    /* One piece of memory: free() is all it takes. */
    *lists = huge(sizeof(**lists) + v6 * sizeof(*ranges6) + v4 * sizeof(*ranges4));
    if (!*lists)
        return false;
    ranges6 = (struct range6 *)(void *)(((char *)*lists) + sizeof(**lists));
    ranges4 = (struct range4 *)(void *)(ranges6 + v6);
    (*lists)->v6 = ranges6;
    (*lists)->v4 = ranges4;
    (*lists)->v6_count = merge_v6(imports, ranges6);
    (*lists)->v4_count = merge_v4(imports, ranges4);
    source_lists_index(*lists);
    return true;
}
