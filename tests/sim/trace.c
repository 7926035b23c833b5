/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.c - see trace.h. */
#include "tests/sim/trace.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writing --------------------------------------------------------------------------------- */

static const struct {
    char letter;
    uint8_t flag;
} flag_letters[] = {{'S', TCP_SYN}, {'F', TCP_FIN}, {'R', TCP_RST}, {'P', TCP_PSH},
                    {'U', TCP_URG}, {'E', TCP_ECE}, {'W', TCP_CWR}, {'.', TCP_ACK}};
#define FLAG_LETTERS (sizeof flag_letters / sizeof flag_letters[0])

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t used = (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += used;
    text->left -= used;
}

static void say_option(struct text *text, const struct packet *packet, uint8_t kind)
{
    if (kind == TCP_OPT_MSS)
        say(text, "mss %u,", packet->mss);
    else if (kind == TCP_OPT_NOP)
        say(text, "nop,");
    else if (kind == TCP_OPT_SACK_PERMITTED)
        say(text, "sackOK,");
    else if (kind == TCP_OPT_WSCALE)
        say(text, "wscale %u,", packet->window_scale);
    else if (kind == TCP_OPT_TIMESTAMPS)
        say(text, "TS val %u ecr %u,", packet->tsval, packet->tsecr);
    else if (kind != TCP_OPT_SACK)
        say(text, "unknown-%u,", kind);
    for (uint8_t i = 0; kind == TCP_OPT_SACK && i < packet->sack_blocks; i++)
        say(text, "%s%u:%u%s", i == 0 ? "sack " : " ", packet->sack[i][0], packet->sack[i][1],
            i + 1 == packet->sack_blocks ? "," : "");
}

static void say_options(struct text *text, const struct packet *packet)
{
    uint8_t at = 0;
    char *begin = text->at;
    say(text, " <");
    while (at < packet->options_bytes && packet->options[at] != TCP_OPT_EOL) {
        uint8_t kind = packet->options[at];
        say_option(text, packet, kind);
        if (kind != TCP_OPT_NOP && (at + 1 >= packet->options_bytes || packet->options[at + 1] < 2))
            break;
        at = (uint8_t)(at + (kind == TCP_OPT_NOP ? 1 : packet->options[at + 1]));
    }
    if (text->at - begin > 2)
        text->at[-1] = '>';
}

char *trace_line(char line[TRACE_LINE_BYTES], uint64_t at_us, enum side side, bool into,
                 const struct packet *packet)
{
    struct text text = {line, TRACE_LINE_BYTES};
    const char *arrow = side == SIDE_CLIENT
                            ? (into ? "client >              " : "client <              ")
                            : (into ? "              < server" : "              > server");
    say(&text, "%4llu.%06llu %s ", (unsigned long long)(at_us / 1000000),
        (unsigned long long)(at_us % 1000000), arrow);
    say(&text, "%u>%u ", packet->src_port, packet->dst_port);
    for (size_t i = 0; i < FLAG_LETTERS; i++) {
        if ((packet->flags & flag_letters[i].flag) != 0)
            say(&text, "%c", flag_letters[i].letter);
    }
    say(&text, " %u:%u(%u)", packet->seq, packet->seq + packet->payload_bytes,
        packet->payload_bytes);
    if ((packet->flags & TCP_ACK) != 0)
        say(&text, " ack %u", packet->ack);
    say(&text, " win %u", packet->window);
    if (packet->gso_bytes > 0)
        say(&text, " gso %u", packet->gso_bytes);
    if (packet->options_bytes > 0)
        say_options(&text, packet);
    return line;
}

/* --- symbols --------------------------------------------------------------------------------- */

bool trace_symbol(const struct symbols *symbols, const char *name, uint32_t *value)
{
    for (uint32_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->at[i].name, name) == 0) {
            *value = symbols->at[i].value;
            return true;
        }
    }
    return false;
}

void trace_bind(struct symbols *symbols, const char *name, uint32_t value)
{
    for (uint32_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->at[i].name, name) == 0) {
            symbols->at[i].value = value;
            return;
        }
    }
    if (symbols->count == TRACE_SYMBOLS_MAX)
        return;
    snprintf(symbols->at[symbols->count].name, sizeof symbols->at[0].name, "%s", name);
    symbols->at[symbols->count++].value = value;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What the text named; the rest is not compared. */
enum named {
    NAMED_WINDOW = 1 << 0,
    NAMED_OPTIONS = 1 << 1,
    NAMED_PAYLOAD = 1 << 2,
    NAMED_LENGTH = 1 << 3,
    NAMED_GSO = 1 << 4,
    NAMED_TTL = 1 << 5,
    NAMED_TOS = 1 << 6,
    NAMED_ID = 1 << 7,
    NAMED_DF = 1 << 8,
    NAMED_LABEL = 1 << 9,
};

struct reader {
    const char *at;
    struct symbols *symbols;
    const struct packet *actual; /* NULL: injecting */
    struct packet want;
    uint32_t named;
    const char *problem;
};

