/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counter_text.c - see counter_text.h. */
#include "cli/counter_text.h"

#include <stddef.h>
#include <string.h>

#include "engine/base/counters.h"
#include "engine/engine.h"
#include "engine/server/figures.h"

static const struct {
    const char *group, *name, *text;
} texts[] = {
#define COUNTER_TEXT(group_name, counter_name, words) {#group_name, #counter_name, words},
#define DROP_TEXT(drop_name, words)                   {"drops", #drop_name, words},
#define TABLE_TEXT(table_name, words)                                                              \
    {"tables", #table_name "_used", words " now"},                                                 \
        {"tables", #table_name "_size", "as many as there is room for"},
#define FIGURE_TEXT(figure_name, words) {"server", #figure_name, words},
    {"log", "dropped", "lines of the log that nobody read"},
    SYNWARD_COUNTERS(COUNTER_TEXT) SYNWARD_DROPS(DROP_TEXT) ENGINE_TABLES(TABLE_TEXT)
        SERVER_FIGURES(FIGURE_TEXT)
#undef COUNTER_TEXT
#undef DROP_TEXT
#undef TABLE_TEXT
#undef FIGURE_TEXT
};

const char *counter_text(const char *group, const char *name)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].group, group) == 0 && strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return "";
}

bool counter_text_is_gauge(const char *text)
{
    static const char now[] = " now";
    const size_t length = strlen(text);

    return length >= sizeof(now) - 1 && strcmp(text + length - (sizeof(now) - 1), now) == 0;
}
