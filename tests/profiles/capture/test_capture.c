/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_capture.c - real captures against the truth that comes with them (../shared/captures;
 * skipped where it is absent), and small ones made here for the link types and the ways in which a
 * file can end.
 *
 * It is longer than most: each link type and each way in which a file can end is made here.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "engine/base/bytes.h"
#include "engine/tcp/frame.h"
#include "engine/tcp/options.h"
#include "profiles/capture/capture.h"
#include "profiles/capture/capture_file.h"
#include "profiles/compile.h"
#include "profiles/learn/rehearsal.h"
#include "profiles/model/profile.h"
#include "tests/profiles/support_capture.h"

#define CAPTURES "../shared/captures"

/* --- the real ones --------------------------------------------------------------------------- */

enum column {
    FILE_NAME,
    SERVER,
    PORT,
    LABEL,
    SPEAKS_FIRST,
    MSS,
    WSCALE,
    SACK,
    TIMESTAMPS,
    COLUMNS
};

struct score {
    unsigned facts, wrong;
};

static void judge(struct score *score, char *const row[], const char *fact, const char *want,
                  const char *got)
{
    score->facts++;
    if (strcmp(want, got) == 0)
        return;
    score->wrong++;
    fprintf(stderr, "%s %s:%s: %s is '%s', the truth is '%s'\n", row[FILE_NAME], row[SERVER],
            row[PORT], fact, got, want);
}

static const char *flag_text(enum capability state)
{
    return state == CAPABILITY_UNKNOWN ? "?" : state == CAPABILITY_GRANTED ? "1" : "0";
}

static const char *number_text(char text[16], enum capability state, unsigned value)
{
    snprintf(text, 16, "%u", value);
    return state == CAPABILITY_UNKNOWN ? "?" : state == CAPABILITY_GRANTED ? text : "none";
}

static const char *speaker_text(const struct profile *profile)
{
    const char *const texts[] = {
        [SPEAKER_UNKNOWN] = "?", [SPEAKER_CLIENT] = "0", [SPEAKER_SERVER] = "1"};
    return texts[profile_speaks_first(profile)];
}

static void judge_profile(struct score *score, char *const row[], const struct profile *profile)
{
    const struct synack_model *model = &profile->tcp.model;
    char text[16];
    judge(score, row, "mss", row[MSS], number_text(text, model->mss_state, model->mss));
    judge(score, row, "wscale", row[WSCALE],
          number_text(text, model->window_scale_state, model->window_scale));
    judge(score, row, "sack", row[SACK], flag_text(model->sack));
    judge(score, row, "timestamps", row[TIMESTAMPS], flag_text(model->timestamps));
    judge(score, row, "speaks first", row[SPEAKS_FIRST], speaker_text(profile));
    const bool known = protocol_id_from_name(row[LABEL]) >
                       PROTOCOL_UNKNOWN; /* "ftp-data" is no protocol of a server */
    const char *protocol = profile->named ? protocol_name(profile->protocol) : "unknown";
    judge(score, row, "protocol", known ? row[LABEL] : "unknown", protocol);
}

static bool split_row(char *line, char *row[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++) {
        row[i] = strsep(&line, "\t\n");
        if (!row[i])
            return false;
    }
    return true;
}

static struct store *learn(const char *path, struct capture_summary *summary)
{
    struct store *store = store_new();
    struct error error = {0};
    cr_assert(capture_learn(path, store, summary, &error), "%s", error.text);
    return store;
}

static void judge_row(struct score *score, char *const row[], const struct store *store)
{
    struct server_key key = {.port = (uint16_t)atoi(row[PORT])};
    cr_assert(addr_from_text(row[SERVER], &key.addr), "%s", row[SERVER]);
    const struct profile *profile = NULL;
    for (size_t i = 0; i < store_count(store); i++) {
        const struct profile *candidate = store_at(store, i); /* in any VLAN */
        if (candidate->key.port == key.port &&
            memcmp(&candidate->key.addr, &key.addr, sizeof(key.addr)) == 0)
            profile = candidate;
    }
    struct profile nothing;
    profile_init(&nothing, &key);
    if (!profile)
        fprintf(stderr, "%s %s:%s: no profile\n", row[FILE_NAME], row[SERVER], row[PORT]);
    judge_profile(score, row, profile ? profile : &nothing);
}

