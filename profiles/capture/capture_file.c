/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture_file.c - see capture_file.h. The first byte tells the kind of file, so that a pipe can be
 * read, too: no form of a classic capture begins as a pcapng file or as a compressed one does.
 */
#include "profiles/capture/capture_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "profiles/capture/pcapng.h"

#define PCAPNG_FIRST_BYTE 0x0a
/* Libpcap's DLT_RAW differs between systems; all other types here have one number */
#define LINKTYPE_RAW 101

struct capture_file {
    FILE *file; /* closed by libpcap where `pcap` has it */
    pcap_t *pcap;
    struct pcapng *pcapng;
};

/* What compresses files, by the first byte that its files have. */
static const char *compressed_by(int first)
{
    switch (first) {
    case 0x1f:
        return "gzip: unpack it with gunzip";
    case 0x28:
        return "zstd: unpack it with unzstd";
    case 0xfd:
        return "xz: unpack it with unxz";
    case 'B':
        return "bzip2: unpack it with bunzip2";
    default:
        return NULL;
    }
}

static bool open_pcap(struct capture_file *file, const char *path, int first, struct error *error)
{
    char reason[PCAP_ERRBUF_SIZE];
    const char *compressed = compressed_by(first);

    file->pcap = pcap_fopen_offline(file->file, reason);
    if (file->pcap)
        return true;
    if (compressed)
        return error_set(error, EXIT_FAILED,
                         "cannot read %s as a capture: it seems to be compressed by %s first", path,
                         compressed);
    return error_set(error, EXIT_FAILED, "cannot read %s as a capture: %s", path, reason);
}

static bool open_format(struct capture_file *file, const char *path, struct error *error)
{
    int first;

    errno = 0;
    first = getc(file->file);
    if (first == EOF)
        return error_set(error, EXIT_FAILED, "cannot read %s as a capture: %s", path,
                         errno ? strerror(errno) : "it is empty");
    ungetc(first, file->file);
    if (first != PCAPNG_FIRST_BYTE)
        return open_pcap(file, path, first, error);
    file->pcapng = pcapng_new(file->file);
    return file->pcapng || error_set(error, EXIT_FAILED, "cannot read %s: out of memory", path);
}

FILE *capture_file_find(const char *path, struct error *error)
{
    FILE *found = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");

    if (!found)
        error_set(error, EXIT_FAILED, "cannot read %s as a capture: %s", path, strerror(errno));
    return found;
}

struct capture_file *capture_file_take(FILE *from, const char *path, struct error *error)
{
    struct capture_file *file = calloc(1, sizeof(*file));

    if (!file) {
        if (from != stdin)
            fclose(from);
        error_set(error, EXIT_FAILED, "cannot read %s: out of memory", path);
        return NULL;
    }
    file->file = from;
    if (open_format(file, path, error))
        return file;
    capture_file_close(file);
    return NULL;
}

struct capture_file *capture_file_open(const char *path, struct error *error)
{
    FILE *found = capture_file_find(path, error);

    return found ? capture_file_take(found, path, error) : NULL;
}

void capture_file_close(struct capture_file *file)
{
    pcapng_free(file->pcapng);
    if (file->pcap)
        pcap_close(file->pcap);
    else if (file->file && file->file != stdin)
        fclose(file->file);
    free(file);
}

int capture_file_link_type(const struct capture_file *file)
{
    return file->pcap ? pcap_datalink(file->pcap) : -1;
}

static enum capture_read next_pcap(pcap_t *pcap, struct capture_frame *frame)
{
    struct pcap_pkthdr *header;
    const int result = pcap_next_ex(pcap, &header, &frame->content);

    if (result == PCAP_ERROR_BREAK)
        return CAPTURE_END;
    if (result != 1)
        return strstr(pcap_geterr(pcap), "truncated") ? CAPTURE_CUT : CAPTURE_ERROR;
    frame->link_type = pcap_datalink(pcap);
    /* Libpcap takes seconds for signed: from 2038 on they are not, and none is before 1970. A
     * fraction that is none counts as nothing. */
    frame->wall_us = (uint64_t)(uint32_t)header->ts.tv_sec * 1000000;
    if (header->ts.tv_usec > 0 && header->ts.tv_usec < 1000000)
        frame->wall_us += (uint64_t)header->ts.tv_usec;
    frame->bytes = header->caplen;
    frame->wire_bytes = header->len > header->caplen ? header->len : header->caplen;
    return CAPTURE_FRAME;
}

static enum capture_read next_pcapng(struct pcapng *pcapng, struct capture_frame *frame)
{
    static const enum capture_read meanings[] = {[PCAPNG_FRAME] = CAPTURE_FRAME,
                                                 [PCAPNG_END] = CAPTURE_END,
                                                 [PCAPNG_CUT] = CAPTURE_CUT,
                                                 [PCAPNG_BAD] = CAPTURE_ERROR};
    struct pcapng_frame next;
    const enum pcapng_result result = pcapng_next(pcapng, &next);

    if (result == PCAPNG_FRAME)
        *frame = (struct capture_frame){
            .link_type = next.link_type == LINKTYPE_RAW ? DLT_RAW : next.link_type,
            .wall_us = next.wall_us,
            .bytes = next.bytes,
            .wire_bytes = next.wire_bytes,
            .content = next.content};
    return meanings[result];
}

enum capture_read capture_file_next(struct capture_file *file, struct capture_frame *frame)
{
    return file->pcap ? next_pcap(file->pcap, frame) : next_pcapng(file->pcapng, frame);
}

const char *capture_file_reason(const struct capture_file *file)
{
    return file->pcap ? pcap_geterr(file->pcap) : pcapng_reason(file->pcapng);
}
