/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asset.c - see asset.h. */
#include "cli/web/asset.h"

#include <stdint.h>
#include <string.h>

#define ASSETS(X)                                                                                  \
    X(page, "page.html", "/", "text/html; charset=utf-8")                                          \
    X(style, "page.css", "/page.css", "text/css; charset=utf-8")                                   \
    X(script, "page.js", "/page.js", "text/javascript; charset=utf-8")                             \
    X(icon, "icon.svg", "/icon.svg", "image/svg+xml")

#define ASSET_BYTES(name, file, path, type)                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            "asset_" #name ": .incbin \"cli/web/" file "\"\n"                                      \
            "asset_" #name "_end:\n"                                                               \
            ".popsection\n");                                                                      \
    extern const char asset_##name[] __attribute__((visibility("hidden")));                        \
    extern const char asset_##name##_end[] __attribute__((visibility("hidden")));
ASSETS(ASSET_BYTES)
#undef ASSET_BYTES

bool asset_at(const char *path, struct asset *asset)
{
#define ASSET_FIND(name, file, at, kind)                                                           \
    if (strcmp(path, at) == 0) {                                                                   \
        *asset = (struct asset){                                                                   \
            .path = (at),                                                                          \
            .type = (kind),                                                                        \
            .bytes = asset_##name,                                                                 \
            .length = (size_t)((uintptr_t)asset_##name##_end - (uintptr_t)asset_##name)};          \
        return true;                                                                               \
    }
    ASSETS(ASSET_FIND)
#undef ASSET_FIND
    return false;
}
