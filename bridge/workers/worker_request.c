/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker_request.c - see worker_request.h. */
#include "bridge/workers/worker_request.h"

static void answer(const struct worker_request *request, bool yes)
{
    if (request->count)
        *request->count = yes;
}

/* What there is. */
static bool serve_question(struct engine *engine, const struct worker_request *request,
                           uint64_t now_us)
{
    switch (request->kind) {
    case REQUEST_USE:
        engine_use(engine, request->use);
        return true;
    case REQUEST_SERVERS:
        *request->count = engine_servers(engine, request->servers, request->max, now_us);
        return true;
    case REQUEST_FLOWS:
        *request->count = engine_flows(engine, request->flows, request->max, now_us);
        return true;
    case REQUEST_SOURCES:
        *request->count = engine_sources(engine, request->sources, request->max, now_us);
        return true;
    default:
        return false;
    }
}

/* What others have seen of a server. */
static bool serve_news(struct engine *engine, const struct worker_request *request, uint64_t now_us)
{
    switch (request->kind) {
    case REQUEST_ACCEPT_QUEUE:
        engine_set_accept_queue(engine, &request->server, request->value, request->max, now_us);
        return true;
    case REQUEST_ANSWERED:
        engine_set_answered(engine, &request->server, now_us);
        return true;
    case REQUEST_PROVED:
        engine_set_proved(engine, &request->server, &request->source.prefix, now_us);
        return true;
    case REQUEST_LISTENING:
        engine_set_listening(engine, &request->server, request->listening, now_us);
        return true;
    case REQUEST_FRESH:
        engine_listening_fresh(engine, now_us);
        return true;
    case REQUEST_RETURNED:
        engine_set_returned(engine, &request->server, request->value, now_us);
        return true;
    case REQUEST_OTHERS:
        engine_set_others(engine, &request->server, &request->others, now_us);
        return true;
    case REQUEST_HEARS_ALL:
        engine_hears_all(engine, now_us);
        return true;
    default:
        return false;
    }
}

/* What it is to do from now on. */
static bool serve_order(struct engine *engine, const struct worker_request *request,
                        uint64_t now_us)
{
    switch (request->kind) {
    case REQUEST_SETTING:
        engine_set_setting(engine, request->for_all ? NULL : &request->server, request->setting,
                           now_us);
        return true;
    case REQUEST_MODE:
        engine_set_mode(engine, &request->server, request->mode, request->cause, request->value,
                        now_us);
        return true;
    case REQUEST_SET_SOURCE:
        answer(request, engine_set_source(engine, &request->source, now_us));
        return true;
    case REQUEST_FORGET_SOURCE:
        answer(request,
               engine_forget_source(engine, &request->source.prefix, request->source.length));
        return true;
    case REQUEST_LISTS:
        engine_set_source_lists(engine, request->lists);
        answer(request, true);
        return true;
    case REQUEST_BRIDGES:
        engine_set_bridges(engine, request->value);
        return true;
    case REQUEST_CONFIGURE:
        engine_configure(engine, &request->triggers, request->unknown);
        answer(request, true);
        return true;
    default:
        return false;
    }
}

bool worker_request_serve(struct engine *engine, const struct worker_request *request,
                          uint64_t now_us)
{
    return serve_question(engine, request, now_us) || serve_news(engine, request, now_us) ||
           serve_order(engine, request, now_us);
}
