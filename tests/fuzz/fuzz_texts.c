/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_texts.c - what an operator writes: a first byte, then
 *
 *      even    a config file, for config_parse()
 *      odd     a server, for server_selector_parse(), up to the first zero byte
 *
 * What is refused is explained in one line, and nothing is left in the result; a server that is
 * understood is written, read again and the same.
 */
#include "bridge/text/config.h"
#include "bridge/text/server_text.h"
#include "tests/fuzz/fuzz.h"

static void check_error(const struct error *error)
{
    FUZZ_ASSERT(error->code != EXIT_DONE && error->text[0] != 0);
    FUZZ_ASSERT(memchr(error->text, 0, sizeof(error->text)) != NULL);
}

static void check_config(const uint8_t *data, size_t bytes)
{
    struct error error = {0};
    struct config config;
    char *text = malloc(bytes); /* exactly as long as it is */

    memcpy(text, data, bytes);
    if (config_parse(&config, text, bytes, "input", &error)) {
        FUZZ_ASSERT(config.mode <= SETTING_ATTACK);
        FUZZ_ASSERT(config.client == NULL || config.client[0] != 0);
    } else {
        check_error(&error);
        FUZZ_ASSERT(config.client == NULL && config.server == NULL && config.store == NULL &&
                    config.control == NULL);
    }
    config_free(&config);
    free(text);
}

static void check_server(const char *text)
{
    struct server_selector selector = {0}, again = {0};
    char written[SERVER_TEXT_BYTES];
    struct error error = {0};

    if (!server_selector_parse(text, &selector, &error)) {
        check_error(&error);
        return;
    }
    server_to_text(&selector.addr, selector.port, written);
    FUZZ_ASSERT(server_selector_parse(written, &again, &error));
    FUZZ_ASSERT(memcmp(&selector.addr, &again.addr, sizeof(again.addr)) == 0 &&
                selector.port == again.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 2)
        return 0;
    if (data[0] & 1) {
        char *text = strndup((const char *)data + 1, bytes - 1);

        check_server(text);
        free(text);
    } else {
        check_config(data + 1, bytes - 1);
    }
    return 0;
}
