/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer that is gone is not called for ever: a minute long everything goes on as if it were there
 * (a restart takes no longer, and nothing waits), then silences of InitialSilence and short calls
 * take turns. Answers are not held back, so a peer that calls is heard at once.
 */
#pragma once
#include "base/time.h"

#define QUIET_AFTER_NS (60 * NS_PER_S) /* the peer was not heard for so long */
#define QUIET_CALL_NS  NS_PER_S        /* length of a call between two silences */

/*
 * How long nothing is to be sent, 0 = speak. unheard_ns: since the peer was heard, or since there
 * was another reason to expect it; silence_ns: InitialSilence.
 */
int64_t quiet_left(int64_t unheard_ns, int64_t silence_ns);
