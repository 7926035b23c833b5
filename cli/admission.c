/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admission.c - see admission.h. */
#include "cli/admission.h"

#include "engine/server/figures.h"

/* 0 where there is no such bucket, or less than before: the daemon has begun again. */
static uint64_t count_of(struct json_object *admission, struct json_object *before, size_t bucket)
{
    const int64_t all = json_object_get_int64(json_object_array_get_idx(admission, bucket));
    const int64_t old =
        before ? json_object_get_int64(json_object_array_get_idx(before, bucket)) : 0;

    return all > old ? (uint64_t)(all - old) : 0;
}

uint64_t admission_percentile(struct json_object *admission, struct json_object *before,
                              unsigned percent)
{
    uint64_t sum = 0, seen = 0;
    size_t buckets;

    if (!json_object_is_type(admission, json_type_array))
        return 0;
    if (before && !json_object_is_type(before, json_type_array))
        before = NULL;
    buckets = json_object_array_length(admission);
    if (buckets > ADMISSION_BUCKETS)
        buckets = ADMISSION_BUCKETS;
    for (size_t i = 0; i < buckets; i++)
        sum += count_of(admission, before, i);
    for (size_t i = 0; i < buckets && sum > 0; i++) {
        seen += count_of(admission, before, i);
        if (seen * 100 >= sum * percent)
            return 1ull << i;
    }
    return 0;
}
