/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect.c - see redirect.h.
 *
 * libnl-route knows neither clsact's two hooks by name, nor mirred to an ingress, nor the bpf
 * classifier: their messages are written here. The gate has five instructions: mirred notes in a
 * frame where it came in (skb_iif), and a frame of the host's own has come in nowhere.
 *
 * It is longer than most: who puts filters on an interface, finds them again and removes them must
 * know the same priorities, hooks and handles.
 */
#include "bridge/sides/redirect.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define OUR_PRIORITY   0x5357u /* "SW": by this our filters are known */
#define PROBE_PRIORITY (OUR_PRIORITY - 1)
/* Are asked first, in this order: what an interface that is in use has, and the kernel path. */
#define FIRST_PRIORITY  (OUR_PRIORITY - 4)
#define SHORT_PRIORITY  (OUR_PRIORITY - 3)
#define BYPASS_PRIORITY (OUR_PRIORITY - 2)
/* Are never asked: the gate says it all. */
#define HELD_PRIORITY        (OUR_PRIORITY + 1)
#define PROMISCUOUS_PRIORITY (OUR_PRIORITY + 2)
#define LEFT_PRIORITY        (OUR_PRIORITY + 3)
#define LAST_PRIORITY        LEFT_PRIORITY
#define PROGRAM_NAME         "synward"
#define ROOT_TABLE           0x800u /* what the kernel calls the first hash table of u32 */

/* ingress and clsact stand in the same place: an interface has one of them at most. */
#define QDISC_PARENT TC_H_CLSACT
#define QDISC_HANDLE TC_H_MAKE(TC_H_CLSACT, 0)
#define HOOK_INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define HOOK_EGRESS  TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

/* --- qdisc ----------------------------------------------------------------------------------- */

/* The caller gives it back with rtnl_qdisc_put(). NULL: out of memory. */
static struct rtnl_qdisc *clsact_of(int interface)
{
    struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

    if (!qdisc)
        return NULL;
    rtnl_tc_set_ifindex(TC_CAST(qdisc), interface);
    rtnl_tc_set_parent(TC_CAST(qdisc), QDISC_PARENT);
    rtnl_tc_set_handle(TC_CAST(qdisc), QDISC_HANDLE);
    rtnl_tc_set_kind(TC_CAST(qdisc), "clsact");
    return qdisc;
}

static int add_clsact(struct nl_sock *socket, int interface)
{
    struct rtnl_qdisc *qdisc = clsact_of(interface);
    int code;

    if (!qdisc)
        return -NLE_NOMEM;
    code = rtnl_qdisc_add(socket, qdisc, NLM_F_CREATE | NLM_F_EXCL);
    rtnl_qdisc_put(qdisc);
    return code;
}

int redirect_remove(struct nl_sock *socket, int interface)
{
    struct rtnl_qdisc *qdisc = clsact_of(interface);
    int code;

    if (!qdisc)
        return -NLE_NOMEM;
    code = rtnl_qdisc_delete(socket, qdisc);
    rtnl_qdisc_put(qdisc);
    return code;
}

/* --- u32 and mirred: every frame that comes in ----------------------------------------------- */

/* Where it leads, and to which of its sides: TCA_EGRESS_REDIR, TCA_INGRESS_REDIR. */
struct rule {
    int from, to;
    int side;
    uint32_t note;
};

static int fill_mirred(struct nl_msg *message, const struct rule *rule)
{
    const struct tc_mirred wanted = {
        .action = TC_ACT_STOLEN, .eaction = rule->side, .ifindex = (uint32_t)rule->to};
    struct nlattr *actions = nla_nest_start(message, TCA_U32_ACT);
    struct nlattr *first = nla_nest_start(message, 1), *options;

    if (!actions || !first || nla_put_string(message, TCA_ACT_KIND, "mirred") != 0)
        return -NLE_NOMEM;
    options = nla_nest_start(message, TCA_ACT_OPTIONS);
    if (!options || nla_put(message, TCA_MIRRED_PARMS, sizeof(wanted), &wanted) != 0)
        return -NLE_NOMEM;
    nla_nest_end(message, options);
    nla_nest_end(message, first);
    return nla_nest_end(message, actions);
}