Test(capture, real_captures_against_their_truth, .timeout = 120)
{
    FILE *truth = fopen(CAPTURES "/truth.tsv", "r");
    if (!truth)
        cr_skip_test("skipped: no " CAPTURES);
    char *line = NULL, last[256] = "";
    size_t capacity = 0, files = 0;
    struct store *store = NULL;
    struct score score = {0};
    cr_assert(getline(&line, &capacity, truth) > 0, "truth.tsv is empty");
    while (getline(&line, &capacity, truth) > 0) {
        char *row[COLUMNS], path[512];
        if (!split_row(line, row))
            continue;
        if (strcmp(last, row[FILE_NAME]) != 0) {
            struct capture_summary summary;
            snprintf(last, sizeof(last), "%s", row[FILE_NAME]);
            snprintf(path, sizeof(path), CAPTURES "/%s", last);
            store_free(store);
            store = learn(path, &summary);
            files++;
        }
        judge_row(&score, row, store);
    }
    store_free(store);
    free(line);
    fclose(truth);
    fprintf(stderr, "captures: %zu files, %u facts, %u wrong\n", files, score.facts, score.wrong);
    cr_assert_eq(files, 66);
    /* The encrypted BitTorrent of bittorrent_tcp_miss.pcapng is for no protocol file to know. */
    cr_assert(score.wrong <= 1, "%u of %u facts are wrong", score.wrong, score.facts);
}

/* --- the real ones, rehearsed ---------------------------------------------------------------- */

struct rehearsed_sum {
    unsigned armed, right, refused, refused_right;
};

/* As often as arms those that can be. */
static struct store *learn_often(const char *path)
{
    struct store *store = store_new();
    struct capture_summary summary;
    struct error error = {0};

    for (int i = 0; i < ARMED_HANDSHAKES; i++)
        capture_learn(path, store, &summary, &error);
    return store;
}

static void add_rehearsal(struct rehearsed_sum *sum, const struct rehearsal *rehearsal,
                          const char *name)
{
    const struct rehearsed_server *server;

    for (uint32_t i = 0; (server = rehearsal_server(rehearsal, i)) != NULL; i++)
        for (int reason = 0; reason < REHEARSED_COUNT; reason++) {
            const struct rehearsed_count count =
                rehearsal_count(server, (enum rehearsed)reason, UINT64_MAX, UINT64_MAX);

            sum->right += reason == REHEARSED_right ? count.all : 0;
            if (!rehearsal_refuses((enum rehearsed)reason) || count.all == 0)
                continue;
            sum->refused += count.all;
            sum->refused_right += count.accepted;
            fprintf(stderr, "%s port %u: %u %s, %u of them right\n", name, server->key.port,
                    count.all, rehearsal_name((enum rehearsed)reason), count.accepted);
        }
}

static void rehearse(struct rehearsed_sum *sum, const char *path)
{
    struct store *store = learn_often(path);
    struct capture_rehearsal into = {.rehearsal = rehearsal_new(true),
                                     .policy = policy_compile(store, NULL, 1)};
    struct capture_summary summary;
    struct error error = {0};
    FILE *from = capture_file_find(path, &error);

    for (uint32_t i = 0; i < into.policy->count; i++)
        sum->armed += into.policy->servers[i].armed;
    cr_assert(from && capture_rehearse_from(from, path, store, &into, &summary, &error), "%s",
              error.text);
    add_rehearsal(sum, into.rehearsal, path);
    rehearsal_free(into.rehearsal);
    free(into.policy);
    store_free(store);
}

