/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mpd.c - MPD, the Music Player Daemon: the server greets, "OK MPD 0.23.5" (its protocol's
 * reference).
 *
 *      request    command [arguments] LF             commands are in lower case
 *                 "command_list_begin" LF ... "command_list_end" LF
 *      answer     lines, "OK" LF or "ACK [number@...] ..." LF; number 5 says that the command is
 * not known
 *
 * Other numbers tell of a song that is not there, or of a password that is needed.
 *
 * Limits: "idle" is answered only when something happens, "close" not at all.
 */
#include "engine/protocols/whole.h"

#define GREETING_BYTES_MAX 128
#define NOT_KNOWN          "ACK [5@"
#define LIST_END           "command_list_end"

/* clang-format off */
static const verb_list verbs[VERBS] = {
    [VERB('A')] = WORDS("ADD", "ADDID", "ADDTAGID", "ALBUMART"),
    [VERB('B')] = WORDS("BINARYLIMIT"),
    [VERB('C')] = WORDS("CHANNELS", "CLEAR", "CLEARERROR", "CLEARTAGID", "CLOSE",
        "COMMAND_LIST_BEGIN", "COMMAND_LIST_OK_BEGIN", "COMMANDS", "CONFIG", "CONSUME", "COUNT",
        "CROSSFADE", "CURRENTSONG"),
    [VERB('D')] = WORDS("DECODERS", "DELETE", "DELETEID", "DELPARTITION", "DISABLEOUTPUT"),
    [VERB('E')] = WORDS("ENABLEOUTPUT"),
    [VERB('F')] = WORDS("FIND", "FINDADD"),
    [VERB('G')] = WORDS("GETFINGERPRINT", "GETVOL"),
    [VERB('I')] = WORDS("IDLE"),
    [VERB('K')] = WORDS("KILL"),
    [VERB('L')] = WORDS("LIST", "LISTALL", "LISTALLINFO", "LISTFILES", "LISTMOUNTS",
        "LISTNEIGHBORS", "LISTPARTITIONS", "LISTPLAYLIST", "LISTPLAYLISTINFO", "LISTPLAYLISTS",
        "LOAD", "LSINFO"),
    [VERB('M')] = WORDS("MIXRAMPDB", "MIXRAMPDELAY", "MOUNT", "MOVE", "MOVEID", "MOVEOUTPUT"),
    [VERB('N')] = WORDS("NEWPARTITION", "NEXT", "NOIDLE", "NOTCOMMANDS"),
    [VERB('O')] = WORDS("OUTPUTS", "OUTPUTSET"),
    [VERB('P')] = WORDS("PARTITION", "PASSWORD", "PAUSE", "PING", "PLAY", "PLAYID", "PLAYLIST",
        "PLAYLISTADD", "PLAYLISTCLEAR", "PLAYLISTDELETE", "PLAYLISTFIND", "PLAYLISTID",
        "PLAYLISTINFO", "PLAYLISTLENGTH", "PLAYLISTMOVE", "PLAYLISTSEARCH", "PLCHANGES",
        "PLCHANGESPOSID", "PREVIOUS", "PRIO", "PRIOID", "PROTOCOL"),
    [VERB('R')] = WORDS("RANDOM", "RANGEID", "READCOMMENTS", "READMESSAGES", "READPICTURE",
        "RENAME", "REPEAT", "REPLAY_GAIN_MODE", "REPLAY_GAIN_STATUS", "RESCAN", "RM"),
    [VERB('S')] = WORDS("SAVE", "SEARCH", "SEARCHADD", "SEARCHADDPL", "SEARCHCOUNT",
        "SEARCHPLAYLIST", "SEEK", "SEEKCUR", "SEEKID", "SENDMESSAGE", "SETVOL", "SHUFFLE",
        "SINGLE", "STATS", "STATUS", "STICKER", "STICKERNAMES", "STICKERNAMESTYPES",
        "STICKERTYPES", "STOP", "STRING_NORMALIZATION", "SUBSCRIBE", "SWAP", "SWAPID"),
    [VERB('T')] = WORDS("TAGTYPES", "TOGGLEOUTPUT"),
    [VERB('U')] = WORDS("UNMOUNT", "UNSUBSCRIBE", "UPDATE", "URLHANDLERS"),
    [VERB('V')] = WORDS("VOLUME"),
};
/* clang-format on */

static enum match mpd_check(const uint8_t *request, size_t bytes)
{
    return begins_lower_verb(verbs, request, bytes);
}

/* The lines up to the one that ends a list of commands, which is none of those that are there to
 * their end within the first `from` bytes. */
static size_t list_bytes(const uint8_t *request, size_t bytes, size_t from)
{
    const uint8_t *lf = from ? memrchr(request, '\n', from) : NULL;
    size_t at = lf ? (size_t)(lf - request) + 1 : 0, line;

    while ((line = line_bytes(request + at, bytes - at, bytes - at)) > 0) {
        if (begins_status(LIST_END, request + at, line) == MATCH_YES)
            return at + line;
        at += line;
    }
    return bytes + 1;
}

static enum match mpd_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    if (begins_status("command_list_begin", request, bytes) != MATCH_YES &&
        begins_status("command_list_ok_begin", request, bytes) != MATCH_YES)
        return whole_line(request, bytes, from, needed);
    return whole_message(bytes, list_bytes(request, bytes, from), needed);
}

/* Whoever says "OK" or names a field, in a letter and more: not a code, not "-ERR". */
static enum acceptance mpd_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    size_t at = 0;

    (void)request;
    (void)request_bytes;
    if (answer_bytes == 0)
        return ACCEPTANCE_MORE;
    if (answer[0] == 'A' && (answer_bytes == 1 || answer[1] == 'C')) {
        enum match unknown = begins_exactly(NOT_KNOWN, sizeof(NOT_KNOWN) - 1, answer, answer_bytes),
                   ack = begins_exactly("ACK [", 5, answer, answer_bytes);

        if (unknown == MATCH_MORE)
            return ACCEPTANCE_MORE;
        return unknown == MATCH_NO ? acceptance_of(ack) : ACCEPTANCE_REFUSED;
    }
    if (answer[0] == 'O' && (answer_bytes == 1 || answer[1] == 'K'))
        return acceptance_of(begins_exactly("OK\n", 3, answer, answer_bytes));
    while (at < answer_bytes && at < 32 &&
           (is_letter(answer[at]) || answer[at] == '_' || answer[at] == '-'))
        at++;
    if (at == answer_bytes)
        return ACCEPTANCE_MORE;
    return at > 0 && answer[at] == ':' ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
}

static enum greeting_verdict mpd_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    enum match match = begins_exactly("OK MPD ", 7, data, bytes);
    size_t length = line_bytes(data, bytes, GREETING_BYTES_MAX);

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    if (length == 0)
        return bytes < GREETING_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    *greeting_bytes = length;
    return GREETING_POSITIVE;
}

const struct protocol protocol_mpd = {
    .id = PROTOCOL_MPD,
    .name = "mpd",
    .server_first = true,
    .greeting_form = GREETING_FORM_EXACT,
    .verbs = verbs,
    .verbs_lower = true,
    .verbs_tell = true,
    .check = mpd_check,
    .whole = mpd_whole,
    .accepts = mpd_accepts,
    .greeting = mpd_greeting,
};
