/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carrying.c - see carrying.h. Carried in the executable and loaded as steering.c does. */
#include "bridge/bpf/carrying.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge/bpf/answer.h"
#include "bridge/bpf/object.h"
#include "engine/tcp/prepared.h"

/* CARRY_OBJECT: where the build has put it. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "carry_object: .incbin \"" CARRY_OBJECT "\"\n"
        "carry_object_end:\n"
        ".popsection\n");
extern const uint8_t carry_object[] __attribute__((visibility("hidden")));
extern const uint8_t carry_object_end[] __attribute__((visibility("hidden")));

#define RECORDS_MAP    "carry_records"
#define PREPARED_BYTES (PREPARED_PLACES * sizeof(struct prepared))

/* Of a shard and one version of IP: entries that go into the map together, and such as are to be
 * removed. The keys of both kinds are as long. */
union carry_key {
    struct carry_key4 v4;
    struct carry_key6 v6;
};

struct orders {
    int map;
    uint32_t key_bytes;
    uint32_t added, removed; /* of these: */
    uint8_t added_keys[CARRY_AT_ONCE * sizeof(union carry_key)];
    struct carry_value values[CARRY_AT_ONCE];
    uint8_t removed_keys[CARRY_AT_ONCE * sizeof(union carry_key)];
};

/* What each program does besides carrying. A kernel whose verifier takes one of them may refuse the
 * other. */
enum part { PART_ANSWERS = 1 << 0 /* SYNs */, PART_COMPLETES = 1 << 1 /* SYN-ACKs of servers */ };

struct carrying {
    struct bpf_object *object;
    int flows4, flows6, settings, counts; /* maps */
    struct carry_settings led;            /* what `settings` says */
    int programs[2];                      /* by the side that frames come from */
    bool completes;                       /* the server's is the larger one */
    struct flow_record *records;
    struct record_figures *figures;
    struct prepared *prepared; /* NULL: nobody is told of what comes of them */
    struct carrying_sizes sizes;
    struct answer_maps *answers[ANSWER_SHARDS_MAX];
    struct tell_maps *tells;
    struct error no_answers;    /* why there are none */
    struct error no_completion; /* the same of the server's part */
    struct orders (*orders)[2]; /* by shard: of IPv4, of IPv6 */
    atomic_ulong unrecorded;
    bool goes_on; /* without us */
};

static int map_of(const struct carrying *carrying, const char *name)
{
    return bpf_object__find_map_fd_by_name(carrying->object, name);
}

static bool size_maps(const struct bpf_object *object, const struct carrying_sizes *sizes)
{
    const uint32_t connections = sizes->connections * sizes->answers.shards;
    /* With those that are about to be removed. */
    const uint32_t entries = connections + CARRY_AT_ONCE * sizes->answers.shards;
    const struct {
        const char *name;
        uint32_t entries;
    } maps[] = {{"carry_flows4", entries},
                {"carry_flows6", entries},
                {RECORDS_MAP, connections},
                {"carry_figures", sizes->servers * sizes->answers.shards}};

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, maps[i].name);

        if (!map || bpf_map__set_max_entries(map, maps[i].entries) != 0)
            return false;
    }
    if (!tell_maps_size(object, sizes->servers))
        return false;
    if (sizes->pulse >= 0 &&
        bpf_map__reuse_fd(bpf_object__find_map_by_name(object, "bypass_pulse"), sizes->pulse) != 0)
        return false;
    return sizes->answers.shards > ANSWER_SHARDS_MAX || answer_maps_size(object, &sizes->answers);
}

static bool open_answers(struct carrying *carrying, const struct answer_sizes *sizes)
{
    for (uint32_t shard = 0; shard < sizes->shards; shard++) {
        carrying->answers[shard] = answer_maps_open(carrying->object, sizes, shard);
        if (!carrying->answers[shard])
            return false;
    }
    return true;
}

static size_t records_bytes(const struct carrying_sizes *sizes)
{
    return (size_t)sizes->connections * sizes->answers.shards * sizeof(struct flow_record);
}

static size_t figures_bytes(const struct carrying_sizes *sizes)
{
    return (size_t)sizes->servers * sizes->answers.shards * sizeof(struct record_figures);
}

