/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_capture_file.c - which kind of file it is, also from a pipe, and what is said of files that
 * are none. */
#include <criterion/criterion.h>

#include <string.h>
#include <unistd.h>

#include "profiles/capture/capture_file.h"
#include "tests/profiles/support_capture.h"

static void check_refused(const void *bytes, size_t count, const char *why)
{
    struct maker maker = {.link_type = 1};
    begin_capture(&maker);
    fflush(maker.file);
    cr_assert_eq(ftruncate(fileno(maker.file), 0), 0);
    rewind(maker.file);
    cr_assert_eq(fwrite(bytes, 1, count, maker.file), count);
    const char *text = learn_refused(&maker);
    cr_expect(strstr(text, why), "%s", text);
}

Test(capture_file, what_is_no_capture_is_told_by_its_kind)
{
    static const char text[] =
        "this is no capture, although it is long enough for the header of one\n";
    check_refused("", 0, "it is empty");
    check_refused(text, strlen(text), "unknown file format");
    check_refused("\n\n\n and no capture either", 24, "no pcapng file");
    check_refused("\x1f\x8b\x08\0\0\0\0\0\0\3 and so on, and on", 28, "gunzip");
    check_refused("\x28\xb5\x2f\xfd and so on, and on", 22, "unzstd");
    check_refused("\xfd"
                  "7zXZ\0 and so on, and on, and on",
                  32, "unxz");
    check_refused("BZh9 and so on, and on, and on", 30, "bunzip2");
    check_refused("\xd4\xc3\xb2\xa1\2\0\4", 7, "truncated");
}

/* Nothing may be read twice. */
Test(capture_file, pipes)
{
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        struct maker maker = {.link_type = 101, .pcapng = pcapng};
        struct error error = {0};
        struct capture_frame frame;
        unsigned frames = 0;
        char path[64];
        int ends[2];
        uint8_t bytes[2048];
        begin_capture(&maker);
        add_fetch(&maker, 40000, 8080);
        fclose(maker.file);
        FILE *made = fopen(maker.path, "r");
        const size_t count = fread(bytes, 1, sizeof(bytes), made);
        fclose(made);
        unlink(maker.path);
        cr_assert_eq(pipe(ends), 0);
        cr_assert_eq(write(ends[1], bytes, count), (ssize_t)count); /* less than a pipe holds */
        close(ends[1]);
        snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
        struct capture_file *file = capture_file_open(path, &error);
        cr_assert_not_null(file, "%s", error.text);
        while (capture_file_next(file, &frame) == CAPTURE_FRAME) {
            cr_assert_eq(frame.wall_us, (MAKER_FIRST_S + frames) * UINT64_C(1000000));
            frames++;
        }
        cr_assert_eq(frames, 8);
        capture_file_close(file);
        close(ends[0]);
    }
}

/* Seconds have 32 bits without a sign. A time of before 1970, or of the year 586516, would go into
 * a store that cannot be read again. */
Test(capture_file, times_of_all_32_bits)
{
    static const struct {
        uint32_t later_s, fraction;
        bool nanoseconds;
        uint32_t us;
    } rows[] = {{0, 0xffffffff, false, 0},
                {0, 1000000, false, 0},
                {0x80000000u, 999999, false, 999999},
                {0x80000000u, 999999999, true, 999999},
                {0, 0x80000000u, true, 0},
                {0xffffffffu - MAKER_FIRST_S, 0xffffffff, true, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct maker maker = {.link_type = 101,
                              .nanoseconds = rows[i].nanoseconds,
                              .later_s = rows[i].later_s,
                              .fraction = rows[i].fraction};
        static const uint8_t packet[20] = {0x45};
        struct error error = {0};
        struct capture_frame frame;
        begin_capture(&maker);
        add_raw(&maker, packet, sizeof(packet), 0);
        fclose(maker.file);
        struct capture_file *file = capture_file_open(maker.path, &error);
        cr_assert_eq(capture_file_next(file, &frame), CAPTURE_FRAME);
        cr_expect_eq(frame.wall_us,
                     (MAKER_FIRST_S + UINT64_C(0) + rows[i].later_s) * 1000000 + rows[i].us,
                     "row %zu: %llu", i, (unsigned long long)frame.wall_us);
        capture_file_close(file);
        unlink(maker.path);
    }
}
