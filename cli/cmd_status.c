/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_status.c - `synward status`. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/server_table.h"
#include "cli/table.h"

static void print_head(struct json_object *document)
{
    char uptime[OUTPUT_DURATION_BYTES];
    struct json_object *head = json_object_object_get(document, "synward");

    output_duration(json_object_get_double(json_object_object_get(document, "uptime_s")), uptime);
    printf("synward %s, mode %s, learning %s, up %s\n", output_field(head, "version"),
           output_field(document, "mode"),
           json_object_get_boolean(json_object_object_get(document, "learning")) ? "on" : "off",
           uptime);
}

/* Where there is none. */
static const char *carrier_words(const char *carrier)
{
    return strcmp(carrier, "held") == 0 ? ", down: the other side has no carrier"
           : strcmp(carrier, "lost") == 0 || strcmp(carrier, "awaited") == 0 ? ", no carrier"
                                                                             : "";
}

static void print_side(struct table *table, const char *name, struct json_object *side)
{
    table_cell(table, "%s side", name);
    table_cell(table, "%s", output_field(side, "side"));
    table_cell(table, "device %s", output_field(side, "device"));
    if (json_object_object_get(side, "cut"))
        table_cell(table, "cut: %s", output_field(side, "cut"));
    else
        table_cell(table, "mtu %s%s", output_field(side, "mtu"),
                   carrier_words(output_field(side, "carrier")));
}

/* Where somebody would not see that the other side has none, and did not ask for that. */
static void print_untold(struct json_object *side)
{
    struct json_object *why = json_object_object_get(side, "untold");

    if (why && strcmp(json_object_get_string(why), "as asked for") != 0)
        printf("carrier: a loss is not mirrored to %s: %s\n", output_field(side, "side"),
               json_object_get_string(why));
}

static void print_sides(struct json_object *sides)
{
    static const struct table_column columns[] = {
        {NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}};
    struct table *table = table_new(4, columns);

    print_side(table, "client", json_object_object_get(sides, "client"));
    print_side(table, "server", json_object_object_get(sides, "server"));
    table_print(table, stdout, 2);
    table_free(table);
    print_untold(json_object_object_get(sides, "client"));
    print_untold(json_object_object_get(sides, "server"));
}

/* Said where it is not as one would think. */
static void print_restart(struct json_object *restart)
{
    struct json_object *cards = json_object_object_get(restart, "cards_vanish");
    const size_t count = cards ? json_object_array_length(cards) : 0;

    if (count == 0)
        return;
    fputs("restart: connections are kept, but the card", stdout);
    for (size_t i = 0; i < count; i++)
        printf("%s %s",
               i           ? " and"
               : count > 1 ? "s"
                           : "",
               json_object_get_string(json_object_array_get_idx(cards, i)));
    puts(count > 1 ? " go meanwhile, with their addresses" : " goes meanwhile, with its addresses");
}

/* What it does besides carrying, where it does not. True: something was printed before. */
static bool print_refusal(struct json_object *path, const char *why, const char *what, bool before)
{
    if (!json_object_object_get(path, why))
        return before;
    printf("%s %s: %s", before ? ";" : ", but it answers", what, output_field(path, why));
    return true;
}

/* Where it was asked for. */
static void print_path(struct json_object *path)
{
    if (!path)
        return;
    if (!json_object_get_boolean(json_object_object_get(path, "on"))) {
        printf("kernel path: off, %s\n", output_field(path, "why"));
        return;
    }
    fputs("kernel path: on", stdout);
    print_refusal(path, "completes_why", "no SYN-ACKs",
                  print_refusal(path, "answers_why", "no SYNs", false));
    puts("");
}

/* One line for each server whose connections are spliced, with the reason. */
static void print_unhooked(struct json_object *servers)
{
    const size_t count = servers ? json_object_array_length(servers) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *server = json_object_array_get_idx(servers, i);

        if (json_object_object_get(server, "no_hook"))
            printf("hook: not for %s port %s: %s\n", output_field(server, "server"),
                   output_field(server, "port"), output_field(server, "no_hook"));
    }
}

