/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_web.c - `synward web`: a page that shows what happens.
 *
 * All that needs a name (files, the library, the socket to listen on) is opened here; serve() gives
 * up privileges before it reads what somebody sent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/log.h"
#include "bridge/control/place.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/web/gate.h"
#include "cli/web/serve.h"

#define BACKLOG 256

struct web {
    struct gate_place place;
    struct place socket; /* where it listens, if that is a path */
    char view[PLACE_VIEW_BYTES], token[GATE_TOKEN_BYTES];
    struct signals signals;
    struct notify notify;
    struct connector connector;
    struct serve_parts parts;
};

/* --- before the start ------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text), of_end = strlen(end);

    return bytes >= of_end && strcmp(text + bytes - of_end, end) == 0;
}

/* The socket of those who only look: beside the control socket, or named itself. */
static void find_view(const char *control, char view[PLACE_VIEW_BYTES])
{
    if (ends_with(control, "/view.sock") || ends_with(control, ".view"))
        snprintf(view, PLACE_VIEW_BYTES, "%s", control);
    else
        place_of_view(control, view);
}

/* Beside the control socket. */
static bool default_place(struct web *web, struct error *error)
{
    const char *slash = strrchr(web->view, '/');
    char path[PLACE_VIEW_BYTES + 16];

    snprintf(path, sizeof(path), "%.*s/web.sock", slash ? (int)(slash - web->view) : 1,
             slash ? web->view : ".");
    return gate_read_place(path, &web->place, error);
}

/* An address needs a token: whoever is on this machine reaches it. */
static bool take_token(struct web *web, const char *path, struct error *error)
{
    if (path)
        return gate_read_token(path, web->token, error);
    if (!web->place.path[0])
        gate_make_token(web->token);
    return true;
}

static bool listen_at_path(struct web *web, struct error *error)
{
    struct error why = {0};
    const char *text;

    web->parts.fd = place_take(&web->socket, web->place.path, VIEW_GROUP, &why);
    text = strncmp(why.text, "control socket: ", 16) == 0 ? why.text + 16 : why.text;
    return web->parts.fd >= 0 ||
           error_set(error, why.code, "web: %.*s: give another --listen",
                     (int)(strstr(text, ": give another") ? strstr(text, ": give another") - text
                                                          : (long)strlen(text)),
                     text);
}

static bool listen_at_address(struct web *web, struct error *error)
{
    const struct sockaddr *address = &web->place.address.any;
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
              on = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, address, web->place.bytes) == 0 && listen(fd, BACKLOG) == 0) {
        web->parts.fd = fd;
        return true;
    }
    error_set(error, EXIT_FAILED, "web: --listen: %s: give another port", strerror(errno));
    if (fd >= 0)
        close(fd);
    return false;
}

/* Where it is to be found. A token that was made here is said nowhere else. */
static bool tell_place(const struct web *web, bool made, struct error *error)
{
    char url[GATE_URL_BYTES];

    if (web->place.path[0])
        printf("%s\nfrom elsewhere: ssh -L 8080:%s HOST, then http://127.0.0.1:8080/\n",
               web->place.path, web->place.path);
    else
        printf("%s%s%s\n", gate_url(web->parts.fd, url), made ? "#" : "", made ? web->token : "");
    return output_flush(error);
}

/* --- start and end --------------------------------------------------------------------------- */

static bool begin(struct web *web, const struct arguments *arguments, struct error *error)
{
    const char *token = arguments->value[OPTION_TOKEN], *listen = arguments->value[OPTION_LISTEN];

    find_view(control_path(arguments->value[OPTION_CONTROL]), web->view);
    if (!(listen ? gate_read_place(listen, &web->place, error) : default_place(web, error)) ||
        !take_token(web, token, error) || !http_library_load(&web->parts.library, error) ||
        !signals_catch(&web->signals, error))
        return false;
    notify_open(&web->notify);
    log_open();
    return (web->place.path[0] ? listen_at_path(web, error) : listen_at_address(web, error)) &&
           connector_start(&web->connector, web->view, &web->socket, error) &&
           tell_place(web, !token, error);
}

static void end(struct web *web)
{
    connector_unplace(&web->connector);
    connector_stop(&web->connector);
    notify_close(&web->notify);
    signals_release(&web->signals, true);
}

bool cmd_web(const struct arguments *arguments, struct error *error)
{
    struct web web = {.signals = {.fd = -1}, .connector = {.keeper = {.fd = -1}}};
    bool done = begin(&web, arguments, error);

    web.parts.signals = &web.signals;
    web.parts.notify = &web.notify;
    web.parts.connector = &web.connector;
    web.parts.token = web.token;
    done = done && serve(&web.parts, error);
    end(&web);
    return done;
}