/* Armed by a capture, attack mode refuses none of its right requests. Each pass makes an engine of
 * full size: of the files one of EVERY is taken. */
#define EVERY 8u
Test(capture, rehearsal_names_no_right_request, .timeout = 240)
{
    FILE *truth = fopen(CAPTURES "/truth.tsv", "r");
    char *line = NULL, last[256] = "";
    size_t capacity = 0;
    struct rehearsed_sum sum = {0};
    unsigned files = 0;

    if (!truth)
        cr_skip_test("skipped: no " CAPTURES);
    cr_assert(getline(&line, &capacity, truth) > 0, "truth.tsv is empty");
    while (getline(&line, &capacity, truth) > 0) {
        char *row[COLUMNS], path[512];

        if (!split_row(line, row) || strcmp(last, row[FILE_NAME]) == 0)
            continue;
        snprintf(last, sizeof(last), "%s", row[FILE_NAME]);
        snprintf(path, sizeof(path), CAPTURES "/%s", last);
        if (files++ % EVERY == 0)
            rehearse(&sum, path);
    }
    free(line);
    fclose(truth);
    fprintf(stderr,
            "rehearsal: %u servers armed, %u requests right, %u refused, %u of them right\n",
            sum.armed, sum.right, sum.refused, sum.refused_right);
    cr_assert_geq(sum.armed, 6);
    cr_assert_geq(sum.right, 6);
    cr_assert_eq(sum.refused_right, 0);
}

/* --- the real ones, damaged ------------------------------------------------------------------ */

#define DAMAGED_FRAMES_MAX 2000
#define DAMAGED_FRAME_MAX  65536

/* What befell a capture on its way: frames lost in front and in the middle, late ones, frames cut;
 * or the file, anywhere. */
struct damage {
    unsigned first, lost_of_100, late_of_100, cut_of_100;
    bool file_cut;
};

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

/* Cuts behind the header of a classic file; pcapng may end in its first block. */
static void cut_file(const char *from, const char *to, uint64_t *state)
{
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    cr_assert(in && out, "%s", from);
    cr_assert_eq(fseek(in, 0, SEEK_END), 0);
    const uint32_t bytes = (uint32_t)ftell(in);
    rewind(in);
    const int first_byte = getc(in);
    rewind(in);
    const uint32_t least = first_byte == 0x0a ? 1 : 24, end = least + draw(state, bytes - least);
    uint8_t *content = malloc(end);
    cr_assert_not_null(content);
    cr_assert_eq(fread(content, 1, end, in), end);
    cr_assert_eq(fwrite(content, 1, end, out), end);
    free(content);
    fclose(in);
    fclose(out);
}

/* A copy of the capture with this damage. */
static void damage_capture(const char *from, const char *to, const struct damage *damage,
                           uint64_t *state)
{
    static uint8_t held[DAMAGED_FRAME_MAX];
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(from, reason);
    struct pcap_pkthdr *header, late = {0};
    const uint8_t *packet;
    cr_assert_not_null(pcap, "%s", reason);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, to);
    cr_assert_not_null(dumper, "%s", pcap_geterr(pcap));
    for (unsigned frame = 0;
         frame < DAMAGED_FRAMES_MAX && pcap_next_ex(pcap, &header, &packet) == 1; frame++) {
        struct pcap_pkthdr record = *header;
        if (frame < damage->first || draw(state, 100) < damage->lost_of_100)
            continue;
        if (draw(state, 100) < damage->cut_of_100)
            record.caplen = draw(state, record.caplen) + 1;
        if (!late.caplen && draw(state, 100) < damage->late_of_100 &&
            record.caplen <= sizeof(held)) {
            memcpy(held, packet, record.caplen);
            late = record;
            continue;
        }
        pcap_dump((uint8_t *)dumper, &record, packet);
        if (late.caplen)
            pcap_dump((uint8_t *)dumper, &late, held);
        late.caplen = 0;
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
}