static void skip_spaces(struct reader *reader)
{
    while (*reader->at == ' ')
        reader->at++;
}

static bool take(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    skip_spaces(reader);
    if (strncmp(reader->at, word, length) != 0)
        return false;
    if (isalpha((unsigned char)word[length - 1]) && isalnum((unsigned char)reader->at[length]))
        return false;
    reader->at += length;
    return true;
}

/* One number or symbol; an unbound symbol is bound to `actual`, or to a number made of its name. */
static uint32_t read_term(struct reader *reader, uint32_t actual)
{
    char name[16];
    size_t length = 0;
    uint32_t value;
    if (isdigit((unsigned char)*reader->at)) {
        char *end;
        value = (uint32_t)strtoul(reader->at, &end, 10);
        reader->at = end;
        return value;
    }
    while ((isalnum((unsigned char)reader->at[length]) || reader->at[length] == '_') &&
           length + 1 < sizeof name) {
        name[length] = reader->at[length];
        length++;
    }
    name[length] = '\0';
    if (length == 0) {
        reader->problem = "number expected";
        return 0;
    }
    reader->at += length;
    if (trace_symbol(reader->symbols, name, &value))
        return value;
    value = reader->actual != NULL
                ? actual
                : 0x10000u * (uint32_t)(unsigned char)name[0] + 1000u * (uint32_t)length;
    trace_bind(reader->symbols, name, value);
    return value;
}

static uint32_t read_number(struct reader *reader, uint32_t actual)
{
    skip_spaces(reader);
    if (*reader->at == '*') {
        reader->at++;
        return actual;
    }
    uint32_t value = read_term(reader, actual);
    while (reader->problem == NULL && (*reader->at == '+' || *reader->at == '-')) {
        bool plus = *reader->at++ == '+';
        uint32_t term = read_term(reader, 0);
        value = plus ? value + term : value - term;
    }
    return value;
}

static uint32_t read_actual(struct reader *reader, uint32_t actual)
{
    return read_number(reader, reader->actual != NULL ? actual : 0);
}
#define ACTUAL(field) (reader->actual != NULL ? reader->actual->field : 0)

static void read_flags(struct reader *reader)
{
    skip_spaces(reader);
    for (; *reader->at != ' ' && *reader->at != '\0'; reader->at++) {
        size_t i = 0;
        while (i < FLAG_LETTERS && flag_letters[i].letter != *reader->at)
            i++;
        if (i == FLAG_LETTERS) {
            reader->problem = "flags";
            return;
        }
        reader->want.flags |= flag_letters[i].flag;
    }
}

static void read_sequence(struct reader *reader)
{
    reader->want.seq = read_actual(reader, ACTUAL(seq));
    if (*reader->at != ':')
        return;
    reader->at++;
    uint32_t end = read_actual(reader, ACTUAL(seq) + ACTUAL(payload_bytes));
    reader->want.payload_bytes = end - reader->want.seq;
    reader->named |= NAMED_LENGTH;
    if (*reader->at != '(')
        return;
    reader->at++;
    uint32_t length = read_actual(reader, ACTUAL(payload_bytes));
    if (length != reader->want.payload_bytes)
        reader->problem = "the text's own length";
    if (*reader->at == ')')
        reader->at++;
}

static void read_sack(struct reader *reader)
{
    uint32_t blocks[PACKET_SACK_MAX][2];
    uint8_t count = 0;
    do {
        blocks[count][0] = read_actual(reader, ACTUAL(sack[count][0]));
        if (*reader->at == ':')
            reader->at++;
        blocks[count][1] = read_actual(reader, ACTUAL(sack[count][1]));
        count++;
        skip_spaces(reader);
    } while (count < PACKET_SACK_MAX && *reader->at != ',' && *reader->at != '>' &&
             reader->problem == NULL);
    packet_add_sack(&reader->want, (const uint32_t(*)[2])blocks, count);
}

static void read_timestamps(struct reader *reader)
{
    uint32_t tsval, tsecr;
    take(reader, "val");
    tsval = read_actual(reader, ACTUAL(tsval));
    take(reader, "ecr");
    tsecr = read_actual(reader, ACTUAL(tsecr));
    packet_add_timestamps(&reader->want, tsval, tsecr);
}

static void read_option(struct reader *reader)
{
    struct packet *want = &reader->want;
    if (take(reader, "mss"))
        packet_add_mss(want, (uint16_t)read_actual(reader, ACTUAL(mss)));
    else if (take(reader, "nop"))
        packet_add_nop(want);
    else if (take(reader, "eol"))
        want->options[want->options_bytes++] = TCP_OPT_EOL;
    else if (take(reader, "sackOK"))
        packet_add_sack_permitted(want);
    else if (take(reader, "wscale"))
        packet_add_window_scale(want, (uint8_t)read_actual(reader, ACTUAL(window_scale)));
    else if (take(reader, "TS"))
        read_timestamps(reader);
    else if (take(reader, "sack"))
        read_sack(reader);
    else if (take(reader, "unknown-"))
        packet_add_raw(want, (uint8_t)read_number(reader, 0), (const uint8_t *)"\1\2", 2);
    else
        reader->problem = "option";
}