static bool make_orders(struct carrying *carrying)
{
    const uint32_t shards = carrying->sizes.answers.shards;

    free(carrying->orders);
    carrying->orders = calloc(shards, sizeof(*carrying->orders));
    for (uint32_t shard = 0; carrying->orders && shard < shards; shard++) {
        carrying->orders[shard][0] =
            (struct orders){.map = carrying->flows4, .key_bytes = sizeof(struct carry_key4)};
        carrying->orders[shard][1] =
            (struct orders){.map = carrying->flows6, .key_bytes = sizeof(struct carry_key6)};
    }
    return carrying->orders;
}

static bool find_parts(struct carrying *carrying, const struct carrying_sizes *sizes, int parts)
{
    const bool answers = parts & PART_ANSWERS, completes = parts & PART_COMPLETES;
    const struct bpf_program *client = bpf_object__find_program_by_name(
        carrying->object, answers ? CARRY_FROM_CLIENT : CARRY_FROM_CLIENT_ALONE);
    const struct bpf_program *server = bpf_object__find_program_by_name(
        carrying->object, completes ? CARRY_FROM_SERVER : CARRY_FROM_SERVER_ALONE);

    if (!client || !server)
        return false;
    carrying->programs[SIDE_CLIENT] = bpf_program__fd(client);
    carrying->programs[SIDE_SERVER] = bpf_program__fd(server);
    carrying->completes = completes;
    carrying->flows4 = map_of(carrying, "carry_flows4");
    carrying->flows6 = map_of(carrying, "carry_flows6");
    carrying->settings = map_of(carrying, "carry_switch");
    carrying->counts = map_of(carrying, "carry_counts");
    carrying->sizes = *sizes;
    if (!make_orders(carrying))
        return false;
    carrying->records = bpf_share(carrying->object, "carry_records", 0, records_bytes(sizes));
    carrying->figures = bpf_share(carrying->object, "carry_figures", 0, figures_bytes(sizes));
    /* Who is told of a segment is whose engine has its connection: there must be one alone. */
    if (sizes->answers.shards == 1)
        carrying->tells = tell_maps_open(carrying->object, sizes->servers);
    if (carrying->tells && completes)
        carrying->prepared = bpf_share(carrying->object, "carry_prepared", 0, PREPARED_BYTES);
    return carrying->records && carrying->figures &&
           (!answers || open_answers(carrying, &sizes->answers));
}

static bool choose(const struct bpf_object *object, const char *name, bool chosen)
{
    struct bpf_program *program = bpf_object__find_program_by_name(object, name);

    return program && bpf_program__set_autoload(program, chosen) == 0;
}

static bool choose_programs(const struct bpf_object *object, int parts)
{
    const bool answers = parts & PART_ANSWERS, completes = parts & PART_COMPLETES;

    return choose(object, CARRY_FROM_CLIENT, answers) &&
           choose(object, CARRY_FROM_CLIENT_ALONE, !answers) &&
           choose(object, CARRY_FROM_SERVER, completes) &&
           choose(object, CARRY_FROM_SERVER_ALONE, !completes);
}

/* 0, or an errno. `parts`: enum part. */
static int load(struct carrying *carrying, const struct carrying_sizes *sizes, int parts)
{
    size_t bytes;
    int code;

    bpf_object__close(carrying->object);
    /* Two labels around one piece of data. */
    /* cppcheck-suppress comparePointers */
    bytes = (size_t)(carry_object_end - carry_object);
    carrying->object = bpf_object__open_mem(carry_object, bytes, NULL);
    if (!carrying->object || !size_maps(carrying->object, sizes) ||
        !choose_programs(carrying->object, parts))
        return errno;
    code = bpf_object__load(carrying->object);
    if (code != 0)
        return -code;
    return find_parts(carrying, sizes, parts) ? 0 : errno;
}

static void note_refused(struct error *why, int reason)
{
    error_set(why, EXIT_FAILED, "the kernel does not take that part of the program: %s",
              bpf_reason(reason));
}

/* With both parts where that may be, with one of them, or with none: which a kernel takes is found
 * by loading. 0, or an errno. */
