/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.c - see machine.h. */
#include "bridge/doctor/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/socket.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "bridge/base/netns.h"
#include "bridge/bpf/steering.h"
#include "bridge/sides/redirect.h"
#include "bridge/sides/tap.h"

/* The first line of a small file of the kernel's, without its end; "" where there is none. */
static const char *first_line(const char *path, char line[128])
{
    FILE *file = fopen(path, "re");

    line[0] = '\0';
    if (!file)
        return line;
    if (!fgets(line, 128, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fclose(file);
    return line;
}

static bool reads(const char *path, const char *value)
{
    char line[128];

    return strcmp(first_line(path, line), value) == 0;
}

/* --- privileges ------------------------------------------------------------------------------ */

/* What follows `name` in /proc/self/status, as a number of this base. */
static unsigned long long of_status(const char *name, int base)
{
    char line[256];
    unsigned long long value = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, base);
    if (file)
        fclose(file);
    return value;
}

/* The daemon drops all of them once it has started. */
static void check_privileges(struct findings *findings)
{
    static const struct {
        unsigned bit; /* capabilities(7) */
        const char *name;
    } needed[] = {{12, "CAP_NET_ADMIN"}, {13, "CAP_NET_RAW"}, {21, "CAP_SYS_ADMIN"}};
    const unsigned long long had = of_status("CapEff:", 16);
    char missing[64] = "";

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!(had >> needed[i].bit & 1))
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                     missing[0] ? ", " : "", needed[i].name);
    if (!missing[0]) {
        findings_add(findings, FINDING_OK, "privileges", "all that the start needs are there");
        return;
    }
    findings_add(findings, FINDING_WRONG, "privileges", "missing: %s", missing);
    findings_remedy(findings, "run as root; in a container, --cap-add these");
}

/* --- io_uring -------------------------------------------------------------------------------- */

static void explain_io_uring(struct findings *findings, int reason)
{
    const bool forbidden = reason == EPERM || reason == EACCES;

    findings_add(findings, FINDING_WRONG, "io_uring", "the kernel gives us no ring: %s",
                 strerror(reason));
    if (reason == ENOSYS && of_status("Seccomp:", 10) == 0)
        findings_remedy(findings, "a kernel with CONFIG_IO_URING, Linux 6.1 or newer");
    else if (forbidden && !reads("/proc/sys/kernel/io_uring_disabled", "0") &&
             access("/proc/sys/kernel/io_uring_disabled", F_OK) == 0)
        findings_remedy(findings, "sysctl -w kernel.io_uring_disabled=0");
    else if (of_status("Seccomp:", 10) != 0)
        findings_remedy(findings, "a seccomp filter, perhaps the container's, forbids it: give a "
                                  "profile that allows io_uring_setup, io_uring_enter and "
                                  "io_uring_register (--security-opt seccomp=FILE)");
    else if (reason == ENOMEM)
        findings_remedy(findings, "ulimit -l unlimited");
}

static void check_io_uring(struct findings *findings)
{
    struct io_uring ring;
    const int code = io_uring_queue_init(8, &ring, 0);

    if (code < 0) {
        explain_io_uring(findings, -code);
        return;
    }
    io_uring_queue_exit(&ring);
    findings_add(findings, FINDING_OK, "io_uring", "rings can be made");
}

/* --- TAPs and tc, in a namespace of our own -------------------------------------------------- */

/* A file of the program that puts frames into queues; -1: none. */
static int check_steering(struct findings *findings)
{
    struct error error = {0};
    const int program = steering_load(1, 0, &error);

    if (program >= 0) {
        findings_add(findings, FINDING_OK, "bpf", "the kernel takes our programs");
        return program;
    }
    findings_add(findings, FINDING_NOTE, "bpf", "TAPs have one queue: %s", error.text);
    findings_remedy(findings, "run as root, on a kernel with CONFIG_BPF_SYSCALL; in a container, "
                              "--cap-add BPF,NET_ADMIN");
    return -1;
}

static bool make_tap(struct findings *findings, struct tap *tap, const struct side_spec *side,
                     int program)
{
    struct error error = {0};

    if (tap_open(tap, side, program >= 0 ? STEER_QUEUES : 1, program, &error))
        return true;
    findings_add(findings, FINDING_WRONG, "tun", "%s", error.text);
    findings_remedy(findings, "modprobe tun; in a container, --device /dev/net/tun");
    return false;
}

