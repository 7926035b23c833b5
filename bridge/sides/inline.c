/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inline.c - see inline.h.
 *
 * A frame that mirred sends to an ingress is received there at once, within the write that brought
 * it, and for whom it is has been told by then, as it came out of the host's TAP: so that TAP has
 * the port's MAC.
 */
#include "bridge/sides/inline.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bridge/sides/redirect.h"

#define MARK           0x53594e57 /* "SYNW" */
#define COUNT_OF(all)  (sizeof(all) / sizeof((all)[0]))
#define CONTEXT(field) offsetof(struct __sk_buff, field)

/* R2 = the field of the frame in R1. */
#define LOAD(field)                                                                                \
    {                                                                                              \
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,             \
        .off = CONTEXT(field)                                                                      \
    }
#define SET(reg, value)                                                                            \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value)                      \
    }
/* The mark of the frame in R1; R3 is lost. */
#define SET_MARK(value)                                                                            \
    SET(BPF_REG_3, value),                                                                         \
    {                                                                                              \
        .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_3,             \
        .off = CONTEXT(mark)                                                                       \
    }
/* Where R2 is (not) the value so many instructions are passed over. */
#define SKIP_IF(value, count)                                                                      \
    {                                                                                              \
        .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = (count), .imm = (value)    \
    }
#define SKIP_UNLESS(value, count)                                                                  \
    {                                                                                              \
        .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2, .off = (count), .imm = (value)    \
    }
#define END                                                                                        \
    {                                                                                              \
        .code = BPF_JMP | BPF_EXIT                                                                 \
    }
#define GO_TO(interface, flags)                                                                    \
    SET(BPF_REG_1, interface), SET(BPF_REG_2, flags),                                              \
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect}, END

/* --- what may be taken ----------------------------------------------------------------------- */

bool inline_tap(const struct link *link, const struct side_spec *side, struct side_spec *tap,
                struct error *error)
{
    struct link_state state;

    if (!link_look(link, &state, error))
        return false;
    *tap = *side;
    snprintf(tap->device, sizeof(tap->device), "synwin%d", state.index);
    return true;
}

/* What sends all that is for one interface out of another, or half of it. */
static bool is_of_one_wire(const struct link *link, int master)
{
    struct link_state state;

    return master == 0 || !link_look_at(link, master, &state) ||
           strcmp(state.kind, "bridge") == 0 || strcmp(state.kind, "openvswitch") == 0 ||
           strcmp(state.kind, "vrf") == 0;
}

bool inline_check(const struct link *link, const struct side_spec *side, bool servers,
                  struct error *error)
{
    struct link_state state;
    const char *device = side->device;

    if (!link_look(link, &state, error))
        return false;
    if (servers && strcmp(state.kind, "bridge") == 0)
        return error_set(error, EXIT_FAILED,
                         "side %s: %s is the bridge itself; give the member that the servers are "
                         "behind (`ip link show master %s`), or, to protect what this machine "
                         "serves on it, --client port:%s --server inline:%s",
                         side->text, device, device, device, device);
    if (is_of_one_wire(link, state.master))
        return true;
    return error_set(error, EXIT_FAILED,
                     "side %s: %s is one of several that make one wire (a bond, a team); give the "
                     "interface that they make",
                     side->text, device);
}

bool inline_carry_mac(const struct link *port, struct link *host, struct error *error)
{
    struct link_state wanted, found;

    return link_look(port, &wanted, error) && link_look(host, &found, error) &&
           (memcmp(wanted.mac, found.mac, sizeof(found.mac)) == 0 ||
            link_set_mac(host, wanted.mac, error));
}

/* --- the host's TAP -------------------------------------------------------------------------- */

/* Then they go the way of redirect_end_inwards(). */
static int mark_for_port(struct nl_sock *socket, const struct inline_ends *ends)
{
    const struct bpf_insn code[] = {SET_MARK(MARK), SET(BPF_REG_0, TC_ACT_UNSPEC), END};

    return redirect_add_first(socket, ends->host, REDIRECT_IN, code, COUNT_OF(code));
}

/* What the port's program has not sent is dropped. */
static int take_from_port(struct nl_sock *socket, const struct inline_ends *ends)
{
    const struct bpf_insn code[] = {LOAD(mark), SET(BPF_REG_0, TC_ACT_OK), SKIP_IF(MARK, 1),
                                    SET(BPF_REG_0, TC_ACT_SHOT), END};

    return redirect_add_first(socket, ends->host, REDIRECT_OUT, code, COUNT_OF(code));
}

static int open_host(struct nl_sock *socket, const struct inline_ends *ends, uint32_t note)
{
    int code;

    /* A join before this one led to an interface that is gone. */
    redirect_remove(socket, ends->host);
    code = redirect_begin(socket, ends->host);
    if (code == 0)
        code = mark_for_port(socket, ends);
    if (code == 0)
        code = take_from_port(socket, ends);
    return code == 0 ? redirect_end_inwards(socket, ends->host, ends->port, note) : code;
}

/* --- the port -------------------------------------------------------------------------------- */

/* What comes in from the wire goes the way of redirect.h. */
static int let_in(struct nl_sock *socket, const struct inline_ends *ends)
{
    const struct bpf_insn code[] = {
        LOAD(mark),  SET(BPF_REG_0, TC_ACT_UNSPEC), SKIP_UNLESS(MARK, 3),
        SET_MARK(0), SET(BPF_REG_0, TC_ACT_OK),     END};

    return redirect_add_first(socket, ends->port, REDIRECT_IN, code, COUNT_OF(code));
}

static int take_from_host(struct nl_sock *socket, const struct inline_ends *ends)
{
    const struct bpf_insn code[] = {LOAD(ingress_ifindex), SET(BPF_REG_0, TC_ACT_OK),
                                    SKIP_IF(ends->wire, 5), SET_MARK(MARK), GO_TO(ends->host, 0)};

    return redirect_add_first(socket, ends->port, REDIRECT_OUT, code, COUNT_OF(code));
}

int inline_add(struct nl_sock *socket, const struct inline_ends *ends, uint32_t note)
{
    int code = open_host(socket, ends, note);

    if (code == 0)
        code = redirect_begin(socket, ends->port);
    if (code != 0)
        return code;
    code = take_from_host(socket, ends);
    if (code == 0)
        code = let_in(socket, ends);
    if (code == 0)
        return redirect_end(socket, ends->port, ends->wire, note);
    redirect_remove(socket, ends->port);
    return code;
}

int inline_whole(struct nl_sock *socket, const struct inline_ends *ends, bool *whole)
{
    bool port = false, host = false;
    int code = redirect_firsts_whole(socket, ends->port, ends->wire, &port);

    if (code == 0)
        code = redirect_firsts_whole(socket, ends->host, ends->port, &host);
    *whole = port && host;
    return code;
}