static int load_most(struct carrying *carrying, const struct carrying_sizes *sizes)
{
    static const int tries[] = {PART_ANSWERS | PART_COMPLETES, PART_ANSWERS, PART_COMPLETES, 0};
    const bool few = sizes->answers.shards <= ANSWER_SHARDS_MAX;
    int reason = 0;

    if (!few)
        error_set(&carrying->no_answers, EXIT_FAILED, "there are more than %u workers",
                  ANSWER_SHARDS_MAX);
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        if (!few && (tries[i] & PART_ANSWERS))
            continue;
        reason = load(carrying, sizes, tries[i]);
        if (reason == 0 || carrying->records)
            return reason;
        if (tries[i] & PART_ANSWERS)
            note_refused(&carrying->no_answers, reason);
        if (tries[i] & PART_COMPLETES)
            note_refused(&carrying->no_completion, reason);
    }
    return reason;
}

struct carrying *carrying_open(const struct carrying_sizes *sizes, struct error *error)
{
    struct carrying *carrying = calloc(1, sizeof(*carrying));
    int reason;

    if (!carrying) {
        error_set(error, EXIT_FAILED, "out of memory");
        return NULL;
    }
    bpf_quiet();
    (void)libbpf_num_possible_cpus(); /* reads a file, once: later none may be opened */
    reason = load_most(carrying, sizes);
    if (reason == 0)
        return carrying;
    error_set(error, EXIT_FAILED, "the kernel takes no carrying program: %s", bpf_reason(reason));
    carrying_close(carrying);
    return NULL;
}

void carrying_close(struct carrying *carrying)
{
    if (!carrying)
        return;
    if (carrying->records) {
        if (!carrying->goes_on)
            carrying_lead(carrying, 0, 0);
        munmap(carrying->records, records_bytes(&carrying->sizes));
    }
    if (carrying->figures)
        munmap(carrying->figures, figures_bytes(&carrying->sizes));
    if (carrying->prepared)
        munmap(carrying->prepared, PREPARED_BYTES);
    for (uint32_t shard = 0; shard < ANSWER_SHARDS_MAX; shard++)
        answer_maps_close(carrying->answers[shard], carrying->goes_on);
    tell_maps_close(carrying->tells);
    bpf_object__close(carrying->object);
    free(carrying->orders);
    free(carrying);
}

/* Nobody looks at links then (carrying_set_peer()). */
void carrying_leave(struct carrying *carrying)
{
    carrying_set_peer(carrying, NULL);
    carrying->goes_on = true;
}

struct answer_maps *carrying_answers(struct carrying *carrying, uint32_t shard)
{
    return shard < ANSWER_SHARDS_MAX ? carrying->answers[shard] : NULL;
}

struct tell_maps *carrying_tells(struct carrying *carrying)
{
    return carrying->tells;
}

const char *carrying_no_answers(const struct carrying *carrying)
{
    return carrying->answers[0] ? NULL : carrying->no_answers.text;
}

const char *carrying_no_completion(const struct carrying *carrying)
{
    if (carrying->prepared)
        return NULL;
    if (!carrying->completes)
        return carrying->no_completion.text;
    return carrying->sizes.answers.shards > 1 ? "there is more than one worker"
                                              : "its maps cannot be shared";
}

struct flow_record *carrying_records(struct carrying *carrying)
{
    return carrying->records;
}

struct carrying_left carrying_left(const struct carrying *carrying)
{
    struct bpf_map_info info = {0};
    uint32_t bytes = sizeof(info);

    if (bpf_obj_get_info_by_fd(map_of(carrying, RECORDS_MAP), &info, &bytes) != 0)
        return (struct carrying_left){0};
    return (struct carrying_left){info.id, carrying->sizes.connections};
}

/* Another map may have that number by now. */
static bool are_records(const struct bpf_map_info *info, uint32_t row_bytes)
{
    return info->type == BPF_MAP_TYPE_ARRAY && info->value_size == row_bytes &&
           row_bytes % sizeof(uint64_t) == 0 && /* they lie so far apart */
           strcmp(info->name, RECORDS_MAP) == 0;
}

struct carrying_rows carrying_rows_left(struct carrying_left left, uint32_t row_bytes)
{
    struct carrying_rows rows = {.row_bytes = row_bytes};
    struct bpf_map_info info = {0};
    uint32_t bytes = sizeof(info);
    const int map = left.number ? bpf_map_get_fd_by_id(left.number) : -1;
    void *memory = MAP_FAILED;

