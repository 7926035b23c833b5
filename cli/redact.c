/* SPDX-License-Identifier: GPL-2.0-or-later */
/* redact.c - see redact.h. */
#include "cli/redact.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define NAME_BYTES_LEAST 2
#define WORD_BYTES_MAX   256

enum kind { KIND_IPV4, KIND_IPV6, KIND_MAC, KIND_NAME, KINDS_COUNT };
static const char *const kind_text[] = {"ipv4", "ipv6", "mac", "name"};

struct known {
    enum kind kind;
    unsigned number;
    char text[];
};

struct redaction {
    void *known; /* tsearch(3) */
    unsigned count[KINDS_COUNT];
};

/* Strings under these say what we say ourselves: one word of a few, a date, a number, or a sentence
 * whose addresses and names are found as in any text. */
static const char *const kept_keys[] = {
    "address",      "bittorrent", "by",         "cause",        "check",       "client",
    "dead",         "edonkey",    "fidelity",   "first_seen",   "greeting",    "half_open",
    "ip_id",        "kind",       "last_seen",  "level",        "mismatch",    "mode",
    "mss",          "offered",    "options",    "prefix",       "protocol",    "protocols",
    "reason",       "refused",    "request",    "accept_queue", "server",      "setting",
    "side",         "signed",     "silent",     "since",        "source",      "speaks_first",
    "state",        "syn_rate",   "unanswered", "until",        "version",     "why",
    "window_scale", "mac",        "transport",  "query_rate",   "outstanding", "no_such_name",
};

struct redaction *redaction_new(void)
{
    return output_alloc(calloc(1, sizeof(struct redaction)));
}

void redaction_free(struct redaction *redaction)
{
    tdestroy(redaction->known, free);
    free(redaction);
}

static int compare(const void *a, const void *b)
{
    const struct known *one = a, *other = b;

    return one->kind != other->kind ? (int)one->kind - (int)other->kind
                                    : strcmp(one->text, other->text);
}

static struct known *known_new(enum kind kind, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    struct known *known = output_alloc(malloc(sizeof(*known) + bytes));

    known->kind = kind;
    known->number = 0;
    memcpy(known->text, text, bytes);
    return known;
}

/* What is known of this text; NULL: nothing. */
static const struct known *find(const struct redaction *redaction, enum kind kind, const char *text)
{
    struct known *wanted = known_new(kind, text);
    struct known *const *found = tfind(wanted, &redaction->known, compare);

    free(wanted);
    return found ? *found : NULL;
}

static const struct known *find_or_add(struct redaction *redaction, enum kind kind,
                                       const char *text)
{
    struct known *wanted = known_new(kind, text);
    struct known **found = output_alloc(tsearch(wanted, &redaction->known, compare));

    if (*found != wanted)
        free(wanted);
    else
        wanted->number = ++redaction->count[kind];
    return *found;
}

void redact_name(struct redaction *redaction, const char *name)
{
    if (strlen(name) >= NAME_BYTES_LEAST && strcmp(name, "lo") != 0)
        find_or_add(redaction, KIND_NAME, name);
}

static bool is_kept_key(const char *key)
{
    for (size_t i = 0; i < sizeof(kept_keys) / sizeof(kept_keys[0]); i++)
        if (strcmp(key, kept_keys[i]) == 0)
            return true;
    return false;
}

/* Addresses that everybody has. */
static bool is_common(const char *text)
{
    static const char *const common[] = {
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "0:0:0:0:0:0", "ff:ff:ff:ff:ff:ff"};

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (strcmp(text, common[i]) == 0)
            return true;
    return false;
}

static unsigned colons(const char *word)
{
    unsigned count = 0;

    while ((word = strchr(word, ':')) != NULL) {
        word++;
        count++;
    }
    return count;
}

/* Is the word an address? Then `written` is the one way to write it. */
static bool address_kind(const char *word, enum kind *kind, char written[INET6_ADDRSTRLEN])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    struct ether_addr mac;

    if (inet_pton(AF_INET, word, bytes) == 1) {
        *kind = KIND_IPV4;
        return inet_ntop(AF_INET, bytes, written, INET6_ADDRSTRLEN);
    }
    if (inet_pton(AF_INET6, word, bytes) == 1) {
        *kind = KIND_IPV6;
        return inet_ntop(AF_INET6, bytes, written, INET6_ADDRSTRLEN);
    }
    if (colons(word) == 5 && ether_aton_r(word, &mac)) { /* bridge IDs have no leading zeros */
        *kind = KIND_MAC;
        return ether_ntoa_r(&mac, written);
    }
    return false;
}