/* A u32 filter with one key that every frame fits: nothing compared with nothing. */
static int fill_rule(struct nl_msg *message, const struct rule *rule)
{
    const struct tcmsg head = {.tcm_family = AF_UNSPEC,
                               .tcm_ifindex = rule->from,
                               .tcm_parent = HOOK_INGRESS,
                               .tcm_handle = ROOT_TABLE << 20 | rule->note,
                               .tcm_info = TC_H_MAKE(OUR_PRIORITY << 16, htons(ETH_P_ALL))};
    const struct tc_u32_sel selector = {.flags = TC_U32_TERMINAL, .nkeys = 1};
    uint8_t every[sizeof(selector) + sizeof(struct tc_u32_key)] = {0};
    struct nlattr *options;

    memcpy(every, &selector, sizeof(selector));
    if (nlmsg_append(message, (void *)&head, sizeof(head), NLMSG_ALIGNTO) != 0 ||
        nla_put_string(message, TCA_KIND, "u32") != 0)
        return -NLE_NOMEM;
    options = nla_nest_start(message, TCA_OPTIONS);
    if (!options || nla_put(message, TCA_U32_SEL, sizeof(every), every) != 0 ||
        fill_mirred(message, rule) != 0)
        return -NLE_NOMEM;
    return nla_nest_end(message, options);
}

/* `instead`: it may be there, with the same note, and leads elsewhere. */
static int add_rule(struct nl_sock *socket, const struct rule *rule, bool instead)
{
    struct nl_msg *message =
        nlmsg_alloc_simple(RTM_NEWTFILTER, NLM_F_CREATE | (instead ? NLM_F_REPLACE : NLM_F_EXCL));
    const int code = !message ? -NLE_NOMEM : fill_rule(message, rule);

    if (code == 0)
        return nl_send_sync(socket, message); /* frees it */
    nlmsg_free(message);
    return code;
}

/* --- bpf: the gate, the probe ---------------------------------------------------------------- */

struct program {
    const struct bpf_insn *code;
    uint32_t instructions;
    int interface;
    uint32_t hook;
    uint32_t priority;
    uint16_t ethertype;
    uint32_t instead; /* the handle of the one that it takes the place of; 0: of none */
};

/* The verifier gives up with EAGAIN whenever the thread is to look at something: not at signals
 * only, also at a ring that it has closed and that the kernel is still taking down. */
#define LOAD_ATTEMPTS 1000

/* Returns a file, or less than 0 with errno. */
static int load(const struct program *program)
{
    const struct bpf_prog_load_opts options = {.sz = sizeof(options), .attempts = LOAD_ATTEMPTS};

    return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, PROGRAM_NAME, "GPL", program->code,
                         program->instructions, &options);
}

static int fill_bpf(struct nl_msg *message, const struct program *program, int file)
{
    struct tcmsg head = {.tcm_family = AF_UNSPEC,
                         .tcm_ifindex = program->interface,
                         .tcm_parent = program->hook,
                         .tcm_handle = program->instead,
                         .tcm_info = TC_H_MAKE(program->priority << 16, htons(program->ethertype))};
    struct nlattr *options;

    if (nlmsg_append(message, &head, sizeof(head), NLMSG_ALIGNTO) != 0 ||
        nla_put_string(message, TCA_KIND, "bpf") != 0)
        return -NLE_NOMEM;
    options = nla_nest_start(message, TCA_OPTIONS);
    if (!options || nla_put_u32(message, TCA_BPF_FD, (uint32_t)file) != 0 ||
        nla_put_string(message, TCA_BPF_NAME, PROGRAM_NAME) != 0 ||
        nla_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT) != 0)
        return -NLE_NOMEM;
    return nla_nest_end(message, options);
}