    if (map < 0)
        return rows;
    if (bpf_obj_get_info_by_fd(map, &info, &bytes) == 0 && are_records(&info, row_bytes))
        memory = mmap(NULL, (size_t)info.max_entries * row_bytes, PROT_READ, MAP_SHARED, map, 0);
    close(map);
    if (memory != MAP_FAILED) {
        rows.bytes = memory;
        rows.count = info.max_entries;
    }
    return rows;
}

void carrying_rows_close(struct carrying_rows *rows)
{
    if (rows->bytes)
        munmap(rows->bytes, rows->count * rows->row_bytes);
    rows->bytes = NULL;
}

void carrying_share(struct carrying *carrying, uint32_t shard, struct engine_config *config)
{
    const struct answer_maps *answers = carrying_answers(carrying, shard);

    config->records = carrying->records + (size_t)shard * carrying->sizes.connections;
    config->record_figures = carrying->figures + (size_t)shard * carrying->sizes.servers;
    if (answers)
        config->answers = answer_maps_share(answers);
    config->prepared = carrying->prepared;
    if (carrying->tells)
        config->tells =
            (struct tell_share){.hub = carrying->tells->hub, .servers = carrying->tells->servers};
}

int carrying_program(const struct carrying *carrying, enum side from)
{
    return carrying->programs[from];
}

static void lead(struct carrying *carrying)
{
    const uint32_t first = 0;

    bpf_map_update_elem(carrying->settings, &first, &carrying->led, BPF_ANY);
}

void carrying_lead(struct carrying *carrying, uint32_t to_client, uint32_t to_server)
{
    carrying->led = (struct carry_settings){.to = {to_client, to_server}};
    lead(carrying);
}

void carrying_set_peer(struct carrying *carrying, const uint8_t mac[6])
{
    uint64_t peer_mac = 0;

    if (mac)
        memcpy(&peer_mac, mac, 6);
    if (peer_mac == carrying->led.peer_mac)
        return;
    carrying->led.peer_mac = peer_mac;
    lead(carrying);
}

