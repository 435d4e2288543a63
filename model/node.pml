/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One node's step: src/core/elect/roles.c, elect.c, lease.c, hb/detect.c and the frame around them in
 * node.c, in the same order and with the same names. Everything works on node n and runs inside one
 * d_step; `coin` is a choice that the world made beforehand.
 */
#define MOVE(f, t) (nd[n].role == ROLE_##f && next == ROLE_##t)
inline check_move()
{
	assert(
		MOVE(SILENT, INACTIVE) || MOVE(SILENT, ACTIVE) || MOVE(SILENT, STOPPED) ||
		MOVE(INACTIVE, SILENT) || MOVE(INACTIVE, WANTING) || MOVE(INACTIVE, ACTIVE) ||
		MOVE(INACTIVE, STOPPED) ||
		MOVE(WANTING, SILENT) || MOVE(WANTING, INACTIVE) || MOVE(WANTING, ACTIVE) ||
		MOVE(ACTIVE, SILENT) || MOVE(ACTIVE, INACTIVE) || MOVE(ACTIVE, DRAINING) ||
		MOVE(ACTIVE, STOPPED) ||
		MOVE(DRAINING, INACTIVE))
}

/* elect_move() */
inline move(to)
{
	next = to;
	check_move();
	c_code { taken[now.nd[now.n].role][next]++; };
	if
	:: nd[n].role == ROLE_WANTING ->
#ifndef MUT_FORGETS_FLOOR
		nd[n].floor = (nd[n].want > nd[n].floor -> nd[n].want : nd[n].floor);
#endif
		nd[n].want = 0;
		nd[n].why = 0
	:: else
	fi;
	nd[n].role = to;
	nd[n].timer = 0;
	nd[n].refused = 0;
	if
	:: to == ROLE_SILENT || to == ROLE_ACTIVE -> nd[n].grant = 0; nd[n].flushed = 0
	:: else
	fi;
	nd[n].held = (to == ROLE_ACTIVE -> nd[n].term : nd[n].held);
	nd[n].fresh = 0;
	if
	:: to != ROLE_ACTIVE && to != ROLE_DRAINING -> nd[n].yield = 0; nd[n].alone = 0
	:: else
	fi;
	moved = true;
	moves++
}

/* rank_cmp(): better is 2 when this node is, 1 when equal, 0 when the peer is. Steps 2 to 4 are one. */
inline rank()
{
	if
	:: (nd[n].fit > 0) != (nd[n].c.fit > 0) -> better = (nd[n].fit > 0 -> 2 : 0); rank_step = 1
	:: else ->
		if
		:: nd[n].fit != nd[n].c.fit -> better = (nd[n].fit > nd[n].c.fit -> 2 : 0); rank_step = 4
		:: else ->
			mine = nd[n].role == ROLE_ACTIVE && nd[n].term >= nd[n].c.term;
			theirs = nd[n].c.role == ROLE_ACTIVE && nd[n].c.term >= nd[n].term;
			if
			:: mine != theirs -> better = (mine -> 2 : 0); rank_step = 5
			:: mine == theirs && !mine && nd[n].held != nd[n].c.held ->
				better = (nd[n].held > nd[n].c.held -> 2 : 0);
				rank_step = 5
			:: else -> better = (n == 0 -> 2 : 0); rank_step = 7
			fi
		fi
	fi
}

#define PEER_LIVES (nd[n].peer == PEER_ALIVE && nd[n].c.valid)
#define PEER_GONE  (nd[n].peer != PEER_ALIVE && (nd[n].bye || nd[n].silence >= DETECT))
#define TOP_TERM   (nd[n].term > nd[n].floor -> nd[n].term : nd[n].floor)

inline go_alone()
{
	/* a carrier that has returned proves nothing for a whole InitialSilence */
	assert(!nd[n].listen);
	top = TOP_TERM;
	if
	:: nd[n].c.valid && nd[n].c.want > top -> top = nd[n].c.want
	:: else
	fi;
	nd[n].term = top + 1;
	move(ROLE_ACTIVE);
	nd[n].alone = 1
}

inline promise()
{
	if
	:: nd[n].grant != nd[n].c.want ->
		nd[n].grant = nd[n].c.want;
		nd[n].flushed = 1;
		nd[n].term = (nd[n].term < nd[n].grant -> nd[n].grant : nd[n].term)
	:: else
	fi
}