/* `file` stays the caller's. */
static int add_file(struct nl_sock *socket, const struct program *program, int file)
{
    struct nl_msg *message;
    int code;

    message = nlmsg_alloc_simple(RTM_NEWTFILTER,
                                 NLM_F_CREATE | (program->instead ? NLM_F_REPLACE : NLM_F_EXCL));
    code = !message ? -NLE_NOMEM : fill_bpf(message, program, file);
    if (code == 0)
        code = nl_send_sync(socket, message); /* frees it */
    else
        nlmsg_free(message);
    return code;
}

static int add_program(struct nl_sock *socket, const struct program *program)
{
    const int file = load(program);
    int code;

    if (file < 0)
        return -nl_syserr2nlerr(errno);
    code = add_file(socket, program, file);
    close(file);
    return code;
}

/* Out of its interface goes what came in at one of `from`; `otherwise`: what becomes of the rest.
 */
static int add_exit(struct nl_sock *socket, const struct program *at, const int from[2],
                    int otherwise)
{
    const struct bpf_insn code[] = {
        {.code = BPF_LDX | BPF_MEM | BPF_W,
         .dst_reg = BPF_REG_2,
         .src_reg = BPF_REG_1,
         .off = offsetof(struct __sk_buff, ingress_ifindex)},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = 2, .imm = from[0]},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = 1, .imm = from[1]},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = otherwise},
        {.code = BPF_JMP | BPF_EXIT},
    };
    struct program gate = *at;

    gate.code = code;
    gate.instructions = sizeof(code) / sizeof(code[0]);
    gate.hook = HOOK_EGRESS;
    gate.ethertype = ETH_P_ALL;
    return add_program(socket, &gate);
}

/* Nothing else goes out. The first of a priority has the handle 1. */
static int add_gate(struct nl_sock *socket, int interface, int from, bool instead)
{
    const struct program at = {
        .interface = interface, .priority = OUR_PRIORITY, .instead = instead ? 1 : 0};

    return add_exit(socket, &at, (const int[]){from, from}, TC_ACT_SHOT);
}

/* mirred could do it, but libnl 3.7 refuses the redirect to an ingress. */
int redirect_add_probe(struct nl_sock *socket, int from, int to, uint16_t ethertype)
{
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = to},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = BPF_F_INGRESS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
        {.code = BPF_JMP | BPF_EXIT},
    };
    const struct program probe = {.code = code,
                                  .instructions = sizeof(code) / sizeof(code[0]),
                                  .interface = from,
                                  .hook = HOOK_INGRESS,
                                  .priority = PROBE_PRIORITY,
                                  .ethertype = ethertype};

    return add_program(socket, &probe);
}

/* What we put at this priority, or somebody has who was killed: his gives way to ours at one
 * stroke, and no frame finds neither. The first of a priority has the handle 1. */
static struct program instead_at(int interface, uint32_t hook, uint32_t priority)
{
    return (struct program){.interface = interface,
                            .hook = hook,
                            .priority = priority,
                            .ethertype = ETH_P_ALL,
                            .instead = 1};
}

/* It stands in front of the other gate: it lets out what the program of `other` has sent, and what
 * the one here has answered, and leaves it the rest. */
static int add_gate_at(struct nl_sock *socket, int interface, int other, uint32_t priority)
{
    const struct program gate = instead_at(interface, HOOK_EGRESS, priority);

    return add_exit(socket, &gate, (const int[]){other, interface}, TC_ACT_UNSPEC);
}

static int add_program_at(struct nl_sock *socket, int interface, int program_fd, uint32_t priority)
{
    const struct program program = instead_at(interface, HOOK_INGRESS, priority);

    return add_file(socket, &program, program_fd);
}

int redirect_add_first(struct nl_sock *socket, int interface, enum redirect_way way,
                       const struct bpf_insn *code, uint32_t instructions)
{
    const struct program first = {.code = code,
                                  .instructions = instructions,
                                  .interface = interface,
                                  .hook = way == REDIRECT_IN ? HOOK_INGRESS : HOOK_EGRESS,
                                  .priority = FIRST_PRIORITY,
                                  .ethertype = ETH_P_ALL};

    return add_program(socket, &first);
}

