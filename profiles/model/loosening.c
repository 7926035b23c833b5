/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loosening.c - see loosening.h. */
#include "profiles/model/loosening.h"

#include <string.h>

#include "profiles/model/profile.h"

struct ballot_time loosening_time(const struct profile *profile)
{
    return (struct ballot_time){.now_s = (uint32_t)profile->last_seen_s,
                                .since_s = (uint32_t)profile->first_seen_s};
}

static struct ballot_time time_of(const struct profile *profile, const struct witness *witness)
{
    struct ballot_time time = loosening_time(profile);

    time.now_s = witness->now_s;
    return time;
}

void loosening_vote(struct profile *profile, const struct witness *witness, uint64_t asked,
                    uint64_t votes)
{
    struct ballot_row *row = ballot_serve(&profile->ballot, witness->prefix, witness->now_s);

    if (row)
        row->votes = (row->votes & ~asked) | votes;
}

/* --- witnesses ------------------------------------------------------------------------------- */

static bool witnesses_have(const struct witnesses *witnesses, uint64_t prefix)
{
    for (uint8_t i = 0; i < witnesses->count; i++)
        if (witnesses->prefixes[i] == prefix)
            return true;
    return false;
}

static void witnesses_add(struct witnesses *witnesses, uint64_t prefix)
{
    if (witnesses->count < WITNESSES && !witnesses_have(witnesses, prefix))
        witnesses->prefixes[witnesses->count++] = prefix;
}

/* --- few prefixes ---------------------------------------------------------------------------- */

/* The place of this fact; the one insisted on least gives way. */
static struct insistence *insistence_of(struct profile *profile, uint64_t vote, uint32_t now_s)
{
    struct insistence *place = &profile->insisted[0];

    for (int i = 0; i < LOOSENING_FACTS; i++) {
        if (profile->insisted[i].vote == vote)
            return &profile->insisted[i];
        if (profile->insisted[i].connections < place->connections)
            place = &profile->insisted[i];
    }
    *place = (struct insistence){.vote = vote, .since_s = now_s};
    return place;
}

static bool insists(struct profile *profile, uint64_t vote, uint32_t now_s)
{
    struct insistence *place = insistence_of(profile, vote, now_s);

    if (place->connections < UINT32_MAX)
        place->connections++;
    if (place->connections < LOOSENING_CONNECTIONS || place->since_s + LOOSENING_S > now_s)
        return false;
    *place = (struct insistence){0};
    return true;
}

/* The prefix has voted for it before this. */
static bool carried(struct profile *profile, const struct witness *witness, uint64_t vote)
{
    const struct ballot_time time = time_of(profile, witness);
    const struct ballot_count count = ballot_count(&profile->ballot, vote, &time);

    if (!ballot_carries(&count))
        return false;
    return !ballot_few(&count) || insists(profile, vote, witness->now_s);
}

/* --- requests -------------------------------------------------------------------------------- */

static bool form_is_taken(const struct profile *profile, uint64_t form)
{
    const uint64_t hidden = VOTE_HIDDEN(profile->hidden);

    return ((profile->accepted | hidden) & form) != 0;
}

static void no_longer_stale(struct profile *profile)
{
    memset(&profile->staleness, 0, sizeof(profile->staleness));
    for (int i = 0; i < LOOSENING_FACTS; i++)
        if (profile->insisted[i].vote == VOTE_REFUSED)
            profile->insisted[i] = (struct insistence){0};
}

/* Votes stay: a form that is accepted after all is back at once. */
static void forget_forms(struct profile *profile)
{
    profile->accepted = 0;
    profile->hidden = 0;
    profile->named = NAMED_NOT;
}

bool loosening_takes_form(struct profile *profile, const struct witness *witness, uint64_t form)
{
    const bool known = form_is_taken(profile, form);

    loosening_vote(profile, witness, 0, form);
    if (!known && profile->requests >= ARMED_REQUESTS) {
        if (!carried(profile, witness, form))
            return false;
        if (profile->staleness.stale)
            forget_forms(profile);
    }
    no_longer_stale(profile);
    return true;
}