static void read_options(struct reader *reader)
{
    reader->named |= NAMED_OPTIONS;
    while (!take(reader, ">") && reader->problem == NULL) {
        read_option(reader);
        take(reader, ",");
    }
    packet_pad_options(&reader->want);
}

static bool read_extra(struct reader *reader)
{
    struct packet *want = &reader->want;
    if (take(reader, "gso")) {
        want->gso_bytes = (uint16_t)read_actual(reader, ACTUAL(gso_bytes));
        reader->named |= NAMED_GSO;
    } else if (take(reader, "ttl")) {
        want->ttl = (uint8_t)read_actual(reader, ACTUAL(ttl));
        reader->named |= NAMED_TTL;
    } else if (take(reader, "tos")) {
        want->tos = (uint8_t)read_actual(reader, ACTUAL(tos));
        reader->named |= NAMED_TOS;
    } else if (take(reader, "id")) {
        want->ip_id = (uint16_t)read_actual(reader, ACTUAL(ip_id));
        reader->named |= NAMED_ID;
    } else if (take(reader, "df") || take(reader, "nodf")) {
        want->df = reader->at[-3] != 'o';
        reader->named |= NAMED_DF;
    } else if (take(reader, "label")) {
        want->flow_label = read_actual(reader, ACTUAL(flow_label));
        reader->named |= NAMED_LABEL;
    } else if (take(reader, "ae")) {
        want->accurate_ecn = true;
    } else if (take(reader, "ack")) {
        want->ack = read_actual(reader, ACTUAL(ack));
    } else if (take(reader, "win")) {
        want->window = (uint16_t)read_actual(reader, ACTUAL(window));
        reader->named |= NAMED_WINDOW;
    } else if (take(reader, "<")) {
        read_options(reader);
    } else {
        return false;
    }
    return true;
}

static void read_text(struct reader *reader)
{
    read_flags(reader);
    read_sequence(reader);
    while (reader->problem == NULL && read_extra(reader))
        continue;
    if (reader->problem == NULL && take(reader, "| ")) {
        uint32_t bytes = (uint32_t)strlen(reader->at);
        reader->named |= NAMED_PAYLOAD;
        reader->want.payload = (const uint8_t *)reader->at;
        if ((reader->named & NAMED_LENGTH) != 0 && reader->want.payload_bytes != bytes)
            reader->problem = "length and payload of the text differ";
        reader->want.payload_bytes = bytes;
        reader->at += bytes;
    }
    skip_spaces(reader);
    if (reader->problem == NULL && *reader->at != '\0')
        reader->problem = "words at the end";
}

bool trace_parse(const char *text, struct symbols *symbols, struct packet *packet,
                 const char **problem)
{
    struct reader reader = {.at = text, .symbols = symbols, .want = *packet};
    read_text(&reader);
    *problem = reader.problem;
    *packet = reader.want;
    return reader.problem == NULL;
}

/* An option-only difference is told apart so that the message helps. */
static const char *compare_fields(const struct reader *reader)
{
    const struct packet *want = &reader->want, *got = reader->actual;
    if (want->flags != got->flags)
        return "flags";
    if (want->seq != got->seq)
        return "seq";
    if ((want->flags & TCP_ACK) != 0 && want->ack != got->ack)
        return "ack";
    if (want->payload_bytes != got->payload_bytes)
        return "length";
    if ((reader->named & NAMED_PAYLOAD) != 0 &&
        memcmp(want->payload, got->payload, want->payload_bytes) != 0)
        return "payload";
    if ((reader->named & NAMED_WINDOW) != 0 && want->window != got->window)
        return "window";
    if ((reader->named & NAMED_OPTIONS) != 0 &&
        (want->options_bytes != got->options_bytes ||
         memcmp(want->options, got->options, want->options_bytes) != 0))
        return "options";
    if ((reader->named & NAMED_GSO) != 0 && want->gso_bytes != got->gso_bytes)
        return "gso";
    if ((reader->named & NAMED_TTL) != 0 && want->ttl != got->ttl)
        return "ttl";
    if ((reader->named & NAMED_TOS) != 0 && want->tos != got->tos)
        return "tos";
    if ((reader->named & NAMED_ID) != 0 && want->ip_id != got->ip_id)
        return "ip id";
    if ((reader->named & NAMED_DF) != 0 && want->df != got->df)
        return "df";
    if ((reader->named & NAMED_LABEL) != 0 && want->flow_label != got->flow_label)
        return "flow label";
    if (want->accurate_ecn != got->accurate_ecn)
        return "ae";
    return NULL;
}

const char *trace_compare(const char *text, struct symbols *symbols, const struct packet *packet)
{
    struct reader reader = {.at = text, .symbols = symbols, .actual = packet};
    read_text(&reader);
    return reader.problem != NULL ? reader.problem : compare_fields(&reader);
}