inline give_up(pause)
{
	if
	:: pause && nd[n].cmd == CMD_ACTIVATE -> nd[n].cmd = 0
	:: else
	fi;
	move(ROLE_INACTIVE);
	if
	:: pause -> nd[n].timer = PAUSE
	:: else
	fi
}

#ifndef MUT_OLD_CLAIMS
#define HEARD_SINCE nd[n].fresh
#else
#define HEARD_SINCE true
#endif

inline elect_silent()
{
	if
	:: nd[n].stopping -> move(ROLE_STOPPED)
	:: !nd[n].stopping && nd[n].cut -> nd[n].timer = 0; nd[n].fresh = 0
	:: !nd[n].stopping && !nd[n].cut && PEER_LIVES && HEARD_SINCE ->
		if
		:: nd[n].c.role == ROLE_WANTING && nd[n].c.want > nd[n].term -> promise()
		:: else
		fi;
		/* coin: links have been quiet on both nodes for half a second, longer than DETECT */
		if
		:: nd[n].c.role == ROLE_ACTIVE || nd[n].c.role == ROLE_DRAINING ||
				nd[n].timer >= SILENCE || (coin && nd[n].timer >= DETECT) ->
			move(ROLE_INACTIVE)
		:: else
		fi
	:: else ->
		if
		:: nd[n].timer < SILENCE || nd[n].silence < DETECT
		:: else ->
			if
			:: nd[n].fit > 0 -> go_alone()
			:: else -> move(ROLE_INACTIVE)
			fi
		fi
	fi
}

/* should_want(); `why` of the wish, 0 = none. The hold and the 2 ms of patience are left out. */
inline should_want()
{
	why = 0;
	rank();
	if
	:: nd[n].stopping || nd[n].fit == 0
	:: else ->
		if
		:: nd[n].c.role == ROLE_ACTIVE ->
			if
			:: nd[n].timer > 0 /* pause */
			:: else ->
				if
				:: nd[n].cmd == CMD_ACTIVATE -> why = WHY_OPERATOR
				:: nd[n].cmd != CMD_ACTIVATE && nd[n].c.yield -> why = WHY_YIELD
				:: else -> why = (better == 2 && rank_step <= 4 -> WHY_RANK : 0)
				fi
			fi
		:: nd[n].c.role == ROLE_DRAINING || nd[n].c.role == ROLE_STOPPED
		:: else ->
			/* coin: the peer has not settled yet */
			why = (better == 2 || (nd[n].c.role == ROLE_SILENT && coin) -> WHY_SETTLED : 0)
		fi
	fi
}

inline elect_inactive()
{
	if
	:: nd[n].stopping -> move(ROLE_STOPPED)
	:: !nd[n].stopping && nd[n].cut -> move(ROLE_SILENT)
	:: !nd[n].stopping && !nd[n].cut && PEER_GONE ->
#ifndef MUT_NO_TAKEOVER
		if
		:: nd[n].fit > 0 -> go_alone()
		:: else
		fi
#else
		skip
#endif
	:: else ->
		if
		:: !PEER_LIVES || nd[n].grant
		:: else ->
			should_want();
			if
			:: why ->
				top = TOP_TERM;
				top = (nd[n].c.want > top -> nd[n].c.want : top);
				move(ROLE_WANTING);
				nd[n].want = top + 1;
				/* no term is asked for twice: a late grant finds nobody */
				assert(nd[n].want > nd[n].asked);
				nd[n].asked = nd[n].want;
				nd[n].why = why
			:: else ->
				if
				:: nd[n].c.role == ROLE_WANTING && nd[n].c.want > nd[n].term -> promise()
				:: else
				fi
			fi
		fi
	fi
}

/* Became active by a grant: a term serves once, for either node. */
inline use_grant()
{
	assert(nd[n].want > last_used);
	last_used = nd[n].want;
	nd[n].term = nd[n].want;
	move(ROLE_ACTIVE)
}