/* All filters of one priority. */
static int remove_filters(struct nl_sock *socket, const struct program *of)
{
    struct rtnl_cls *filter = rtnl_cls_alloc();
    int code;

    if (!filter)
        return -NLE_NOMEM;
    rtnl_tc_set_ifindex(TC_CAST(filter), of->interface);
    rtnl_tc_set_parent(TC_CAST(filter), of->hook);
    rtnl_cls_set_prio(filter, (uint16_t)of->priority);
    rtnl_cls_set_protocol(filter, of->ethertype);
    code = rtnl_cls_delete(socket, filter, 0);
    rtnl_cls_put(filter);
    return code;
}

int redirect_remove_probe(struct nl_sock *socket, int from, uint16_t ethertype)
{
    const struct program probe = {.interface = from,
                                  .hook = HOOK_INGRESS,
                                  .priority = PROBE_PRIORITY,
                                  .ethertype = ethertype};

    return remove_filters(socket, &probe);
}

/* What add_at() has put there, if anything. */
static void remove_at(struct nl_sock *socket, int interface, uint32_t priority)
{
    struct program program = {
        .interface = interface, .hook = HOOK_INGRESS, .priority = priority, .ethertype = ETH_P_ALL};

    remove_filters(socket, &program);
    program.hook = HOOK_EGRESS;
    remove_filters(socket, &program);
}

void redirect_remove_past(struct nl_sock *socket, int interface, bool shortened, bool bypassed)
{
    if (!shortened)
        remove_at(socket, interface, SHORT_PRIORITY);
    if (!bypassed)
        remove_at(socket, interface, BYPASS_PRIORITY);
}

int redirect_add_short_gate(struct nl_sock *socket, int interface, int other)
{
    return add_gate_at(socket, interface, other, SHORT_PRIORITY);
}

int redirect_add_short(struct nl_sock *socket, int interface, int program_fd)
{
    return add_program_at(socket, interface, program_fd, SHORT_PRIORITY);
}

int redirect_add_bypass_gate(struct nl_sock *socket, int interface, int other)
{
    return add_gate_at(socket, interface, other, BYPASS_PRIORITY);
}

int redirect_add_bypass(struct nl_sock *socket, int interface, int program_fd)
{
    return add_program_at(socket, interface, program_fd, BYPASS_PRIORITY);
}

static uint32_t priority_of(uint32_t mark)
{
    return mark == REDIRECT_HELD          ? HELD_PRIORITY
           : mark == REDIRECT_PROMISCUOUS ? PROMISCUOUS_PRIORITY
                                          : LEFT_PRIORITY;
}

static uint32_t mark_of(uint32_t priority)
{
    return priority == HELD_PRIORITY          ? REDIRECT_HELD
           : priority == PROMISCUOUS_PRIORITY ? REDIRECT_PROMISCUOUS
           : priority == LEFT_PRIORITY        ? REDIRECT_LEFT
                                              : 0;
}

/* A program that nothing comes to. */
int redirect_mark(struct nl_sock *socket, int interface, uint32_t mark, bool marked)
{
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
        {.code = BPF_JMP | BPF_EXIT},
    };
    const struct program program = {.code = code,
                                    .instructions = sizeof(code) / sizeof(code[0]),
                                    .interface = interface,
                                    .hook = HOOK_EGRESS,
                                    .priority = priority_of(mark),
                                    .ethertype = ETH_P_ALL};
    const int removed = remove_filters(socket, &program);

    if (marked)
        return add_program(socket, &program);
    return removed == -NLE_OBJ_NOTFOUND ? 0 : removed;
}

int redirect_leave(struct nl_sock *socket, int interface)
{
    redirect_remove_past(socket, interface, false, false);
    redirect_mark(socket, interface, REDIRECT_HELD, false);
    redirect_mark(socket, interface, REDIRECT_PROMISCUOUS, false);
    return redirect_mark(socket, interface, REDIRECT_LEFT, true);
}

/* --- both ------------------------------------------------------------------------------------ */