/* Does a SYN-ACK from this port have this MSS? Servers behind routers that change it have several:
 * what is left of them decides. */
static bool shows_mss(char *const row[], const char *mss)
{
    char reason[PCAP_ERRBUF_SIZE], path[512];
    struct pcap_pkthdr *header;
    const uint8_t *packet;
    bool shown = false;
    snprintf(path, sizeof(path), CAPTURES "/%s", row[FILE_NAME]);
    pcap_t *pcap = pcap_open_offline(path, reason);
    cr_assert_not_null(pcap, "%s", reason);
    while (!shown && pcap_next_ex(pcap, &header, &packet) == 1) {
        uint8_t copy[2048];
        struct frame frame;
        struct tcp_options options;
        const uint32_t bytes =
            header->caplen < sizeof(copy) ? header->caplen : (uint32_t)sizeof(copy);
        memcpy(copy, packet, bytes);
        if (frame_parse(&frame, NULL, copy, bytes, header->len, sizeof(copy)) != FRAME_TCP ||
            (frame.flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) ||
            frame_src_port(&frame) != atoi(row[PORT]))
            continue;
        tcp_options_parse(frame_options(&frame), frame.options_bytes, &options);
        shown = options.mss == (unsigned)atoi(mss);
    }
    pcap_close(pcap);
    return shown;
}

static bool contradicts(const char *want, const char *got)
{
    return strcmp(got, "?") != 0 && strcmp(got, "unknown") != 0 && strcmp(want, got) != 0;
}

/* What is said of a damaged capture may be less than the truth, but not something else. */
static unsigned false_facts(char *const row[], const struct store *store, const char *what,
                            unsigned *facts)
{
    struct server_key key = {.port = (uint16_t)atoi(row[PORT])};
    cr_assert(addr_from_text(row[SERVER], &key.addr));
    unsigned wrong = 0;
    for (size_t i = 0; i < store_count(store); i++) {
        const struct profile *profile = store_at(store, i);
        if (profile->key.port != key.port ||
            memcmp(&profile->key.addr, &key.addr, sizeof(key.addr)) != 0)
            continue;
        const struct synack_model *model = &profile->tcp.model;
        char mss[16], scale[16];
        const char *const got[] = {
            number_text(mss, model->mss_state, model->mss),
            number_text(scale, model->window_scale_state, model->window_scale),
            flag_text(model->sack),
            flag_text(model->timestamps),
            speaker_text(profile),
            profile->named ? protocol_name(profile->protocol) : "unknown"};
        const char *const want[] = {row[MSS],        row[WSCALE],       row[SACK],
                                    row[TIMESTAMPS], row[SPEAKS_FIRST], row[LABEL]};
        for (size_t fact = 0; fact < sizeof(got) / sizeof(*got); fact++) {
            *facts += 1;
            if (!contradicts(want[fact], got[fact]) || (fact == 0 && shows_mss(row, got[fact])))
                continue;
            wrong++;
            fprintf(stderr, "%s (%s) %s:%s: fact %zu is '%s', the truth is '%s'\n", row[FILE_NAME],
                    what, row[SERVER], row[PORT], fact, got[fact], want[fact]);
        }
    }
    return wrong;
}

