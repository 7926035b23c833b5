/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_frame.h - the lines of a frame of `synward top`, for a terminal or for a script. */
#ifndef SYNWARD_CLI_TOP_FRAME_H
#define SYNWARD_CLI_TOP_FRAME_H

#include "cli/top_model.h"

enum top_page { TOP_SERVERS, TOP_ONE_SERVER, TOP_SOURCES };
enum top_look { TOP_PLAIN, TOP_HEAD, TOP_ATTACK, TOP_SELECTED };

struct top_view {
    unsigned columns, lines;
    enum top_page page;
    enum top_order order;
    size_t selected, first; /* places in the model's order; first: that is shown */
    bool blocks;            /* the terminal shows U+2581 to U+2588 */
    struct json_object *sources;
    const char *prompt; /* the last line; NULL: the keys */
};

/* A line without its end, no wider than the view. Called for each line that is not empty, in
 * order. */
typedef void top_line(void *context, unsigned line, enum top_look look, const char *text);
/* Moves `first` so that what is selected is seen. */
void top_draw(const struct top_model *model, struct top_view *view, top_line *draw, void *context);

#endif
