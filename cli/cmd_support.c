/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_support.c - `synward support FILE.tar.gz`: what a bug report needs, in one file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/control/protocol.h"
#include "cli/archive_file.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/redact.h"
#include "engine/version.h"

#define PROGRAM_BYTES_MAX (8u * 1024 * 1024) /* of what a program prints; the rest is left out */
#define JSON_TEXT         (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Asked of the daemon, each a file NAME.json. */
static const char *const questions[] = {"status", "stats", "profiles", "sources"};
#define QUESTIONS_COUNT (sizeof(questions) / sizeof(questions[0]))

/* Asked of the system, each a file. */
static const struct {
    const char *file, *argv[12];
} programs[] = {
    {"links.txt", {"ip", "-details", "-statistics", "link", "show"}},
    {"log.txt",
     {"journalctl", "--quiet", "--no-pager", "--no-hostname", "--output=short-iso", "--lines=5000",
      "--unit=synward@*.service"}},
};

struct report {
    struct archive_file *file;
    struct redaction *redaction; /* NULL: everything stays as it is */
};

static void add_text(const struct report *report, const char *name, const char *text)
{
    char *redacted = report->redaction ? redact_text(report->redaction, text) : NULL;

    archive_file_add(report->file, name, redacted ? redacted : text);
    free(redacted);
}

/* What the program prints on stdout and stderr, or that it does not run. The caller frees it. */
static char *said_by(const char *const argv[])
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    char *text = output_alloc(calloc(1, PROGRAM_BYTES_MAX + 1));
    int pipe_ends[2], failed;
    size_t used = 0;
    char *const *words;
    ssize_t bytes;
    pid_t pid;

    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        return text;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    memcpy(&words, &argv, sizeof(words)); /* which it does not change */
    failed = posix_spawnp(&pid, argv[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    if (failed)
        snprintf(text, PROGRAM_BYTES_MAX, "%s: %s\n", argv[0], strerror(failed));
    while (!failed && used < PROGRAM_BYTES_MAX &&
           ((bytes = read(pipe_ends[0], text + used, PROGRAM_BYTES_MAX - used)) > 0 ||
            (bytes < 0 && errno == EINTR)))
        used += bytes > 0 ? (size_t)bytes : 0;
    close(pipe_ends[0]);
    if (!failed)
        waitpid(pid, NULL, 0);
    return text;
}

static void add_versions(const struct report *report)
{
    struct error ignored = {0};
    struct utsname system;
    char *release = file_read("/etc/os-release", 1u << 16, &(size_t){0}, &ignored), *text = NULL;
    size_t bytes;
    FILE *out = output_alloc(open_memstream(&text, &bytes));

    fprintf(out, "synward %s, schema %d\n", SYNWARD_VERSION, SYNWARD_SCHEMA);
    if (uname(&system) == 0)
        fprintf(out, "%s %s %s %s\n", system.sysname, system.release, system.version,
                system.machine);
    fputs(release ? release : "", out);
    fclose(out);
    archive_file_add(report->file, "versions.txt", output_alloc(text));
    free(release);
    free(text);
}

/* Whose names the texts may hold: this machine, its interfaces, its namespaces. */
static void learn_machine(struct redaction *redaction)
{
    struct if_nameindex *links = if_nameindex();
    struct utsname system;
    DIR *namespaces = opendir("/run/netns");

    if (uname(&system) == 0)
        redact_name(redaction, system.nodename);
    for (size_t i = 0; links && links[i].if_name; i++)
        redact_name(redaction, links[i].if_name);
    for (struct dirent *entry; namespaces && (entry = readdir(namespaces)) != NULL;)
        if (entry->d_name[0] != '.')
            redact_name(redaction, entry->d_name);
    if (links)
        if_freenameindex(links);
    if (namespaces)
        closedir(namespaces);
}

static void add_error(const struct report *report, const char *name, const struct error *error)
{
    char line[sizeof(error->text) + 1];

    snprintf(line, sizeof(line), "%s\n", error->text);
    add_text(report, name, line);
}

/* What does not answer is said in its place. */
static void add_answers(const struct report *report, struct json_object *const answers[],
                        const struct error errors[])
{
    char name[32];

    for (size_t i = 0; i < QUESTIONS_COUNT; i++) {
        if (answers[i] && report->redaction)
            redact_document(report->redaction, answers[i]);
        snprintf(name, sizeof(name), "%s.%s", questions[i], answers[i] ? "json" : "txt");
        if (answers[i])
            archive_file_add(report->file, name,
                             json_object_to_json_string_ext(answers[i], JSON_TEXT));
        else
            add_error(report, name, &errors[i]);
    }
}

static void add_all(const struct report *report, const struct arguments *arguments)
{
    struct json_object *answers[QUESTIONS_COUNT];
    struct error errors[QUESTIONS_COUNT] = {0};
    char *text;

    for (size_t i = 0; i < QUESTIONS_COUNT; i++) {
        answers[i] = control_ask(arguments, control_request(questions[i]), &errors[i]);
        if (answers[i] && report->redaction)
            redact_learn(report->redaction, answers[i]);
    }
    if (!answers[0])
        fprintf(stderr, "synward: warning: %s; the file tells of this machine only\n",
                errors[0].text);
    add_versions(report);
    add_answers(report, answers, errors);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        text = said_by(programs[i].argv);
        add_text(report, programs[i].file, text);
        free(text);
    }
    for (size_t i = 0; i < QUESTIONS_COUNT; i++)
        json_object_put(answers[i]);
}

bool cmd_support(const struct arguments *arguments, struct error *error)
{
    struct report report = {.file = archive_file_new(command_word(arguments, 0), error)};

    if (!report.file)
        return false;
    if (option_given(arguments, OPTION_REDACT)) {
        report.redaction = redaction_new();
        learn_machine(report.redaction);
    }
    add_all(&report, arguments);
    if (report.redaction)
        redaction_free(report.redaction);
    return archive_file_end(report.file, error);
}
