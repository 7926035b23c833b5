/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/store_memory.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/store_memory.h"

static bool read_text(const char *text, struct store_memory *memory)
{
    return store_memory_read(text, strlen(text), memory);
}

Test(store_memory, as_redis_says_it)
{
    struct store_memory memory;

    cr_assert(read_text("# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n"
                        "maxmemory:2097152\r\nmaxmemory_policy:noeviction\r\n",
                        &memory));
    cr_assert_eq(memory.used, 1048576);
    cr_assert_eq(memory.most, 2097152);
    cr_assert_not(memory.evicts);
    cr_assert(read_text("used_memory:1\nmaxmemory:0\nmaxmemory_policy:allkeys-lru", &memory));
    cr_assert(memory.evicts);
    cr_assert(read_text("used_memory:1\nmaxmemory:0\nmaxmemory_policy:noevictions", &memory));
    cr_assert(memory.evicts, "no policy that is known");
}

Test(store_memory, what_does_not_say_so)
{
    static const char *const texts[] = {
        "",
        "# Memory",
        "used_memory:1\r\nmaxmemory:0\r\n",
        "used_memory:\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
        "used_memory:-1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
        "used_memory:99999999999999999999999\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
        "xused_memory:1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
    };
    struct store_memory memory;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert_not(read_text(texts[i], &memory), "%s", texts[i]);
}

Test(store_memory, short_of_it)
{
    cr_assert_not(store_memory_is_short(&(struct store_memory){.used = 99, .most = 0}));
    cr_assert_not(store_memory_is_short(&(struct store_memory){.used = 90, .most = 100}));
    cr_assert(store_memory_is_short(&(struct store_memory){.used = 91, .most = 100}));
    cr_assert(store_memory_is_short(&(struct store_memory){.used = 200, .most = 100}));
}