/*
 * How many bytes at `text` are an address, 0 for none: as many as can be, but for a colon or full
 * stop that follows it, and a port.
 */
static size_t put_address(struct redaction *redaction, const char *text, FILE *out)
{
    char word[WORD_BYTES_MAX], written[INET6_ADDRSTRLEN];
    size_t length = strspn(text, "0123456789abcdefABCDEF:.");
    enum kind kind;

    if (length >= sizeof(word) || isalnum((unsigned char)text[length]))
        return 0;
    for (; length > 1; length--) {
        if (length < strlen(text) && isxdigit((unsigned char)text[length]) &&
            isxdigit((unsigned char)text[length - 1]))
            continue; /* not in the middle of a number */
        memcpy(word, text, length);
        word[length] = '\0';
        if (!address_kind(word, &kind, written))
            continue;
        if (is_common(written))
            fputs(word, out);
        else
            fprintf(out, "%s-%u", kind_text[kind], find_or_add(redaction, kind, written)->number);
        return length;
    }
    return 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* How many bytes at `text` are a known name, or its beginning before a full stop; 0 for none. */
static size_t put_name(const struct redaction *redaction, const char *text, FILE *out)
{
    char word[WORD_BYTES_MAX];
    size_t length = 0;

    while (is_word(text[length]) || text[length] == '.')
        length++;
    if (length >= sizeof(word))
        return 0;
    for (; length > 0; length--) {
        const struct known *known;

        if (is_word(text[length]) && is_word(text[length - 1]))
            continue;
        memcpy(word, text, length);
        word[length] = '\0';
        known = find(redaction, KIND_NAME, word);
        if (known) {
            fprintf(out, "name-%u", known->number);
            return length;
        }
    }
    return 0;
}

char *redact_text(struct redaction *redaction, const char *text)
{
    char *redacted = NULL;
    size_t bytes;
    FILE *out = output_alloc(open_memstream(&redacted, &bytes));

    for (const char *at = text; *at;) {
        size_t taken = 0;

        if (at == text || !is_word(at[-1]))
            taken = put_address(redaction, at, out);
        if (taken == 0 && (at == text || !is_word(at[-1])))
            taken = put_name(redaction, at, out);
        if (taken == 0)
            fputc(*at, out);
        at += taken ? taken : 1;
    }
    fclose(out);
    return output_alloc(redacted);
}

/* The string under `key` as it may be shown; "" and what no one can tell anything from stay. */
static void redact_string(struct redaction *redaction, const char *key, struct json_object *string)
{
    const char *text = json_object_get_string(string);
    char name[32], *redacted;

    if (is_kept_key(key)) {
        redacted = redact_text(redaction, text);
        json_object_set_string(string, redacted);
        free(redacted);
    } else if (text[0]) {
        snprintf(name, sizeof(name), "name-%u", find_or_add(redaction, KIND_NAME, text)->number);
        json_object_set_string(string, name);
    }
}

typedef void string_visitor(struct redaction *redaction, const char *key,
                            struct json_object *string);

/* All strings, with the key that they, or the arrays around them, stand under. */
static void visit(struct redaction *redaction, const char *under, struct json_object *value,
                  string_visitor *visitor)
{
    if (json_object_is_type(value, json_type_string)) {
        visitor(redaction, under, value);
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            visit(redaction, under, json_object_array_get_idx(value, i), visitor);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            visit(redaction, key, member, visitor);
        }
    }
}

static void learn_string(struct redaction *redaction, const char *key, struct json_object *string)
{
    if (!is_kept_key(key))
        redact_name(redaction, json_object_get_string(string));
}

void redact_learn(struct redaction *redaction, struct json_object *document)
{
    visit(redaction, "", document, learn_string);
}

void redact_document(struct redaction *redaction, struct json_object *document)
{
    visit(redaction, "", document, redact_string);
}
