/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr.h - IP addresses, VLAN IDs, and the keys made of them.
 *
 * One code path for both families: an IPv4 address is kept as its IPv4-mapped IPv6 form
 * (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that keys of both families have one layout, without holes,
 * and compare with memcmp.
 *
 * Limit: two VLAN tags at most (802.1Q inside 802.1Q or 802.1ad). PCP and DEI are not part of a
 * key, so that a host that marks its ACKs with another priority than its SYNs stays one connection.
 */
#ifndef SYNWARD_ENGINE_BASE_ADDR_H
#define SYNWARD_ENGINE_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Network byte order. */
struct ip_addr {
    uint8_t bytes[16];
};

/* Set in vlan_ids.id[] where there is a tag; the low 12 bits are the VLAN ID */
#define VLAN_PRESENT 0x1000u
#define VLAN_ID_MASK 0x0fffu

/* Outer tag first; 0 where there is none. */
struct vlan_ids {
    uint16_t id[2];
};

/*
 * Beside the inner tag of a server_key, where no VLAN ID reaches: it is asked over UDP. So the keys
 * of TCP are what they were, byte for byte, and with them the cookies of all bridges.
 */
#define KEY_UDP 0x8000u

/* One protected service. Port in host byte order. */
struct server_key {
    struct ip_addr addr;
    struct vlan_ids vlan;
    uint16_t port;
};

/*
 * One connection. `client` is the host on the client side of the bridge and `server` the one on the
 * server side, whoever opened the connection. Ports in host byte order.
 */
struct flow_key {
    struct ip_addr client;
    struct ip_addr server;
    uint16_t client_port;
    uint16_t server_port;
    struct vlan_ids vlan;
};

_Static_assert(sizeof(struct server_key) == 22,
               "server_key has no padding: it is compared with memcmp");
_Static_assert(sizeof(struct flow_key) == 40,
               "flow_key has no padding: it is compared with memcmp");

#define ADDR_TEXT_BYTES 46 /* longest RFC 5952 text of an address with its terminating zero */

/* `v4` and `v6` point at 4 and 16 bytes in network byte order. Inline, as every frame that crosses
 * needs them. */
static inline struct ip_addr addr_from_v4(const uint8_t v4[4])
{
    struct ip_addr addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};

    memcpy(addr.bytes + 12, v4, 4);
    return addr;
}

static inline struct ip_addr addr_from_v6(const uint8_t v6[16])
{
    struct ip_addr addr;

    memcpy(addr.bytes, v6, sizeof(addr.bytes));
    return addr;
}

static inline bool addr_is_v4(const struct ip_addr *addr)
{
    static const struct ip_addr mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
    uint64_t head, zero;
    uint32_t tail, ones;

    memcpy(&head, addr->bytes, sizeof(head));
    memcpy(&tail, addr->bytes + 8, sizeof(tail));
    memcpy(&zero, mapped.bytes, sizeof(zero));
    memcpy(&ones, mapped.bytes + 8, sizeof(ones));
    return head == zero && tail == ones;
}

/* Writes the address as RFC 5952 text (IPv4 as dotted quad), zero terminated; returns `text`. */
char *addr_to_text(const struct ip_addr *addr, char text[ADDR_TEXT_BYTES]);
/* Reads dotted-quad or RFC 4291 text without brackets or zone. False and `addr` untouched where it
 * is neither. */
bool addr_from_text(const char *text, struct ip_addr *addr);

/* Eight bytes of a key, at any alignment. */
static inline uint64_t key_word(const void *key, size_t offset)
{
    uint64_t word;

    memcpy(&word, (const uint8_t *)key + offset, sizeof(word));
    return word;
}

/* Without a branch for each word: these run for every TCP frame. */
static inline bool server_key_equal(const struct server_key *a, const struct server_key *b)
{
    const size_t last = sizeof(*a) - 8;

    return ((key_word(a, 0) ^ key_word(b, 0)) | (key_word(a, 8) ^ key_word(b, 8)) |
            (key_word(a, last) ^ key_word(b, last))) == 0;
}

/*
 * A flow_key by words, as they lie in it: what nearly all frames have made in registers, straight
 * from the packet, and never need elsewhere.
 */
struct flow_words {
    uint64_t client[2], server[2];
    uint64_t ends; /* ports and VLAN IDs */
};

_Static_assert(sizeof(struct flow_words) == sizeof(struct flow_key), "the same by words");

static inline struct flow_words flow_key_words(const struct flow_key *key)
{
    return (struct flow_words){{key_word(key, 0), key_word(key, 8)},
                               {key_word(key, 16), key_word(key, 24)},
                               key_word(key, 32)};
}

static inline struct flow_key flow_key_of(struct flow_words words)
{
    struct flow_key key;

    memcpy(&key, &words, sizeof(key));
    return key;
}