static void check_tc(struct findings *findings, const char *from, const char *to)
{
    struct nl_sock *socket = nl_socket_alloc();
    int code = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

    if (code == 0)
        code = redirect_add(socket, (int)if_nametoindex(from), (int)if_nametoindex(to), 1);
    nl_socket_free(socket);
    if (code == 0) {
        findings_add(findings, FINDING_OK, "tc", "ports can be joined");
        return;
    }
    findings_add(findings, FINDING_NOTE, "tc",
                 "no port: side can be had, the kernel takes clsact, u32, mirred or bpf not: %s",
                 nl_geterror(code));
    findings_remedy(findings, "modprobe -a sch_ingress cls_u32 act_mirred cls_bpf");
}

static void check_inside(struct findings *findings)
{
    const struct side_spec sides[] = {{.text = "tap:doctor0", .device = "doctor0"},
                                      {.text = "tap:doctor1", .device = "doctor1"}};
    struct tap taps[2];
    const int program = check_steering(findings);

    if (make_tap(findings, &taps[0], &sides[0], program)) {
        if (make_tap(findings, &taps[1], &sides[1], program)) {
            findings_add(findings, FINDING_OK, "tun", "TAPs can be made");
            check_tc(findings, sides[0].device, sides[1].device);
            tap_close(&taps[1]);
        }
        tap_close(&taps[0]);
    }
    if (program >= 0)
        close(program);
}

static void check_interfaces(struct findings *findings)
{
    struct netns_return back = {.fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};

    if (back.fd >= 0 && unshare(CLONE_NEWNET) == 0) {
        check_inside(findings);
        netns_leave(&back);
        return;
    }
    findings_add(findings, FINDING_WRONG, "tun",
                 "TAPs and tc are not tried: no namespace for it: %s", strerror(errno));
    findings_remedy(findings, "run as root; in a container, --cap-add SYS_ADMIN");
    if (back.fd >= 0)
        close(back.fd);
}

/* --- what makes it slower, or strange -------------------------------------------------------- */

static void check_kernel(struct findings *findings)
{
    if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) {
        findings_add(findings, FINDING_OK, "btf", "the kernel describes its types");
    } else {
        findings_add(findings, FINDING_NOTE, "btf", "no /sys/kernel/btf/vmlinux");
        findings_remedy(findings, "a kernel with CONFIG_DEBUG_INFO_BTF; --kernel-path may need it");
    }
    if (reads("/proc/sys/net/core/bpf_jit_enable", "0")) {
        findings_add(findings, FINDING_NOTE, "jit",
                     "BPF programs are interpreted, which is several times slower");
        findings_remedy(findings, "sysctl -w net.core.bpf_jit_enable=1");
    } else {
        findings_add(findings, FINDING_OK, "jit", "BPF programs are compiled");
    }
}

static void check_bridge_filter(struct findings *findings)
{
    if (!reads("/proc/sys/net/bridge/bridge-nf-call-iptables", "1") &&
        !reads("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "1")) {
        findings_add(findings, FINDING_OK, "br_netfilter", "bridges ask no firewall of the host");
        return;
    }
    findings_add(findings, FINDING_NOTE, "br_netfilter",
                 "frames of this machine's bridges pass its iptables and connection tracking, "
                 "which floods fill");
    findings_remedy(findings, "sysctl -w net.bridge.bridge-nf-call-iptables=0 "
                              "net.bridge.bridge-nf-call-ip6tables=0");
}

/* Cookies go by the monotonic clock: only those who read the log suffer. */
static void check_clock(struct findings *findings)
{
    struct timex clock = {.modes = 0};
    const int state = adjtimex(&clock);

    if (state != TIME_ERROR && !(clock.status & STA_UNSYNC)) {
        findings_add(findings, FINDING_OK, "clock", "synchronised");
        return;
    }
    findings_add(findings, FINDING_NOTE, "clock",
                 "not synchronised: times in the log, the store and between machines are off");
    findings_remedy(findings, "timedatectl set-ntp true");
}

void doctor_machine(struct findings *findings)
{
    findings->subject = NULL;
    check_privileges(findings);
    check_interfaces(findings);
    check_io_uring(findings); /* behind what loads programs: a ring that goes interrupts that */
    check_kernel(findings);
    check_bridge_filter(findings);
    check_clock(findings);
}