/* JOIN for CARRY (engine/tcp/flow_record.h): who did not see what has gone up cannot tell. */
static void shut_gate(uint64_t *at)
{
    uint64_t was = __atomic_load_n(at, __ATOMIC_RELAXED), is;

    do {
        if (record_gate(was) != RECORD_CARRY)
            return;
        is = record_way(record_serial(was), RECORD_JOIN, record_next(was));
    } while (!__atomic_compare_exchange_n(at, &was, is, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* What has gone up uncounted is not overtaken: more is missing of each way than may have, until
 * who reads finds that it never comes (bridge/workers/told.c). */
static void shut_ways(const struct tell_maps *maps)
{
    for (uint32_t i = 0; maps && i < TELL_WAYS; i++)
        for (uint32_t from = 0; from < 2; from++)
            __atomic_fetch_add(&maps->ways[i].up[from], TELL_SHUT, __ATOMIC_RELAXED);
}

void carrying_shut(struct carrying *carrying)
{
    const size_t count = records_bytes(&carrying->sizes) / sizeof(struct flow_record);

    shut_ways(carrying->tells);

    for (size_t i = 0; i < count; i++) {
        shut_gate(&carrying->records[i].way[SIDE_CLIENT]);
        shut_gate(&carrying->records[i].way[SIDE_SERVER]);
    }
}

/* --- orders ---------------------------------------------------------------------------------- */

static uint8_t *key_at(const struct orders *orders, uint8_t *keys, uint32_t place)
{
    return keys + place * orders->key_bytes;
}

/* One that is to be removed may never have found room: that one alone is passed over. A kernel
 * without batches removes them one by one. */
static void remove_all(struct orders *orders)
{
    for (uint32_t done = 0, count; done < orders->removed; done += count + 1) {
        count = orders->removed - done;
        if (bpf_map_delete_batch(orders->map, key_at(orders, orders->removed_keys, done), &count,
                                 NULL) == 0)
            break;
        if (errno != ENOENT) {
            count = 0;
            bpf_map_delete_elem(orders->map, key_at(orders, orders->removed_keys, done));
        }
    }
    orders->removed = 0;
}

static bool add_one(struct orders *orders, uint32_t place)
{
    return bpf_map_update_elem(orders->map, key_at(orders, orders->added_keys, place),
                               &orders->values[place], BPF_ANY) == 0;
}

/* How many found no room. */
static uint32_t add_all(struct orders *orders)
{
    uint32_t count = orders->added, lost = 0;

    if (count > 1 &&
        bpf_map_update_batch(orders->map, orders->added_keys, orders->values, &count, NULL) == 0)
        orders->added = 0;
    for (uint32_t i = 0; i < orders->added; i++)
        lost += !add_one(orders, i);
    orders->added = 0;
    return lost;
}

/* What is added again is not removed any more. */
static void keep(struct orders *orders, const void *key)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < orders->removed; i++) {
        const uint8_t *removed = key_at(orders, orders->removed_keys, i);

        if (memcmp(removed, key, orders->key_bytes) == 0)
            continue;
        if (kept++ < i)
            memmove(key_at(orders, orders->removed_keys, kept - 1), removed, orders->key_bytes);
    }
    orders->removed = kept;
}

static uint32_t obey_in(struct orders *orders, const void *key, const struct carry_value *value,
                        bool add)
{
    uint32_t lost = 0;

    if (!add) {
        memcpy(key_at(orders, orders->removed_keys, orders->removed++), key, orders->key_bytes);
        if (orders->removed == CARRY_AT_ONCE) {
            lost = add_all(orders); /* one of these may be among them */
            remove_all(orders);
        }
        return lost;
    }
    keep(orders, key);
    memcpy(key_at(orders, orders->added_keys, orders->added), key, orders->key_bytes);
    orders->values[orders->added++] = *value;
    return orders->added == CARRY_AT_ONCE ? add_all(orders) : 0;
}

static uint32_t obey(const struct carrying *carrying, const struct carry_order *order,
                     uint32_t shard)
{
    const struct carrying_sizes *sizes = &carrying->sizes;
    const struct carry_value value = {
        .index = shard * sizes->connections + order->index,
        .serial = order->serial,
        .figures = order->server ? shard * sizes->servers + order->server : 0,
    };
    const struct flow_key *key = &order->key;
    struct carry_key4 key4 = {.client_port = htons(key->client_port),
                              .server_port = htons(key->server_port),
                              .vlan = key->vlan.id[0]};
    struct carry_key6 key6 = {
        .client_port = key4.client_port, .server_port = key4.server_port, .vlan = key4.vlan};

    if (addr_is_v4(&key->server)) {
        memcpy(&key4.client, key->client.bytes + 12, sizeof(key4.client));
        memcpy(&key4.server, key->server.bytes + 12, sizeof(key4.server));
        return obey_in(&carrying->orders[shard][0], &key4, &value, order->add);
    }
    memcpy(key6.client, key->client.bytes, sizeof(key6.client));
    memcpy(key6.server, key->server.bytes, sizeof(key6.server));
    return obey_in(&carrying->orders[shard][1], &key6, &value, order->add);
}

void carrying_obey(struct carrying *carrying, const struct carry_order *orders, uint32_t count,
                   uint32_t shard)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < count; i++)
        lost += obey(carrying, &orders[i], shard);
    for (int version = 0; version < 2; version++)
        lost += add_all(&carrying->orders[shard][version]);
    if (lost > 0)
        atomic_fetch_add_explicit(&carrying->unrecorded, lost, memory_order_relaxed);
}

/* --- counts ---------------------------------------------------------------------------------- */

void carrying_count(const struct carrying *carrying, uint64_t counts[CARRY_COUNTS_COUNT],
                    uint64_t *unrecorded)
{
    const int cores = libbpf_num_possible_cpus();
    uint64_t *each = cores > 0 ? calloc((size_t)cores, sizeof(*each)) : NULL;

    memset(counts, 0, CARRY_COUNTS_COUNT * sizeof(*counts));
    *unrecorded = atomic_load_explicit(&carrying->unrecorded, memory_order_relaxed);
    for (uint32_t what = 0; each && what < CARRY_COUNTS_COUNT; what++) {
        if (bpf_map_lookup_elem(carrying->counts, &what, each) != 0)
            continue;
        for (int core = 0; core < cores; core++)
            counts[what] += each[core];
    }
    free(each);
}
