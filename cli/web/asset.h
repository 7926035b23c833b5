/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asset.h - the page itself: page.html, page.css and page.js, as the build found them beside this
 * file. */
#ifndef SYNWARD_CLI_WEB_ASSET_H
#define SYNWARD_CLI_WEB_ASSET_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path, *type, *bytes;
    size_t length;
};

/* False: there is none of this path. */
bool asset_at(const char *path, struct asset *asset);

#endif
