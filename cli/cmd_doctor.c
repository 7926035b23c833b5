/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_doctor.c - `synward doctor`: checks with their remedies, before anything is attached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/showable.h"
#include "bridge/doctor/attach.h"
#include "bridge/doctor/findings.h"
#include "bridge/doctor/machine.h"
#include "bridge/text/config.h"
#include "cli/cmd.h"
#include "cli/cmd_run_options.h"
#include "cli/doctor_cluster.h"
#include "cli/output.h"
#include "cli/password_file.h"

static void print_finding(const struct finding *finding)
{
    char line[FINDING_TEXT_BYTES + FINDING_REMEDY_BYTES];

    snprintf(line, sizeof(line), "%-5s  %s%s%s: %s", finding_level_name(finding->level),
             finding->subject ? finding->subject : "", finding->subject ? " " : "", finding->check,
             finding->text);
    showable_line(line);
    puts(line);
    if (!finding->remedy[0])
        return;
    snprintf(line, sizeof(line), "       > %s", finding->remedy);
    showable_line(line);
    puts(line);
}

static struct json_object *finding_to_json(const struct finding *finding)
{
    struct json_object *object = output_alloc(json_object_new_object());

    json_object_object_add(object, "level",
                           json_object_new_string(finding_level_name(finding->level)));
    json_object_object_add(object, "check", json_object_new_string(finding->check));
    if (finding->subject)
        json_object_object_add(object, "side", json_object_new_string(finding->subject));
    json_object_object_add(object, "text", json_object_new_string(finding->text));
    if (finding->remedy[0])
        json_object_object_add(object, "remedy", json_object_new_string(finding->remedy));
    return object;
}

static void print_json(const struct findings *findings)
{
    struct json_object *document = output_alloc(json_object_new_object());
    struct json_object *array = output_alloc(json_object_new_array());

    for (size_t i = 0; i < findings->count; i++)
        json_object_array_add(array, finding_to_json(&findings->all[i]));
    json_object_object_add(document, "findings", array);
    json_object_object_add(document, "notes",
                           json_object_new_uint64(findings_of(findings, FINDING_NOTE)));
    json_object_object_add(document, "wrong",
                           json_object_new_uint64(findings_of(findings, FINDING_WRONG)));
    output_json(document);
    json_object_put(document);
}

/* The parent of a process; 0: none that we may know of. */
static int parent_of(int pid)
{
    char path[64], line[256];
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    while (file && parent == 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, "PPid:", 5) == 0)
            parent = (int)strtol(line + 5, NULL, 10);
    if (file)
        fclose(file);
    return parent;
}

/* Of one process, in `found`. */
static bool environment_has(int pid, char found[256])
{
    const char *wanted = "SSH_CONNECTION=";
    char path[64], *entry = NULL;
    size_t room = 0;
    bool has = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    file = fopen(path, "re");
    while (file && !has && getdelim(&entry, &room, '\0', file) > 0)
        if (strncmp(entry, wanted, strlen(wanted)) == 0)
            has = snprintf(found, 256, "%s", entry + strlen(wanted)) > 0;
    free(entry);
    if (file)
        fclose(file);
    return has;
}

/* sudo does not hand it on: whoever started it had it. */
static const char *ssh_connection(char found[256])
{
    const char *own = getenv("SSH_CONNECTION");

    for (int pid = getppid(); !own && pid > 1; pid = parent_of(pid))
        if (environment_has(pid, found))
            return found;
    return own;
}

static bool examine(const struct arguments *arguments, const struct config *config,
                    const struct cluster_patient *cluster, struct findings *findings,
                    struct error *error)
{
    const char *inlined = run_options_inline(arguments, config);
    const char *sides[2] = {
        option_given(arguments, OPTION_CLIENT) ? arguments->value[OPTION_CLIENT] : config->client,
        option_given(arguments, OPTION_SERVER) ? arguments->value[OPTION_SERVER] : config->server};
    char ssh[256], both[2][INLINED_BYTES];
    size_t wrong;

    if (inlined) {
        run_options_both_ends(inlined, both);
        sides[0] = both[0];
        sides[1] = both[1];
    }
    doctor_machine(findings);
    doctor_sides(findings, sides, ssh_connection(ssh));
    doctor_cluster(findings, cluster);
    if (option_given(arguments, OPTION_JSON))
        print_json(findings);
    else
        for (size_t i = 0; i < findings->count; i++)
            print_finding(&findings->all[i]);
    wrong = findings_of(findings, FINDING_WRONG);
    return wrong == 0 ||
           error_set(error, EXIT_FAILED, "doctor: %zu of %zu checks found something wrong", wrong,
                     findings->count);
}

bool cmd_doctor(const struct arguments *arguments, struct error *error)
{
    struct config config = {.mode = SETTING_INHERIT};
    struct findings *findings = output_alloc(calloc(1, sizeof(*findings)));
    struct password password = {0};
    struct cluster_patient cluster;
    bool done = (!option_given(arguments, OPTION_CONFIG) ||
                 config_load(&config, arguments->value[OPTION_CONFIG], error)) &&
                password_read(arguments->value[OPTION_PASSWORD_FILE], &password, error);

    cluster = (struct cluster_patient){
        .key_file = option_given(arguments, OPTION_CLUSTER_KEY)
                        ? arguments->value[OPTION_CLUSTER_KEY]
                        : config.cluster_key,
        .redis = arguments->value[OPTION_REDIS],
        .name = arguments->value[OPTION_NAME],
        .user = password.user,
        .password = password.password,
    };
    done = done && examine(arguments, &config, &cluster, findings, error);
    password_free(&password);

    free(findings);
    config_free(&config);
    return done;
}