#ifdef MUT_GRANT_EARLY /* the wish was heard: taken for the grant */
#define GRANTED (nd[n].c.term + 1 >= nd[n].want)
#elif defined(MUT_NO_DRAIN) /* the active node grants and goes on */
#define GRANTED (nd[n].c.grant == nd[n].want)
#else
#define GRANTED (nd[n].c.grant == nd[n].want && nd[n].c.role != ROLE_ACTIVE && \
		 (nd[n].c.flushed || nd[n].c.role != ROLE_DRAINING))
#endif

inline elect_wanting()
{
	if
	:: nd[n].cut -> move(ROLE_SILENT)
	:: !nd[n].cut && PEER_GONE ->
#ifndef MUT_WANTS_FOR_EVER
		give_up(false)
#else
		skip
#endif
	:: !nd[n].cut && !PEER_GONE && !PEER_LIVES ->
		if
		:: nd[n].timer >= WANT_TIMEOUT -> give_up(true)
		:: else
		fi
	:: else ->
		rank();
		if
		:: GRANTED -> use_grant()
		:: else ->
			if
			:: nd[n].c.refused == nd[n].want || nd[n].fit == 0 || nd[n].stopping ->
				give_up(true)
			:: else ->
				if
				:: nd[n].c.grant != nd[n].want &&
						(nd[n].c.term >= nd[n].want ||
						(nd[n].why == WHY_SETTLED && nd[n].c.role == ROLE_ACTIVE)) ->
					give_up(false)
				:: else ->
					if
					:: nd[n].c.role == ROLE_WANTING && better < 2 -> give_up(false)
					:: else ->
						if
						:: nd[n].timer >= WANT_TIMEOUT -> give_up(true)
						:: else
						fi
					fi
				fi
			fi
		fi
	fi
}

inline answer_wish()
{
	rank();
	if
	:: nd[n].c.fit == 0 || (nd[n].c.why == WHY_YIELD && !nd[n].yield) ||
			(nd[n].c.why == WHY_RANK && (better > 0 || rank_step > 4)) ->
		nd[n].refused = nd[n].c.want
	:: else ->
		if
		:: nd[n].c.why == WHY_SETTLED /* it has not heard yet that this node is active */
		:: else ->
			nd[n].term = nd[n].c.want;
#ifdef MUT_NO_DRAIN
			nd[n].refused = 0;
			nd[n].grant = nd[n].c.want
#else
			top = nd[n].c.want;
			move(ROLE_DRAINING);
			nd[n].grant = top;
			nd[n].flushed = coin
#endif
		fi
	fi
}

inline elect_active()
{
	if
	:: lapsed -> lapsed = false; move(ROLE_INACTIVE)
	:: !lapsed && nd[n].cut -> move(ROLE_SILENT)
	:: !lapsed && !nd[n].cut && nd[n].stopping && !nd[n].cmd -> move(ROLE_STOPPED)
	:: else ->
		if
		:: !PEER_LIVES ->
			if
			:: nd[n].peer == PEER_DEAD && !nd[n].alone ->
				nd[n].term++;
				nd[n].held = nd[n].term;
				nd[n].alone = 1
			:: else
			fi
		:: else ->
			nd[n].alone = 0;
			rank();
			if
			:: nd[n].c.role == ROLE_ACTIVE ->
				if
#ifndef MUT_TERMS_IGNORED
				:: nd[n].c.term > nd[n].term -> move(ROLE_INACTIVE)
				:: nd[n].c.term == nd[n].term && better < 2 -> move(ROLE_INACTIVE)
#endif
				:: else
				fi
			:: nd[n].c.role == ROLE_WANTING && nd[n].c.want > nd[n].term &&
					nd[n].refused != nd[n].c.want -> answer_wish()
			:: else
			fi
		fi
	fi
}

inline elect_draining()
{
	nd[n].flushed = (nd[n].timer >= FLUSH || coin -> 1 : nd[n].flushed);
	if
	:: nd[n].timer >= DRAIN -> move(ROLE_INACTIVE)
	/* coin: the gate has been quiet for a moment */
	:: nd[n].timer < DRAIN && PEER_LIVES && nd[n].c.role == ROLE_ACTIVE &&
			nd[n].c.term >= nd[n].grant && coin -> move(ROLE_INACTIVE)
	:: else
	fi
}

