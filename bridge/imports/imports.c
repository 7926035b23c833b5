/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imports.c - see imports.h. The file's side is imports_file.c. */
#include "bridge/imports/imports.h"

#include <stdio.h>
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
    imports_keep(imports);
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
        snprintf(coming->name, sizeof(coming->name), "%s", name);
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
    imports_keep(imports);
    memcpy(imports->before, imports->lists, sizeof(imports->before));
    imports->before_count = imports->count;
    if (place < imports->count)
        imports->gone = imports->lists[place];
    imports->made = *coming;
    *coming = (struct import_list){0};
    if (imports->made.prefixes > 0) {
        imports->lists[place] = imports->made;
        imports->count += place == imports->count;
    } else if (place < imports->count) {
        imports->lists[place] = imports->lists[--imports->count];
        imports->lists[imports->count] = (struct import_list){0};
    }
    return true;
}

void imports_keep(struct imports *imports)
{
    if (imports->made.prefixes == 0)
        clear(&imports->made);
    imports->made = (struct import_list){0};
    clear(&imports->gone);
}

void imports_undo(struct imports *imports)
{
    clear(&imports->made);
    imports->gone = (struct import_list){0};
    memcpy(imports->lists, imports->before, sizeof(imports->lists));
    imports->count = imports->before_count;
}

/* --- all as one ------------------------------------------------------------------------------ */

/* What is the same of both families: a range is its first and its last address, one behind the
 * other. */
struct family {
    size_t address_bytes;
    bool (*below)(const void *a, const void *b);
    const void *(*ranges)(const struct import_list *list, uint32_t *count);
};

static bool below4(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b;
}

static bool below6(const void *a, const void *b)
{
    return addr6_below(*(const struct addr6 *)a, *(const struct addr6 *)b);
}

static const void *ranges4(const struct import_list *list, uint32_t *count)
{
    *count = list->v4_count;
    return list->v4;
}

static const void *ranges6(const struct import_list *list, uint32_t *count)
{
    *count = list->v6_count;
    return list->v6;
}

static const struct family v4 = {sizeof(uint32_t), below4, ranges4},
                           v6 = {sizeof(struct addr6), below6, ranges6};

static const char *range_at(const struct family *family, const void *ranges, uint32_t index)
{
    return (const char *)ranges + 2 * family->address_bytes * index;
}

/* The range that begins first, of those that each list has not given yet; NULL: there is none. */
static const char *next_range(const struct family *family, const struct imports *imports,
                              uint32_t given[IMPORT_LISTS_MAX])
{
    const char *least = NULL;
    uint32_t of = 0;

    for (uint32_t i = 0; i < imports->count; i++) {
        uint32_t count;
        const void *ranges = family->ranges(&imports->lists[i], &count);
        const char *next = given[i] < count ? range_at(family, ranges, given[i]) : NULL;

        if (next && (!least || family->below(next, least))) {
            least = next;
            of = i;
        }
    }
    given[of] += least != NULL;
    return least;
}

/* How many there are in the end. */
static uint32_t merge(const struct family *family, const struct imports *imports, void *out)
{
    const size_t bytes = family->address_bytes;
    uint32_t given[IMPORT_LISTS_MAX] = {0}, count = 0;
    const char *range;
    char *end = NULL; /* the last one of them */

    while ((range = next_range(family, imports, given)) != NULL) {
        if (!end || family->below(end + bytes, range)) {
            end = (char *)out + 2 * bytes * count++;
            memcpy(end, range, 2 * bytes);
        } else if (family->below(end + bytes, range + bytes)) {
            memcpy(end + bytes, range + bytes, bytes);
        }
    }
    return count;
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
    size_t count4 = 0, count6 = 0;
    struct range6 *all6;
    struct range4 *all4;

    *lists = NULL;
    for (uint32_t i = 0; i < imports->count; i++) {
        count4 += imports->lists[i].v4_count;
        count6 += imports->lists[i].v6_count;
    }
    if (count4 + count6 == 0)
        return true;
    /* One piece of memory: free() is all it takes. */
    *lists = huge(sizeof(**lists) + count6 * sizeof(*all6) + count4 * sizeof(*all4));
    if (!*lists)
        return false;
    all6 = (struct range6 *)(void *)(((char *)*lists) + sizeof(**lists));
    all4 = (struct range4 *)(void *)(all6 + count6);
    (*lists)->v6 = all6;
    (*lists)->v4 = all4;
    (*lists)->v6_count = merge(&v6, imports, all6);
    (*lists)->v4_count = merge(&v4, imports, all4);
    source_lists_index(*lists);
    return true;
}