void loosening_refused(struct profile *profile, const struct witness *witness, uint64_t form)
{
    const struct ballot_row *row = ballot_find(&profile->ballot, witness->prefix);
    const struct ballot_time time = time_of(profile, witness);
    struct staleness *staleness = &profile->staleness;
    bool enough;

    if (!form_is_taken(profile, form) || !row || !ballot_senior(row, &time))
        return;
    if (staleness->refused < UINT8_MAX)
        staleness->refused++;
    witnesses_add(&staleness->met, witness->prefix);
    if (profile->ballot.count >= BALLOT_LEAST)
        enough = staleness->met.count >= WITNESSES;
    else
        enough = insists(profile, VOTE_REFUSED, witness->now_s) &&
                 staleness->met.count == profile->ballot.count;
    staleness->stale |= enough && staleness->refused >= STALE_REFUSED;
}

bool loosening_stale(const struct profile *profile)
{
    return profile->staleness.stale && profile_settings_in_force(profile).check == CHECK_DEFAULT;
}

uint64_t loosening_minor(const struct profile *profile)
{
    const uint64_t all = (UINT64_C(1) << PROTOCOLS_COUNT) - 1;
    const struct ballot_time time = loosening_time(profile);

    if (loosening_stale(profile))
        return all & ~profile->accepted;
    return ballot_minor(&profile->ballot, &time) &
           ~(profile->accepted | VOTE_HIDDEN(profile->hidden));
}

uint8_t loosening_network(const struct profile *profile, const struct witness *witness)
{
    return profile->ballot.count < BALLOT_LEAST ? 0 : (uint8_t)(1 + witness->prefix % 255);
}

bool loosening_widens(struct profile *profile, const struct witness *witness, bool proved)
{
    const struct ballot_time time = time_of(profile, witness);
    struct ballot_count count;

    loosening_vote(profile, witness, 0, VOTE_WIDER);
    count = ballot_count(&profile->ballot, VOTE_WIDER, &time);
    /* What refuses nobody yet may follow the few clients that it has, but for those who attack. */
    if ((!ballot_few(&count) || proved || witness->attacked) &&
        !carried(profile, witness, VOTE_WIDER))
        return false;
    ballot_clear(&profile->ballot, VOTE_WIDER);
    return true;
}

bool loosening_lowers(struct profile *profile, const struct witness *witness)
{
    struct ballot_row *row = ballot_find(&profile->ballot, witness->prefix);

    if (!row)
        return false;
    row->votes |= VOTE_LOWER;
    return carried(profile, witness, VOTE_LOWER);
}

/* --- the server's own words ------------------------------------------------------------------ */

bool loosening_disarms(const struct profile *profile)
{
    const struct ballot_time time = loosening_time(profile);
    const struct ballot_count synack = ballot_count(&profile->ballot, VOTE_SYNACK_UNEQUAL, &time),
                              words = ballot_count(&profile->ballot, VOTE_WORDS_UNEQUAL, &time);

    return ballot_carries(&synack) || ballot_carries(&words);
}

void revision_equal(struct revision *revision)
{
    memset(revision, 0, sizeof(*revision));
}

/* Where fewer prefixes are known than it takes, all of them will do. */
static bool all_have_heard(const struct revision *revision, const struct profile *profile)
{
    const struct ballot *ballot = &profile->ballot;

    if (ballot->count == 0 || ballot->count >= BALLOT_LEAST)
        return false;
    for (uint16_t i = 0; i < ballot->count; i++)
        if (!witnesses_have(&revision->heard, ballot->rows[i].prefix))
            return false;
    return true;
}

bool revision_unequal(struct revision *revision, const struct profile *profile,
                      const struct witness *witness, uint64_t said)
{
    if (revision->connections == 0) {
        revision->said = said;
        revision->same = true;
    }
    revision->same &= revision->said == said;
    if (revision->connections < UINT8_MAX)
        revision->connections++;
    witnesses_add(&revision->heard, witness->prefix);
    return revision->heard.count >= WITNESSES ||
           (revision->connections >= WITNESSES && all_have_heard(revision, profile));
}