static uint64_t damage_seed(void)
{
    const char *given = getenv("SYNWARD_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : 20261122;
    fprintf(stderr, "capture/damaged: SYNWARD_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static unsigned judge_damaged(FILE *truth, const struct damage *damage, const char *what,
                              uint64_t *state, unsigned *facts)
{
    char *line = NULL, last[256] = "", path[512], to[] = "/tmp/synward-test-damaged-XXXXXX";
    size_t capacity = 0;
    unsigned wrong = 0;
    struct store *store = NULL;
    close(mkstemp(to));
    rewind(truth);
    cr_assert(getline(&line, &capacity, truth) > 0);
    while (getline(&line, &capacity, truth) > 0) {
        char *row[COLUMNS];
        struct capture_summary summary;
        if (!split_row(line, row))
            continue;
        if (strcmp(last, row[FILE_NAME]) != 0) {
            snprintf(last, sizeof(last), "%s", row[FILE_NAME]);
            snprintf(path, sizeof(path), CAPTURES "/%s", last);
            if (damage->file_cut)
                cut_file(path, to, state);
            else
                damage_capture(path, to, damage, state);
            store_free(store);
            store = learn(to, &summary);
            cr_assert_eq(summary.tcp_frames + summary.frames_passed_over, summary.frames);
        }
        wrong += false_facts(row, store, what, facts);
    }
    store_free(store);
    free(line);
    unlink(to);
    return wrong;
}

Test(capture, damaged_captures_say_less_but_nothing_false)
{
    static const struct {
        const char *what;
        struct damage damage;
    } kinds[] = {
        {"begun in the middle", {.first = 1}}, {"begun later", {.first = 5}},
        {"frames lost", {.lost_of_100 = 5}},   {"frames late", {.late_of_100 = 10}},
        {"frames cut", {.cut_of_100 = 10}},    {"file cut", {.file_cut = true}},
        {"file cut", {.file_cut = true}},      {"file cut", {.file_cut = true}},
    };
    FILE *truth = fopen(CAPTURES "/truth.tsv", "r");
    uint64_t state = damage_seed();
    unsigned facts = 0, wrong = 0;
    if (!truth)
        cr_skip_test("skipped: no " CAPTURES);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        wrong += judge_damaged(truth, &kinds[i].damage, kinds[i].what, &state, &facts);
    fclose(truth);
    fprintf(stderr, "damaged captures: %u facts, %u false\n", facts, wrong);
    cr_assert_eq(wrong, 0);
}

/* --- made here ------------------------------------------------------------------------------- */

#define ETHER "\1\2\3\4\5\6\1\2\3\4\5\7"

/* A link header, and what of it the profile's key tells. */
static const struct link {
    uint32_t link_type;
    const char *name;
    const char *header;
    uint32_t bytes;
    bool ipv6;
    uint16_t vlan[2];
} links[] = {
    {1, "Ethernet", ETHER "\x08\0", 14, false, {0}},
    {1, "Ethernet", ETHER "\x86\xdd", 14, true, {0}},
    {1, "VLAN", ETHER "\x81\0\x60\x64\x08\0", 18, false, {100}},
    {1, "QinQ", ETHER "\x88\xa8\0\x64\x81\0\0\xc8\x86\xdd", 22, true, {100, 200}},
    {1, "QinQ of the old kind", ETHER "\x91\0\0\x64\x81\0\0\xc8\x08\0", 22, false, {100, 200}},
    {0, "null", "\2\0\0\0", 4, false, {0}},
    {0, "null, big-endian", "\0\0\0\2", 4, false, {0}},
    {0, "null, IPv6 of Darwin", "\x1e\0\0\0", 4, true, {0}},
    {108, "loop", "\0\0\0\2", 4, false, {0}},
    {101, "raw", "", 0, false, {0}},
    {101, "raw", "", 0, true, {0}},
    {12, "raw, by Linux's number", "", 0, false, {0}},
    {228, "IPv4", "", 0, false, {0}},
    {229, "IPv6", "", 0, true, {0}},
    {113, "SLL", "\0\0\3\4\0\6\0\0\0\0\0\0\0\0\x08\0", 16, false, {0}},
    {113, "SLL, VLAN", "\0\0\3\4\0\6\0\0\0\0\0\0\0\0\x81\0\0\x64\x08\0", 20, false, {100}},
    {276, "SLL2", "\x86\xdd\0\0\0\0\0\1\3\4\0\6\0\0\0\0\0\0\0\0", 20, true, {0}},
};

static void set_link(struct maker *maker, const struct link *link)
{
    maker->link = (const uint8_t *)link->header;
    maker->link_bytes = link->bytes;
    maker->ipv6 = link->ipv6;
}

static void check_vlan(const struct store *store, const struct link *link)
{
    const struct server_key *key = &store_at(store, 0)->key;
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(key->vlan.id[i], link->vlan[i] ? VLAN_PRESENT | link->vlan[i] : 0, "%s",
                     link->name);
}

/* Every link type in every form of file. */
Test(capture, link_types_in_forms_of_files)
{
    for (size_t i = 0; i < 8 * sizeof(links) / sizeof(*links); i++) {
        const struct link *link = &links[i / 8];
        struct maker maker = {.pcapng = i & 1,
                              .nanoseconds = i >> 1 & 1,
                              .other_order = i >> 2 & 1,
                              .link_type = link->link_type};
        struct capture_summary summary;
        set_link(&maker, link);
        begin_capture(&maker);
        add_fetch(&maker, 40000, 8080);
        struct store *store = learn_made(&maker, &summary);
        cr_assert_eq(store_count(store), 1, "%s, form %zu", link->name, i % 8);
        cr_assert_eq(summary.tcp_frames, 8, "%s", link->name);
        check_fetch(store, 8080, link->ipv6);
        check_vlan(store, link);
        store_free(store);
    }
}

/* As `dumpcap -i eth0 -i tun0 -i any` writes them, which libpcap refuses. */
Test(capture, interfaces_of_different_kinds_in_one_pcapng)
{
    for (int other_order = 0; other_order < 2; other_order++) {
        struct maker maker = {
            .pcapng = true, .other_order = other_order, .link_type = links[0].link_type};
        const uint32_t count = sizeof(links) / sizeof(*links);
        struct capture_summary summary;
        begin_capture(&maker);
        for (uint32_t i = 1; i < count; i++)
            add_interface(&maker, (uint16_t)links[i].link_type, i % 2 ? 0 : 100 + i, 0, 0);
        for (uint32_t i = 0; i < count; i++) {
            set_link(&maker, &links[i]);
            maker.interface = i;
            add_fetch(&maker, 40000, (uint16_t)(8080 + i));
        }
        struct store *store = learn_made(&maker, &summary);
        cr_assert_eq(store_count(store), count);
        for (uint32_t i = 0; i < count; i++)
            check_fetch(store, (uint16_t)(8080 + i), links[i].ipv6);
        store_free(store);
    }
}

Test(capture, frames_of_unknown_link_types_beside_known_ones_are_passed_over)
{
    struct maker maker = {.pcapng = true, .link_type = 189 /* USB */};
    static const uint8_t frame[64];
    struct capture_summary summary;
    begin_capture(&maker);
    add_interface(&maker, 101, 0, 0, 0);
    add_raw(&maker, frame, sizeof(frame), 0);
    maker.interface = 1;
    add_fetch(&maker, 40000, 8080);
    struct store *store = learn_made(&maker, &summary);
    check_fetch(store, 8080, false);
    cr_assert_eq(summary.passed_over.link_type, 1);
    store_free(store);
}

Test(capture, a_pcapng_of_unknown_link_types_alone_is_an_error)
{
    struct maker maker = {.pcapng = true, .link_type = 189};
    static const uint8_t frame[64];
    begin_capture(&maker);
    add_raw(&maker, frame, sizeof(frame), 0);
    const char *text = learn_refused(&maker);
    cr_assert(strstr(text, "link type 189 (USB"), "%s", text);
}

/* 14 bytes of Ethernet, 20 of IPv4 and 24 of TCP. */
Test(capture, frames_cut_by_the_snap_length_still_show_the_handshake)
{
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        struct maker maker = {.pcapng = pcapng, .link_type = 1, .snap_bytes = 14 + 20 + 24 + 3};
        struct capture_summary summary;
        set_link(&maker, &links[0]);
        begin_capture(&maker);
        add_fetch(&maker, 40000, 8080);
        struct store *store = learn_made(&maker, &summary);
        const struct profile *profile = store_at(store, 0);
        cr_assert_eq(store_count(store), 1);
        cr_assert_eq(profile->handshakes, 1);
        cr_assert_eq(profile->tcp.model.mss, 1460);
        cr_assert_eq(profile->requests, 0, "three bytes of a request are none");
        cr_assert_eq(summary.cut_short, 2);
        store_free(store);
    }
}

Test(capture, connections_without_their_beginning_teach_nothing)
{
    struct maker maker = {.link_type = 101};
    struct capture_summary summary;
    begin_capture(&maker);
    const long header = ftell(maker.file);
    add_fetch(&maker, 40000, 8080);
    fclose(maker.file);
    /* Without the SYN, the SYN-ACK and the ACK: 16 bytes of record and 44 of packet each. */
    uint8_t bytes[1024];
    FILE *file = fopen(maker.path, "r+");
    cr_assert_eq(fseek(file, header + 3 * (16 + 44), SEEK_SET), 0);
    const size_t rest = fread(bytes, 1, sizeof(bytes), file);
    cr_assert_eq(fseek(file, header, SEEK_SET), 0);
    cr_assert_eq(fwrite(bytes, 1, rest, file), rest);
    cr_assert_eq(ftruncate(fileno(file), header + (long)rest), 0);
    maker.file = file;
    struct store *store = learn_made(&maker, &summary);
    cr_assert_eq(summary.frames, 5);
    cr_assert_eq(summary.without_handshake, 5);
    cr_assert_eq(summary.flows + summary.requests, 0);
    for (size_t i = 0; i < store_count(store); i++) {
        cr_assert_eq(store_at(store, i)->handshakes, 0);
        cr_assert_eq(store_at(store, i)->tcp.model.mss_state, CAPABILITY_UNKNOWN);
    }
    store_free(store);
}

Test(capture, same_ports_with_roles_exchanged_are_two_servers)
{
    struct maker maker = {.link_type = 101};
    struct capture_summary summary;
    begin_capture(&maker);
    add_fetch(&maker, 40000, 8080);
    add_fetch(&maker, 8080, 40000);
    struct store *store = learn_made(&maker, &summary);
    cr_assert_eq(store_count(store), 2);
    check_fetch(store, 8080, false);
    check_fetch(store, 40000, false);
    store_free(store);
}

Test(capture, file_that_ends_in_mid_packet_is_learned_up_to_there)
{
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        struct maker maker = {.link_type = 101, .pcapng = pcapng};
        struct capture_summary summary;
        begin_capture(&maker);
        add_fetch(&maker, 40000, 8080);
        add_fetch(&maker, 40001, 8080);
        const long end = ftell(maker.file);
        fclose(maker.file);
        maker.file = NULL;
        cr_assert_eq(truncate(maker.path, end - 10), 0);
        struct store *store = learn_made(&maker, &summary);
        cr_assert(summary.truncated);
        cr_assert_eq(summary.frames, 15);
        cr_assert_eq(summary.handshakes, 2);
        store_free(store);
    }
}