int redirect_add(struct nl_sock *socket, int from, int to, uint32_t note)
{
    const int code = redirect_begin(socket, from);

    return code == 0 ? redirect_end(socket, from, to, note) : code;
}

int redirect_begin(struct nl_sock *socket, int from)
{
    return add_clsact(socket, from);
}

int redirect_end(struct nl_sock *socket, int from, int to, uint32_t note)
{
    int code = add_gate(socket, from, to, false);

    if (code == 0)
        code = add_rule(socket, &(struct rule){from, to, TCA_EGRESS_REDIR, note}, false);
    if (code != 0)
        redirect_remove(socket, from);
    return code;
}

bool redirect_renew(struct nl_sock *socket, int from, int to, uint32_t note)
{
    const struct rule rule = {from, to, TCA_EGRESS_REDIR, note};
    bool whole = false;

    if (add_gate(socket, from, to, true) != 0 || add_rule(socket, &rule, true) != 0 ||
        redirect_whole(socket, from, to, &whole) != 0 || !whole)
        return false;
    redirect_mark(socket, from, REDIRECT_HELD, false);
    redirect_mark(socket, from, REDIRECT_LEFT, false);
    return true;
}

int redirect_end_inwards(struct nl_sock *socket, int from, int to, uint32_t note)
{
    return add_rule(socket, &(struct rule){from, to, TCA_INGRESS_REDIR, note}, false);
}

/* --- what is there --------------------------------------------------------------------------- */

/* The index of the interface that this filter leads to; 0: to none, or to one that is gone. */
static uint32_t leads_to(struct rtnl_cls *filter)
{
    const char *kind = rtnl_tc_get_kind(TC_CAST(filter));
    struct rtnl_act *action = kind && strcmp(kind, "u32") == 0 ? rtnl_u32_get_action(filter) : NULL;
    const char *action_kind;

    if (!action)
        return 0;
    /* The filter keeps its action: what libnl gives here is no reference. */
    action_kind = rtnl_tc_get_kind(TC_CAST(action));
    return action_kind && strcmp(action_kind, "mirred") == 0 ? rtnl_mirred_get_ifindex(action) : 0;
}

struct finding {
    unsigned ours, others;
    uint32_t marks;
    unsigned gates, firsts;
    uint32_t target, note;
};

static bool is_ours(uint32_t priority)
{
    return priority >= FIRST_PRIORITY && priority <= LAST_PRIORITY;
}

static int look_at_hook(struct nl_sock *socket, int interface, uint32_t hook,
                        struct finding *finding)
{
    struct nl_cache *filters = NULL;
    const int code = rtnl_cls_alloc_cache(socket, interface, hook, &filters);

    if (code != 0)
        return code;
    for (struct nl_object *object = nl_cache_get_first(filters); object;
         object = nl_cache_get_next(object)) {
        struct rtnl_cls *filter = (struct rtnl_cls *)object;
        const uint16_t priority = rtnl_cls_get_prio(filter);
        const uint32_t target = leads_to(filter), handle = rtnl_tc_get_handle(TC_CAST(filter));

        if (is_ours(priority))
            finding->ours++;
        else
            finding->others++;
        finding->marks |= mark_of(priority);
        if (hook == HOOK_EGRESS && priority == OUR_PRIORITY)
            finding->gates++;
        /* Each priority has a head without a handle, too. */
        finding->firsts += priority == FIRST_PRIORITY && handle != 0;
        if (target != 0 && priority == OUR_PRIORITY)
            finding->target = target;
        if (hook == HOOK_INGRESS && priority == OUR_PRIORITY && (handle & REDIRECT_NOTE_MAX) != 0)
            finding->note = handle & REDIRECT_NOTE_MAX;
    }
    nl_cache_free(filters);
    return 0;
}