/* Where it was asked for, or the servers' namespace is known. */
static void print_hook(struct json_object *hook, struct json_object *servers)
{
    if (!hook)
        return;
    if (!json_object_get_boolean(json_object_object_get(hook, "on"))) {
        printf("hook: off, %s\n", output_field(hook, "why"));
        return;
    }
    puts("hook: on");
    print_unhooked(servers);
}

/* Where it is not as asked for, or was needed. */
static void print_dead(struct json_object *dead)
{
    struct json_object *why = dead ? json_object_object_get(dead, "why") : NULL;

    if (why)
        printf("when dead: the wire is cut, %s\n", json_object_get_string(why));
    if (dead && json_object_get_int64(json_object_object_get(dead, "times")) > 0)
        printf("when dead: %s; no worker was alive %s times, %s frames went by, %s were dropped\n",
               output_field(dead, "setting"), output_field(dead, "times"),
               output_field(dead, "passed"), output_field(dead, "dropped"));
}

/* An older daemon says nothing of it. */
static void print_sandbox(struct json_object *sandbox)
{
    const char *state = sandbox ? output_field(sandbox, "state") : NULL;

    if (!state)
        return;
    if (strcmp(state, "on") == 0)
        printf("sandbox: on%s\n",
               json_object_get_boolean(json_object_object_get(sandbox, "keeper"))
                   ? ""
                   : "; its keeper is gone: nothing is saved, no port joined again");
    else
        printf("sandbox: %s, %s\n", state, output_field(sandbox, "why"));
}

/* It does not hear what all others count. */
static bool are_apart(struct json_object *cluster)
{
    return json_object_get_int(json_object_object_get(cluster, "bridges")) > 1 &&
           !json_object_get_boolean(json_object_object_get(cluster, "sums"));
}

/* Where there are other bridges. */
static void print_cluster(struct json_object *cluster)
{
    if (!cluster)
        return;
    if (strcmp(output_field(cluster, "state"), "joined") == 0)
        printf("cluster: joined as %s, %s bridges live%s\n", output_field(cluster, "node"),
               output_field(cluster, "bridges"), are_apart(cluster) ? ", each acts by itself" : "");
    else if (strcmp(output_field(cluster, "state"), "unknown") == 0)
        puts("cluster: cookies are shared; `synward sync`, which shares the rest, was not heard");
    else
        printf("cluster: %s, %s\n", output_field(cluster, "state"), output_field(cluster, "why"));
    if (strcmp(output_field(cluster, "clock"), "right") != 0)
        printf("cluster: cookies are made by a time %.1f s off: wall time was stepped; a restart "
               "follows it at once\n",
               json_object_get_double(json_object_object_get(cluster, "clock_off_s")));
}

static bool print_status(const struct arguments *arguments, struct json_object *document,
                         struct error *error)
{
    if (!option_bare_table(arguments)) {
        print_head(document);
        print_sides(json_object_object_get(document, "sides"));
        print_restart(json_object_object_get(document, "restart"));
        print_path(json_object_object_get(document, "kernel_path"));
        print_hook(json_object_object_get(document, "hook"),
                   json_object_object_get(document, "servers"));
        print_dead(json_object_object_get(document, "when_dead"));
        print_sandbox(json_object_object_get(document, "sandbox"));
        print_cluster(json_object_object_get(document, "cluster"));
        putchar('\n');
    }
    if (!json_object_object_get(document, "unanswered"))
        return server_table_show(arguments, json_object_object_get(document, "servers"), error);
    if (option_bare_table(arguments))
        return error_set(error, EXIT_FAILED, "%s", output_field(document, "unanswered"));
    printf("the servers are not known: %s\n", output_field(document, "unanswered"));
    return true;
}

bool cmd_status(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, control_request("status"), print_status, error);
}
