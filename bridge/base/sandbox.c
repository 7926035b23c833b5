/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.c - see sandbox.h.
 *
 * Users and capabilities belong to threads, and libc would change them in all at once: here the
 * system is called as it is.
 */
#include "bridge/base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/filter.h"

/* Nobody gives out these numbers (systemd's table of user IDs ends before them). */
#define USERS_BEGIN 2147352576u
#define USERS       131071u
/* Where a container knows no such number: those of systemd's dynamic users. */
#define FEW_USERS_BEGIN 61184u
#define FEW_USERS       4336u

#ifdef SYS_setresuid32
#define SET_USER   SYS_setresuid32
#define SET_GROUP  SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_USER   SYS_setresuid
#define SET_GROUP  SYS_setresgid
#define SET_GROUPS SYS_setgroups
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#define CAP_BIT(capability) (1ull << (capability))
/* Interfaces, tc (NET_ADMIN); probes of a port (NET_RAW); other namespaces (SYS_ADMIN); whose a
 * socket is (SYS_PTRACE, DAC_READ_SEARCH); a store of somebody else's (the rest). */
static const uint64_t kept_by_keeper = CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) |
                                       CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SYS_PTRACE) |
                                       CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_DAC_OVERRIDE) |
                                       CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_FOWNER);

static bool missing(struct error *why, const char *what, int reason)
{
    /* What was missing first is told. */
    return (why && why->code != EXIT_DONE)
               ? false
               : error_set(why, EXIT_FAILED, "%s: %s", what, strerror(reason));
}

void sandbox_prepare(struct sandbox *sandbox, bool maps)
{
    *sandbox = (struct sandbox){.maps = maps};
    if (geteuid() == 0)
        sandbox->user = USERS_BEGIN + (uid_t)getpid() % USERS;
    tzset(); /* reads a file, once */
#ifdef SANITIZED
    error_set(&sandbox->denied, EXIT_FAILED, "this program is built with a sanitizer");
#endif
}

/* --- files ----------------------------------------------------------------------------------- */

/*
 * The root of a process may be a folder that is gone. A child that shares our root makes its own
 * folder in /proc the root, and ends: what is left is empty for ever. Threads share it, too.
 */
bool sandbox_hide_files(struct error *why)
{
    const pid_t child = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL);
    int status = 0;

    if (child == 0) {
        if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0)
            _exit(errno);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return missing(why, "it sees the file system", errno);
    return status == 0 || missing(why, "it sees the file system", WEXITSTATUS(status));
}

/* --- privileges ------------------------------------------------------------------------------ */

static bool become(uid_t user, gid_t group)
{
    return syscall(SET_GROUP, group, group, group) == 0 && syscall(SET_USER, user, user, user) == 0;
}

/* Whose death is to end us the kernel forgets when a thread's user changes. */
static bool change_user(const struct sandbox *sandbox, struct error *why)
{
    const uid_t few = FEW_USERS_BEGIN + sandbox->user % FEW_USERS;
    int death_signal = 0, reason;

    if (sandbox->user == 0)
        return true;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (syscall(SET_GROUPS, 0, NULL) == 0 &&
        (sandbox->group ? become(sandbox->user, sandbox->group)
                        : become(sandbox->user, sandbox->user) || become(few, few))) {
        if (death_signal != 0)
            prctl(PR_SET_PDEATHSIG, death_signal);
        return true;
    }
    reason = errno;
    return missing(why, "it stays root", reason);
}

static bool drop_bounding(struct error *why)
{
    bool done = true;

    for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (prctl(PR_CAPBSET_READ, capability) == 1 && prctl(PR_CAPBSET_DROP, capability) != 0)
            done = missing(why, "its bounding set stays", errno);
    return done;
}

/* Keeps of those that it has the ones in `mask`. */
static bool keep_capabilities(uint64_t mask, struct error *why)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &head, sets) != 0)
        return missing(why, "it keeps capabilities", errno);
    for (int i = 0; i < 2; i++) {
        sets[i].permitted &= (uint32_t)(mask >> (32 * i));
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, sets) == 0 || missing(why, "it keeps capabilities", errno);
}

static bool load_filter(const struct sandbox *sandbox, enum sandbox_role role, struct error *why)
{
    int reason;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return missing(why, "no_new_privs", errno);
    reason = filter_load(role, sandbox->maps);
    return reason == 0 || missing(why, "no filter of system calls", reason);
}

bool sandbox_enter(const struct sandbox *sandbox, enum sandbox_role role, struct error *why)
{
    bool done = drop_bounding(why);

    /* Both are known to others by who they are. */
    if (role != SANDBOX_KEEPER && role != SANDBOX_CONNECTOR)
        done = change_user(sandbox, why) && done;
    done = keep_capabilities(role == SANDBOX_KEEPER ? kept_by_keeper : 0, why) && done;
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        done = missing(why, "it can be dumped", errno);
    return load_filter(sandbox, role, why) && done;
}
