/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_git.c - requests to git's daemon. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define CLONE BYTES("003dgit-upload-pack /project.git\0host=example.org\0\0version=2\0")

Test(git, requests)
{
    static const char *const none[] = {
        "003xgit-",       "0010git-upload-pack /",       "fff1git-upload-pack /",
        "003dGIT",        "003dgit-upload-pack project", "003dgit-uploads",
        "003dgit-shell /"};

    assert_samples(PROTOCOL_GIT);
    assert_none(PROTOCOL_GIT, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_GIT, BYTES("003Dgit-upload-archive /a\0")), MATCH_YES);
}

Test(git, answers)
{
    assert_answer(PROTOCOL_GIT, CLONE, BYTES("000eversion 2\n"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GIT, CLONE, BYTES("00e2d49a4b5ff5c8"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GIT, CLONE, BYTES("0000"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_GIT, CLONE, BYTES("0037ERR access denied"), 8, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_GIT, CLONE, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
}