static inline bool flow_key_is(const struct flow_key *key, struct flow_words words)
{
    return ((key_word(key, 0) ^ words.client[0]) | (key_word(key, 8) ^ words.client[1]) |
            (key_word(key, 16) ^ words.server[0]) | (key_word(key, 24) ^ words.server[1]) |
            (key_word(key, 32) ^ words.ends)) == 0;
}

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
    return flow_key_is(a, flow_key_words(b));
}

/* The second word of an IPv4 address (addr_from_v4()); the first is 0. */
static inline uint64_t addr_v4_word(const uint8_t v4[4])
{
    uint32_t word;

    memcpy(&word, v4, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (uint64_t)word << 32 | 0xffff0000u;
#else
    return 0xffff00000000u | word;
#endif
}

/* The last word of a key without VLAN tags; `client_server`: the client's port in the high half,
 * the server's in the low one. */
static inline uint64_t flow_ends_word(uint32_t client_server)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return client_server << 16 | client_server >> 16;
#else
    return (uint64_t)client_server << 32;
#endif
}

/* What one tag adds to it; `id` as in struct vlan_ids. */
static inline uint64_t vlan_ends_word(uint16_t id)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (uint64_t)id << 32;
#else
    return (uint64_t)id << 16;
#endif
}

/* The server that a flow belongs to. */
static inline struct server_key flow_key_server(const struct flow_key *key)
{
    return (struct server_key){.addr = key->server, .vlan = key->vlan, .port = key->server_port};
}

static inline bool server_key_is_udp(const struct server_key *key)
{
    return (key->vlan.id[1] & KEY_UDP) != 0;
}

/* The same address and port, asked over UDP, or over TCP. */
static inline struct server_key server_key_over(const struct server_key *key, bool udp)
{
    struct server_key other = *key;

    other.vlan.id[1] = (uint16_t)(udp ? other.vlan.id[1] | KEY_UDP : other.vlan.id[1] & ~KEY_UDP);
    return other;
}

/* High half xor low half of the product: every input bit reaches every output bit. */
#ifdef __bpf__ /* has no product of 128 bits */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t low = a0 * b0, first = a1 * b0 + (low >> 32);
    const uint64_t second = a0 * b1 + (uint32_t)first;

    return ((uint32_t)low | second << 32) ^ (a1 * b1 + (first >> 32) + (second >> 32));
}
#else
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
#endif

/* A seed as the hash of connections wants it. */
struct flow_seed {
    uint64_t first, second, odd;
};

/* Odd constants without structure, so that a seed of zero (in tests) still mixes. */
static inline struct flow_seed flow_seed_of(const uint64_t seed[2])
{
    const uint64_t second = seed[1] ^ 0xd1b54a32d192ed03u;

    return (struct flow_seed){seed[0] ^ 0x9e3779b97f4a7c15u, second, second | 1};
}

/*
 * Hash of a connection for tables (not for cookies): two 64 x 64 -> 128 bit multiplications, each
 * of words that a secret seed has covered, so that a client cannot aim at one bucket. Ports and
 * VLAN IDs share a word with the front of the client's address: a multiplication by the seed keeps
 * who can choose both (forged addresses of IPv6) from having one undo the other. Made once for each
 * TCP frame; what else is looked up of the connection goes by this hash, or by what hash_with()
 * makes of it and a number.
 */
static inline uint64_t flow_words_hash(struct flow_seed seed, struct flow_words words)
{
    const uint64_t client = words.client[0] ^ words.ends * seed.odd;

    return hash_mix(hash_mix(client ^ seed.first, words.client[1] ^ seed.second) ^ words.server[0],
                    words.server[1] ^ seed.first);
}

static inline uint64_t flow_key_hash(const uint64_t seed[2], const struct flow_key *key)
{
    return flow_words_hash(flow_seed_of(seed), flow_key_words(key));
}

/* The same for an address, or a prefix. */
static inline uint64_t addr_hash(const uint64_t seed[2], const struct ip_addr *addr)
{
    uint64_t words[2];

    memcpy(words, addr, sizeof(words));
    return hash_mix(words[0] ^ seed[0] ^ 0x9e3779b97f4a7c15u,
                    words[1] ^ seed[1] ^ 0xd1b54a32d192ed03u);
}

static inline uint64_t hash_with(uint64_t hash, uint32_t number)
{
    return hash_mix(hash ^ number, 0x9e3779b97f4a7c15u);
}

/*
 * The same kind of hash for other keys: two multiplications per 16 bytes. Cheaper than SipHash,
 * which tables do not need.
 */
uint64_t table_hash(const uint64_t seed[2], const void *data, size_t bytes);

#endif