/* `*clsact`: it is one that may be ours. */
static int find_qdisc(struct nl_sock *socket, int interface, bool *found, bool *clsact)
{
    struct nl_cache *qdiscs = NULL;
    const int code = rtnl_qdisc_alloc_cache(socket, &qdiscs);
    struct rtnl_qdisc *qdisc;

    if (code != 0)
        return code;
    qdisc = rtnl_qdisc_get_by_parent(qdiscs, interface, QDISC_PARENT);
    *found = qdisc;
    *clsact = qdisc && strcmp(rtnl_tc_get_kind(TC_CAST(qdisc)), "clsact") == 0;
    if (qdisc)
        rtnl_qdisc_put(qdisc);
    nl_cache_free(qdiscs);
    return 0;
}

static int look_at(struct nl_sock *socket, int interface, bool *found, struct finding *finding)
{
    bool clsact = false;
    int code = find_qdisc(socket, interface, found, &clsact);

    if (code == 0 && clsact)
        code = look_at_hook(socket, interface, HOOK_INGRESS, finding);
    if (code == 0 && clsact)
        code = look_at_hook(socket, interface, HOOK_EGRESS, finding);
    return code;
}

int redirect_remove_beside(struct nl_sock *socket, int interface, uint16_t probe_ethertype,
                           enum redirect_owner *owner)
{
    struct finding finding = {0};
    bool found;
    const struct program ours[] = {
        {.hook = HOOK_EGRESS, .priority = OUR_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = SHORT_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = BYPASS_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = HELD_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = PROMISCUOUS_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = LEFT_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_INGRESS, .priority = BYPASS_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_INGRESS, .priority = SHORT_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_EGRESS, .priority = FIRST_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_INGRESS, .priority = FIRST_PRIORITY, .ethertype = ETH_P_ALL},
        {.hook = HOOK_INGRESS, .priority = PROBE_PRIORITY, .ethertype = probe_ethertype},
        {.hook = HOOK_INGRESS, .priority = OUR_PRIORITY, .ethertype = ETH_P_ALL},
    };
    int code = look_at(socket, interface, &found, &finding);

    *owner = finding.ours == 0 ? REDIRECT_NONE : finding.target ? REDIRECT_ALIVE : REDIRECT_DEAD;
    for (size_t i = 0; code == 0 && *owner == REDIRECT_DEAD && i < sizeof(ours) / sizeof(ours[0]);
         i++) {
        struct program one = ours[i];

        one.interface = interface;
        code = remove_filters(socket, &one);
        if (code == -NLE_OBJ_NOTFOUND)
            code = 0;
    }
    return code;
}

int redirect_whole(struct nl_sock *socket, int from, int to, bool *whole)
{
    struct finding finding = {0};
    bool found = false;
    const int code = look_at(socket, from, &found, &finding);

    *whole = found && finding.gates > 0 && finding.target == (uint32_t)to;
    return code;
}

bool redirect_is_anothers(struct nl_sock *socket, int from, int to)
{
    struct finding finding = {0};
    bool found = false;

    return look_at(socket, from, &found, &finding) == 0 && found && finding.ours > 0 &&
           finding.target != 0 && finding.target != (uint32_t)to;
}

int redirect_firsts_whole(struct nl_sock *socket, int from, int to, bool *whole)
{
    struct finding finding = {0};
    bool found = false;
    const int code = look_at(socket, from, &found, &finding);

    *whole = found && finding.firsts == 2 && finding.target == (uint32_t)to;
    return code;
}

int redirect_look(struct nl_sock *socket, int interface, enum redirect_owner *owner, uint32_t *note)
{
    struct finding finding = {0};
    bool found = false;
    const int code = look_at(socket, interface, &found, &finding);

    if (code != 0)
        return code;
    *note = finding.note | finding.marks;
    if (!found)
        *owner = REDIRECT_NONE;
    else if (finding.ours == 0 || finding.others != 0)
        *owner = REDIRECT_FOREIGN;
    else
        *owner = finding.target != 0 ? REDIRECT_ALIVE : REDIRECT_DEAD;
    return 0;
}

bool redirect_is_empty(struct nl_sock *socket, int interface)
{
    struct finding finding = {0};
    bool found = false;

    return look_at(socket, interface, &found, &finding) == 0 && found &&
           finding.ours + finding.others == 0;
}
