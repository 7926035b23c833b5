/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pcapng.c - blocks, times and byte orders, in files made here. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profiles/capture/pcapng.h"
#include "tests/profiles/support_capture.h"

#define SECOND_US UINT64_C(1000000)

static const uint8_t content[5] = {1, 2, 3, 4, 5};

/* Reads what was made, and removes it. */
static struct pcapng *begin_reading(struct maker *maker)
{
    fclose(maker->file);
    maker->file = fopen(maker->path, "r");
    cr_assert_not_null(maker->file);
    unlink(maker->path);
    struct pcapng *pcapng = pcapng_new(maker->file);
    cr_assert_not_null(pcapng);
    return pcapng;
}

static void end_reading(struct maker *maker, struct pcapng *pcapng)
{
    pcapng_free(pcapng);
    fclose(maker->file);
}

static void check_frame(struct pcapng *pcapng, int link_type, uint64_t wall_us, uint32_t bytes,
                        uint32_t wire_bytes)
{
    struct pcapng_frame frame;
    cr_assert_eq(pcapng_next(pcapng, &frame), PCAPNG_FRAME, "%s", pcapng_reason(pcapng));
    cr_expect_eq(frame.link_type, link_type, "link type %d", frame.link_type);
    cr_expect_eq(frame.wall_us, wall_us, "%llu us", (unsigned long long)frame.wall_us);
    cr_assert_eq(frame.bytes, bytes, "%u bytes", frame.bytes);
    cr_expect_eq(frame.wire_bytes, wire_bytes, "%u bytes on the wire", frame.wire_bytes);
    cr_expect_eq(memcmp(frame.content, content, bytes), 0);
}

static void check_ends(struct maker *maker, struct pcapng *pcapng, enum pcapng_result how)
{
    struct pcapng_frame frame;
    cr_expect_eq(pcapng_next(pcapng, &frame), how);
    cr_expect_eq(pcapng_reason(pcapng) != NULL, how == PCAPNG_BAD);
    end_reading(maker, pcapng);
}

Test(pcapng, frames_of_all_forms_in_both_byte_orders)
{
    for (int other_order = 0; other_order < 2; other_order++) {
        struct maker maker = {
            .pcapng = true, .other_order = other_order, .link_type = 1, .snap_bytes = 4};
        static const uint8_t names[6] = {1, 0, 2, 0, 'x', 'y'};
        begin_capture(&maker);
        add_interface(&maker, 113, 0, 0, 0);
        add_block(&maker, 4, names, sizeof(names));
        add_raw(&maker, content, sizeof(content), 95);
        maker.interface = 1;
        maker.obsolete = true;
        add_raw(&maker, content, 3, 0);
        maker.simple =
            true; /* of the first interface, whatever maker.interface is; without a time */
        add_raw(&maker, content, sizeof(content), 0);
        struct pcapng *pcapng = begin_reading(&maker);
        check_frame(pcapng, 1, MAKER_FIRST_S * SECOND_US, 4, 100);
        check_frame(pcapng, 113, (MAKER_FIRST_S + 1) * SECOND_US, 3, 3);
        check_frame(pcapng, 1, (MAKER_FIRST_S + 1) * SECOND_US, 4, 5);
        check_ends(&maker, pcapng, PCAPNG_END);
    }
}

/* `mergecap -a` and cat: the second section has its own byte order and its own interfaces. */
Test(pcapng, sections_one_after_the_other)
{
    struct maker maker = {.pcapng = true, .link_type = 1};
    begin_capture(&maker);
    add_raw(&maker, content, 2, 0);
    struct maker second = {.pcapng = true, .other_order = true, .link_type = 276};
    begin_capture(&second);
    add_raw(&second, content, 3, 0);
    fclose(second.file);
    uint8_t bytes[1024];
    FILE *file = fopen(second.path, "r");
    const size_t count = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    unlink(second.path);
    cr_assert_eq(fwrite(bytes, 1, count, maker.file), count);
    struct pcapng *pcapng = begin_reading(&maker);
    check_frame(pcapng, 1, MAKER_FIRST_S * SECOND_US, 2, 2);
    check_frame(pcapng, 276, MAKER_FIRST_S * SECOND_US, 3, 3);
    check_ends(&maker, pcapng, PCAPNG_END);
}

static void check_time(uint8_t resolution, int64_t offset_s, uint64_t wall_us)
{
    struct maker maker = {.pcapng = true, .link_type = 1};
    begin_capture(&maker);
    add_interface(&maker, 1, 0, resolution, offset_s);
    maker.interface = 1;
    add_raw(&maker, content, 1, 0); /* at 1,767,225,600,000,000 */
    struct pcapng *pcapng = begin_reading(&maker);
    check_frame(pcapng, 1, wall_us, 1, 1);
    check_ends(&maker, pcapng, PCAPNG_END);
}

