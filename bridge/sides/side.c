/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.c - see side.h. Names are checked as the kernel would check them, so that a typing error is
 * told before anything is made.
 */
#include "bridge/sides/side.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The kernel's dev_valid_name(): short, no '/', no ':', no white space, not "." or "..". */
static bool device_name_valid(const char *name)
{
    const size_t length = strlen(name);

    if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] == '/' || name[i] == ':' || name[i] == '%' || isspace((unsigned char)name[i]))
            return false;
    return true;
}

/* `name` has no '/' in it. */
static bool netns_name_valid(const char *name, size_t length)
{
    if (length == 0 || length > NAME_MAX)
        return false;
    return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

static bool set_device(const char *name, struct side_spec *side, struct error *error)
{
    if (!device_name_valid(name))
        return error_set(
            error, EXIT_USAGE,
            "side %s: '%s' is not an interface name (1 to %d characters, no / : %% or space)",
            side->text, name, IFNAMSIZ - 1);
    memcpy(side->device, name, strlen(name) + 1);
    return true;
}

/* `name` is that of a namespace, `form` how such a side is written. */
static bool set_netns(const char *name, size_t length, const char *form, struct side_spec *side,
                      struct error *error)
{
    if (!netns_name_valid(name, length))
        return error_set(error, EXIT_USAGE,
                         "side %s: '%.*s' is not the name of a namespace; write %s", side->text,
                         (int)length, name, form);
    memcpy(side->netns, name, length);
    side->netns[length] = '\0';
    return true;
}

static bool parse_netns(const char *name, struct side_spec *side, struct error *error)
{
    const char *slash = strchr(name, '/');

    if (!slash)
        return error_set(error, EXIT_USAGE, "side %s: no interface; write netns:NAME/IFNAME",
                         side->text);
    return set_netns(name, (size_t)(slash - name), "netns:NAME/IFNAME", side, error) &&
           set_device(slash + 1, side, error);
}

/* "if7", as `ip link` writes it behind an interface whose other end is in another namespace. */
static bool is_number_of_peer(const char *name)
{
    const size_t digits = strncmp(name, "if", 2) == 0 ? strspn(name + 2, "0123456789") : 0;

    return digits > 0 && name[2 + digits] == '\0';
}

/* `form`: how such a side is written. */
static bool parse_existing(const char *name, const char *form, struct side_spec *side,
                           struct error *error)
{
    const char *at = strchrnul(name, '@');
    char device[IFNAMSIZ + 1];

    /* One that is too long stays too long. */
    snprintf(device, sizeof(device), "%.*s", (int)(at - name), name);
    if (!set_device(device, side, error))
        return false;
    if (*at == '\0')
        return true;
    if (strchr(at, '/') != NULL)
        return error_set(error, EXIT_USAGE,
                         "side %s: '%s' is not the name of a namespace; write %s", side->text,
                         at + 1, form);
    if (is_number_of_peer(at + 1))
        return error_set(error, EXIT_USAGE,
                         "side %s: '@%s' is how `ip link` tells the other end's number, and no "
                         "namespace; write %.*s",
                         side->text, at + 1, (int)(strchr(side->text, '@') - side->text),
                         side->text);
    return set_netns(at + 1, strlen(at + 1), form, side, error);
}

static bool parse_port(const char *name, struct side_spec *side, struct error *error)
{
    side->port = true;
    return parse_existing(name, "port:IFNAME@NETNS", side, error);
}

static bool parse_host(const char *name, struct side_spec *side, struct error *error)
{
    side->host = true;
    return parse_existing(name, "inline:IFNAME@NETNS", side, error);
}

bool side_parse(const char *text, struct side_spec *side, struct error *error)
{
    memset(side, 0, sizeof(*side));
    side->text = text;
    if (strncmp(text, "tap:", 4) == 0)
        return set_device(text + 4, side, error);
    if (strncmp(text, "port:", 5) == 0)
        return parse_port(text + 5, side, error);
    if (strncmp(text, "inline:", 7) == 0)
        return parse_host(text + 7, side, error);
    if (strncmp(text, "netns:", 6) == 0)
        return parse_netns(text + 6, side, error);
    return error_set(error, EXIT_USAGE,
                     "side %s: write netns:NAME/IFNAME, tap:IFNAME, port:IFNAME[@NETNS] or "
                     "inline:IFNAME[@NETNS]",
                     text);
}

bool side_same(const struct side_spec *a, const struct side_spec *b)
{
    return strcmp(a->netns, b->netns) == 0 && strcmp(a->device, b->device) == 0;
}

bool side_pair(struct side_spec *client, struct side_spec *server, struct error *error)
{
    struct side_spec *host = client->host ? client : server,
                     *port = host == client ? server : client;

    if (!host->host && side_same(client, server))
        return error_set(error, EXIT_USAGE,
                         "both sides are %s: a bridge needs two different interfaces",
                         client->text);
    if (!host->host)
        return true;
    if (!port->port || !side_same(host, port))
        return error_set(error, EXIT_USAGE,
                         "side %s: the other side of it is port:%s, the same interface: what the "
                         "host has there is one side, the wire the other",
                         host->text, strchr(host->text, ':') + 1);
    port->in_use = true;
    return true;
}

const char *side_place(const struct side_spec *side, char text[SIDE_PLACE_BYTES])
{
    text[0] = '\0';
    if (side->netns[0] != '\0')
        snprintf(text, SIDE_PLACE_BYTES, " in namespace %s", side->netns);
    return text;
}
