/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loosening.h - what it takes to change what is known of a server.
 *
 * The principle: what one prefix of clients pays little for changes nothing for anybody else.
 *
 *      first learning   While fewer than ARMED_REQUESTS requests were accepted there is nothing to
 *                       loosen: whatever the server accepts is learned at once.
 *      looser           A form of request added, a pattern widened, the profile disarmed: the votes
 *                       of many seniors (ballot.h). With fewer than BALLOT_LEAST prefixes all of
 *                       them, over LOOSENING_CONNECTIONS connections and LOOSENING_S.
 *      the server's     Its SYN-ACK and its greeting are the server's own words. They are replaced
 *      own words        when WITNESSES prefixes have heard other ones and nobody the old
 *                       ones in between; where there are fewer prefixes, by as many connections of
 *                       all of them.
 *
 *      stale            STALE_REFUSED requests of accepted forms, by WITNESSES seniors, that
 *                       the server refused in so many words, and none accepted in between: what is
 *                       known of it seems to be over. Until it accepts one again every other form
 *                       is minor, and the first that is voted in takes the place of all. Accepted
 *                       forms stay as they are: a stale profile turns nobody away.
 *
 * Votes add forms of requests. They never remove one, or a check. A form that BALLOT_MINOR seniors
 * have had accepted is *minor* until enough have.
 */
#ifndef SYNWARD_PROFILES_MODEL_LOOSENING_H
#define SYNWARD_PROFILES_MODEL_LOOSENING_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/model/ballot.h"

#define LOOSENING_CONNECTIONS 20u
#define LOOSENING_S           600u
#define LOOSENING_FACTS       4
#define WITNESSES             3 /* prefixes that revise the server's words, or find it stale */
#define STALE_REFUSED         8

struct profile;

/* Whose connection tells something, and when (seconds since 1970). */
struct witness {
    uint64_t prefix; /* ballot_prefix() */
    uint32_t now_s;
    bool attacked; /* its connection was opened by us, in attack mode */
};

/* Facts that all of few prefixes have begun to insist on; not saved. */
struct insistence {
    uint64_t vote;
    uint32_t connections;
    uint32_t since_s;
};

/* The first of them, each once. */
struct witnesses {
    uint8_t count;
    uint64_t prefixes[WITNESSES];
};

/* Who has heard the server say something else than is known; not saved. */
struct revision {
    struct witnesses heard;
    uint8_t connections; /* saturates */
    uint64_t said;       /* hash of what they heard */
    bool same;           /* they all heard the same */
};

/* Requests of accepted forms refused by the server since the last accepted one; not saved. */
struct staleness {
    struct witnesses met;
    uint8_t refused; /* saturates */
    bool stale;
};

/* The time of a profile's ballot, as of its last sign of life. */
struct ballot_time loosening_time(const struct profile *profile);

/*
 * A connection of this prefix was served. `votes` are its latest on the facts of `asked`; votes on
 * forms of requests are only added.
 */
void loosening_vote(struct profile *profile, const struct witness *witness, uint64_t asked,
                    uint64_t votes);

/* Votes for a form of request, VOTE_FORM() or VOTE_HIDDEN(). True where it counts as accepted. */
bool loosening_takes_form(struct profile *profile, const struct witness *witness, uint64_t form);

/* The server has refused a request of this form, VOTE_FORM(). */
void loosening_refused(struct profile *profile, const struct witness *witness, uint64_t form);

/* True where what is known is over, and no check was set by the operator. */
bool loosening_stale(const struct profile *profile);

/* Forms that BALLOT_MINOR seniors have had accepted, and too few to be: opened at a low rate,
 * blamed on nobody. VOTE_FORM() and VOTE_HIDDEN(). */
uint64_t loosening_minor(const struct profile *profile);

/* A request of an unknown service that does not fit its pattern. True where the pattern is to learn
 * from it. */
bool loosening_widens(struct profile *profile, const struct witness *witness, bool proved);

/* A SYN-ACK with a lower MSS than is known. True where the server is to be believed to mean it. */
bool loosening_lowers(struct profile *profile, const struct witness *witness);

/* True where enough prefixes' latest comparison found one of the server's own words unequal. */
bool loosening_disarms(const struct profile *profile);

/* The server's words were the known ones. */
void revision_equal(struct revision *revision);
/* They were not. `said`: a hash of them. True where they are to be replaced by these. */
bool revision_unequal(struct revision *revision, const struct profile *profile,
                      const struct witness *witness, uint64_t said);

/* A number from 1 to 255 of the network; 0 where too few are known to tell them apart. */
uint8_t loosening_network(const struct profile *profile, const struct witness *witness);

#endif