Test(pcapng, times)
{
    const uint64_t time = MAKER_FIRST_S * SECOND_US;
    check_time(0, 0, time);
    check_time(0, 100, time + 100 * SECOND_US);
    check_time(0, -100, time - 100 * SECOND_US);
    check_time(7, 0, time / 10);
    check_time(9, 0, time / 1000);
    check_time(9, MAKER_FIRST_S, time + time / 1000);
    check_time(5, 0, UINT32_MAX * SECOND_US); /* behind the year 2106 */
    check_time(0, -(int64_t)time, 0);
    check_time(19, 0, 176); /* 1,767,225,600,000,000 of 10^19 a second */
    check_time(20, 0, 0);
    check_time(0x80 | 20, 0, (time >> 20) * SECOND_US + (time % (1 << 20) * SECOND_US >> 20));
    check_time(0x80 | 63, 0, (time >> 20) * SECOND_US >> 43);
    check_time(0x80 | 64, 0, 0);
}

Test(pcapng, blocks_larger_than_any_frame_are_passed_over)
{
    struct maker maker = {.pcapng = true, .link_type = 1};
    const uint32_t bytes = 1u << 20;
    uint8_t *secrets = calloc(1, bytes);
    begin_capture(&maker);
    add_block(&maker, 10, secrets, bytes);
    add_raw(&maker, content, 5, 0);
    free(secrets);
    struct pcapng *pcapng = begin_reading(&maker);
    check_frame(pcapng, 1, MAKER_FIRST_S * SECOND_US, 5, 5);
    check_ends(&maker, pcapng, PCAPNG_END);
}

/* Wherever it is cut: no frame more than there are, and the end is told. */
Test(pcapng, files_cut_at_every_byte)
{
    struct maker maker = {.pcapng = true, .link_type = 1};
    begin_capture(&maker);
    const long begin = ftell(maker.file);
    add_raw(&maker, content, 5, 0);
    const long first = ftell(maker.file);
    add_raw(&maker, content, 4, 0);
    const long second = ftell(maker.file);
    fclose(maker.file);
    uint8_t bytes[512];
    FILE *file = fopen(maker.path, "r");
    cr_assert_eq(fread(bytes, 1, sizeof(bytes), file), (size_t)second);
    fclose(file);
    unlink(maker.path);
    for (long end = 1; end < second; end++) {
        struct pcapng_frame frame;
        const bool whole = end == 28 || end == begin || end == first; /* 28: the section's header */
        FILE *cut = fmemopen(bytes, (size_t)end, "r");
        struct pcapng *pcapng = pcapng_new(cut);
        if (end >= first)
            check_frame(pcapng, 1, MAKER_FIRST_S * SECOND_US, 5, 5);
        cr_assert_eq(pcapng_next(pcapng, &frame), whole ? PCAPNG_END : PCAPNG_CUT, "cut at %ld",
                     end);
        pcapng_free(pcapng);
        fclose(cut);
    }
}

/* One wrong number in the file of one interface and one frame: header 28 bytes, interface 52, then
 * the frame's block. */
Test(pcapng, what_cannot_be)
{
    static const struct {
        long at;
        uint32_t value;
        const char *reason;
    } wrongs[] = {
        {8, 0x12345678, "no pcapng file"},     {12, 2, "version"},
        {4, 8, "impossible length"},           {4, 0x7fffffff, "impossible length"},
        {24, 32, "lengths of a block differ"}, {80 + 4, 33, "impossible length"},
        {80 + 4, 32, "lengths of a block"},    {80 + 8, 1, "not described"},
        {80 + 20, 9, "larger than its block"}, {80 + 20, 0xffffffff, "larger than its block"},
    };
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
        struct maker maker = {.pcapng = true, .link_type = 1};
        struct pcapng_frame frame;
        begin_capture(&maker);
        cr_assert_eq(ftell(maker.file), 80);
        add_raw(&maker, content, 5, 0);
        cr_assert_eq(fseek(maker.file, wrongs[i].at, SEEK_SET), 0);
        cr_assert_eq(fwrite(&wrongs[i].value, 4, 1, maker.file), 1);
        struct pcapng *pcapng = begin_reading(&maker);
        cr_assert_eq(pcapng_next(pcapng, &frame), PCAPNG_BAD, "case %zu", i);
        cr_expect(strstr(pcapng_reason(pcapng), wrongs[i].reason), "case %zu: %s", i,
                  pcapng_reason(pcapng));
        end_reading(&maker, pcapng);
    }
}