Test(capture, a_file_without_frames_is_learned_from_in_vain)
{
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        struct maker maker = {.link_type = 1, .pcapng = pcapng};
        struct capture_summary summary;
        begin_capture(&maker);
        struct store *store = learn_made(&maker, &summary);
        cr_assert_eq(summary.frames + store_count(store), 0);
        cr_assert_not(summary.truncated);
        store_free(store);
    }
}

/* 20 bytes of IPv4 and 20 behind them. */
static void add_packet(struct maker *maker, uint8_t protocol, uint16_t offset, uint16_t total_bytes)
{
    uint8_t packet[40] = {0x45};
    store_be16(packet + 2, total_bytes);
    store_be16(packet + 6, offset);
    packet[8] = 64;
    packet[9] = protocol;
    packet[32] = 5 << 4;
    packet[33] = TCP_ACK;
    add_raw(maker, packet, sizeof(packet), 0);
}

Test(capture, what_is_passed_over_is_counted_by_its_reason)
{
    struct maker maker = {.link_type = 101};
    struct capture_summary summary;
    static const uint8_t cut[40] = {0x45, 0, 0, 60, 0,   0, 0, 0, 64,   6,      0, 0,
                                    127,  0, 0, 1,  127, 0, 0, 1, 0,    5,      0, 6,
                                    0,    0, 0, 9,  0,   0, 0, 9, 0x50, TCP_ACK};
    begin_capture(&maker);
    add_packet(&maker, 17, 0, 40); /* UDP */
    add_packet(&maker, 17, 0, 40);
    add_packet(&maker, 6, 0x2000, 40); /* more fragments */
    add_packet(&maker, 6, 0, 30);      /* a TCP header that does not fit */
    add_packet(&maker, 6, 0, 90);      /* cut, and the file does not say so */
    add_packet(&maker, 6, 0, 40);      /* in the middle of a connection */
    add_raw(&maker, cut, sizeof(cut), 20);
    add_fetch(&maker, 40000, 8080);
    add_segment(&maker, &(struct tcp_segment){
                            .client_port = 40001, .server_port = 8080, .seq = 7, .flags = TCP_SYN});
    add_segment(&maker, &(struct tcp_segment){.from_server = true,
                                              .client_port = 40001,
                                              .server_port = 8080,
                                              .seq = 9,
                                              .ack = 8,
                                              .flags = TCP_SYN | TCP_ACK});
    struct store *store = learn_made(&maker, &summary);
    store_free(store);
    cr_assert_eq(summary.frames, 17);
    cr_assert_eq(summary.tcp_frames, 13);
    cr_assert_eq(summary.frames_passed_over, 4);
    cr_assert_eq(summary.passed_over.not_tcp, 2);
    cr_assert_eq(summary.passed_over.fragments, 1);
    cr_assert_eq(summary.passed_over.malformed, 1);
    cr_assert_eq(summary.passed_over.not_ip + summary.passed_over.link, 0);
    cr_assert_eq(summary.without_handshake, 3);
    cr_assert_eq(summary.cut_short, 2);
    cr_assert_eq(summary.bad_checksums, 11, "the maker leaves them at 0");
    cr_assert_eq(summary.flows, 2);
    cr_assert_eq(summary.handshakes, 1);
    cr_assert_eq(summary.requests, 1);
}