inline follow_peer()
{
	if
	:: nd[n].role != ROLE_ACTIVE && nd[n].c.valid && nd[n].c.term > nd[n].term ->
		nd[n].term = nd[n].c.term
	:: else
	fi;
	if
	:: nd[n].grant && nd[n].role != ROLE_DRAINING && !(nd[n].c.valid && nd[n].peer == PEER_ALIVE &&
			nd[n].c.role == ROLE_WANTING && nd[n].c.want == nd[n].grant) ->
		nd[n].grant = 0;
		nd[n].flushed = 0
	:: else
	fi;
	if
	:: nd[n].refused && !(nd[n].c.valid && nd[n].c.want == nd[n].refused) -> nd[n].refused = 0
	:: else
	fi
}

/* elect_step() and elect_command_step() */
inline elect()
{
	do
	:: follow_peer();
		moved = false;
		if
		:: nd[n].role == ROLE_SILENT -> elect_silent()
		:: nd[n].role == ROLE_INACTIVE -> elect_inactive()
		:: nd[n].role == ROLE_WANTING -> elect_wanting()
		:: nd[n].role == ROLE_ACTIVE -> elect_active()
		:: nd[n].role == ROLE_DRAINING -> elect_draining()
		:: else
		fi;
		if
		:: moved
		:: else -> break
		fi
	od;
	if
	:: (nd[n].cmd == CMD_ACTIVATE && nd[n].role == ROLE_ACTIVE) ||
			(nd[n].cmd == CMD_DEACTIVATE && nd[n].role != ROLE_ACTIVE &&
			nd[n].role != ROLE_DRAINING &&
			(nd[n].stopping || (nd[n].c.valid && nd[n].c.role == ROLE_ACTIVE))) ->
		nd[n].cmd = 0;
		nd[n].yield = 0
	:: else
	fi
}

/*
 * detect_step(): a gap of more than two intervals is sleep. After one that is shorter than the
 * detection time the peer gets two intervals to be heard; after a longer one silence counts anew.
 */
inline wake()
{
	nd[n].silence = nd[n].silence + nd[n].gap;
	nd[n].silence = (nd[n].silence > DETECT -> DETECT : nd[n].silence);
#ifndef MUT_SLEEP_COUNTS
	if
	:: nd[n].gap > 2 && nd[n].gap < DETECT ->
		nd[n].silence = (nd[n].silence > DETECT - 2 -> DETECT - 2 : nd[n].silence)
	:: nd[n].gap > 2 && nd[n].gap >= DETECT -> nd[n].silence = 0
	:: else
	fi;
#endif
	nd[n].gap = 0;
	was_open = nd[n].open > 0;
	ran_out = nd[n].role == ROLE_ACTIVE && !was_open;
	moves = 0;
#ifndef MUT_LAPSED_GOES_ON
	lapsed = ran_out
#else
	lapsed = false
#endif
}

/* judge_peer() */
inline judge(tick)
{
	if
	:: nd[n].peer == PEER_ALIVE ->
		if
#ifndef MUT_RENEWS_ON_FRAMES
		:: tick && nd[n].silence >= QUIET -> nd[n].quiet = 1
#else
		:: nd[n].silence >= QUIET -> nd[n].quiet = 1
#endif
		:: else
		fi;
		if
		:: nd[n].bye || (tick && nd[n].silence >= DETECT) ->
			nd[n].peer = PEER_DEAD;
			nd[n].quiet = 0
		:: else
		fi
	:: else
	fi
}

/* steer_gate() with lease_until() */
inline steer(tick)
{
	if
	:: nd[n].role == ROLE_ACTIVE ->
		nd[n].drain = 0;
		if
		:: nd[n].peer != PEER_ALIVE || nd[n].quiet ->
			/* a frame that waits may end the silence: renewed on ticks only */
#ifndef MUT_RENEWS_ON_FRAMES
			nd[n].open = (tick || nd[n].open == 0 -> LEASE : nd[n].open)
#else
			nd[n].open = LEASE
#endif
		:: else ->
#ifdef MUT_LEASE_FROM_NOW
			nd[n].open = LEASE
#else
			nd[n].open = LEASE - nd[n].anchor
#endif
		fi
	:: nd[n].role == ROLE_DRAINING ->
		nd[n].open = 0;
		nd[n].drain = DRAIN - nd[n].timer
	:: else -> nd[n].open = 0; nd[n].drain = 0
	fi
}