Test(capture, frames_that_are_not_ip_or_end_in_their_link_header)
{
    static const uint8_t arp[42] = {[12] = 8, [13] = 6};
    struct maker maker = {.link_type = 1};
    struct capture_summary summary;
    begin_capture(&maker);
    add_raw(&maker, arp, sizeof(arp), 0);
    add_raw(&maker, arp, 14, 28);
    struct store *store = learn_made(&maker, &summary);
    cr_assert_eq(store_count(store), 0);
    cr_assert_eq(summary.passed_over.not_ip, 1);
    cr_assert_eq(summary.passed_over.link, 1);
    store_free(store);
}

Test(capture, what_is_no_capture_is_an_error)
{
    struct store *store = store_new();
    struct capture_summary summary;
    struct error error = {0};
    cr_assert_not(capture_learn("/nonexistent.pcap", store, &summary, &error));
    cr_assert(strstr(error.text, "/nonexistent.pcap"), "%s", error.text);
    cr_assert_not(capture_learn("/dev/null", store, &summary, &error));
    cr_assert(strstr(error.text, "it is empty"), "%s", error.text);
    cr_assert_not(capture_learn("/", store, &summary, &error));
    cr_assert(strstr(error.text, "directory"), "%s", error.text);
    cr_assert_eq(store_count(store), 0);
    store_free(store);
    struct maker maker = {.link_type = 147};
    begin_capture(&maker);
    const char *text = learn_refused(&maker);
    cr_assert(strstr(text, "link type 147"), "%s", text);
}
