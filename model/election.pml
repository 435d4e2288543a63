/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The role machine and the lease of two nodes as a Promela model, for spin: the world around them,
 * and what must hold. The nodes themselves: node.pml. What the model leaves out stands in
 * docs/design/election.md, "The model".
 *
 * Time is discrete; one unit is one heartbeat interval. Within a unit both nodes step and frames
 * arrive in any order. Instants are kept as ages in units, so that the states are finite.
 *
 * A world is chosen with -D (tests/model/test_model.py lists the configurations):
 *   DETECT LEASE QUIET   detection time, lease, silence that counts for the lease
 *   SLOTS                frames under way in one direction at a time. One more overwrites the
 *                        newest: that is how frames get lost
 *   LOSSES               … heartbeats by the clock only so often
 *   LATES                … or is lost itself, so often, and the older one may still arrive
 *   SKIPS                units that a node may sleep through, both together
 *   CRASHES COMMANDS CHANGES STOPS CUTS    how many of each may happen
 *   PAIR                 node 0 is active, node 1 knows it; else both have just started
 *   PARTITION            frames may fail in both directions at once (else such runs end there)
 *   CALM                 at some moment all faults end for good; then one gate must open in time
 *   TERM_MAX             runs that need higher terms end there
 * and broken on purpose with -DMUT_… .
 */
#ifndef DETECT
#define DETECT 3
#endif
#ifndef LEASE
#define LEASE 3 /* rounded up: 0.8 × 3 = 2.4 is open at the whole units 0, 1, 2 */
#endif
#ifndef QUIET
#define QUIET 3 /* the first whole unit past 2.5 */
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef LOSSES
#define LOSSES EVER
#endif
#ifndef LATES
#define LATES 0
#endif
#ifndef SKIPS
#define SKIPS 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef COMMANDS
#define COMMANDS 0
#endif
#ifndef CHANGES
#define CHANGES 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef CUTS
#define CUTS 0
#endif
#ifndef TERM_MAX
#define TERM_MAX 4
#endif
#define SILENCE      (2 * DETECT)
#define DRAIN        3
#define FLUSH        1
#define WANT_TIMEOUT (DETECT + 1)
#define PAUSE        2
#ifndef BOUND
#define BOUND (SILENCE + DETECT + 2)
#endif
#define EVER 99 /* SKIPS, LOSSES: no limit */

#define ROLE_SILENT   0
#define ROLE_INACTIVE 1
#define ROLE_WANTING  2
#define ROLE_ACTIVE   3
#define ROLE_DRAINING 4
#define ROLE_STOPPED  5

#define PEER_UNKNOWN 0
#define PEER_ALIVE   1
#define PEER_DEAD    2

#define WHY_SETTLED  1
#define WHY_RANK     2
#define WHY_OPERATOR 3
#define WHY_YIELD    4

#define CMD_ACTIVATE   1
#define CMD_DEACTIVATE 2

typedef claim {
	bool valid;
	bool flushed;
	bool yield;
	unsigned role : 3;
	unsigned term : 4;
	unsigned held : 4; /* term in which it was active last */
	unsigned want : 4;
	unsigned why : 3; /* of the wish */
	unsigned grant : 4;
	unsigned refused : 4;
	unsigned fit : 2;
}

typedef frame {
	bool used;
	bool bye;
	bool arrived; /* waits in the socket of a node that does not run: told before its next tick */
	unsigned sent : 4; /* how long ago */
	unsigned echo : 4; /* how long ago the frame that it echoes was sent */
	unsigned silence : 4; /* how long the sender had not heard the receiver when it sent it */
	claim c;
}

typedef node {
	bool up;
	/* struct elect */
	bool flushed;
	bool alone;
	bool yield;
	bool stopping;
	unsigned role : 3;
	unsigned term : 4;
	unsigned held : 4;
	unsigned floor : 4;
	unsigned want : 4;
	unsigned why : 3;
	unsigned grant : 4;
	unsigned refused : 4;
	unsigned cmd : 2;
	unsigned timer : 4; /* time in this role; inactive: what is left of the pause */
	/* facts */
	unsigned fit : 2; /* rank's steps 1 to 4: 0 not able, else more is better */
	bool cut;         /* no carrier on any wire */
	/* struct detect, struct node_peer */
	bool met; /* has taken over the peer's present session */
	bool bye;
	bool quiet;
	bool fresh; /* heard since it became silent */
	unsigned peer : 2;
	unsigned silence : 4; /* awake time since the peer was heard */
	unsigned gap : 3;     /* since the last step; more than 2 is sleep */
	unsigned heard : 4;   /* send time of the newest frame heard: what a heartbeat echoes */
	unsigned anchor : 4;  /* of the lease: own newest echoed frame, or the peer's return */
	claim c;
	/* what is left of the gate's words */
	unsigned open : 5;
	unsigned drain : 4;
	bool ticked; /* in this unit */
	/* what the checks know: readable frames that reached this node */
	bool hole;            /* none for QUIET units on end, since the other one last got any */
	unsigned unheard : 4; /* none for so long */
	unsigned asked : 4;   /* highest term that this process asked for */
	unsigned listen : 4;  /* the carrier has returned: until something is heard, at most so long */
}

node nd[2];
frame net[2 * SLOTS]; /* to node i from i * SLOTS on, oldest first */
bool calm;
bool wire[2]; /* in a calm world: does the direction to this node work? */
byte calm_for, last_used;
byte losses, lates, skips, crashes, commands, changes, stops, cuts;
byte n, m, coin, lost; /* of the event that is being carried out, else 0 */
bool tell, over;

/* Scratch within one d_step. Never carried to the next one: spin does not restore it when it goes back. */
hidden byte i, better, rank_step, top, why, next;
hidden byte old_role, old_term, old_want, old_grant, old_refused;
hidden byte moved, moves, lapsed, ran_out, was_open, mine, theirs, old_flushed;

c_decl {
	static unsigned long taken[6][6], cut_terms, cut_partition;
	static void
	print_taken(void)
	{
		static const char *const role[] = {
			"silent", "inactive", "wanting", "active", "draining", "stopped"};

		for (int f = 0; f < 6; f++)
			for (int t = 0; t < 6; t++)
				if (taken[f][t])
					printf("MOVE %s %s %lu\n", role[f], role[t], taken[f][t]);
		printf("ENDED partition %lu terms %lu\n", cut_partition, cut_terms);
	}
};

#include "node.pml"

#define QUEUE(k) ((k) * SLOTS)

inline copy_claim(to, from)
{
	to.valid = from.valid;
	to.flushed = from.flushed;
	to.yield = from.yield;
	to.role = from.role;
	to.term = from.term;
	to.held = from.held;
	to.want = from.want;
	to.why = from.why;
	to.grant = from.grant;
	to.refused = from.refused;
	to.fit = from.fit
}

inline clear_claim(to)
{
	to.valid = 0;
	to.flushed = 0;
	to.yield = 0;
	to.role = 0;
	to.term = 0;
	to.held = 0;
	to.want = 0;
	to.why = 0;
	to.grant = 0;
	to.refused = 0;
	to.fit = 0
}

inline clear_frame(f)
{
	f.used = 0;
	f.bye = 0;
	f.arrived = 0;
	f.sent = 0;
	f.echo = 0;
	f.silence = 0;
	clear_claim(f.c)
}

inline clear_queue(k)
{
	clear_frame(net[QUEUE(k)]);
#if SLOTS > 1
	clear_frame(net[QUEUE(k) + 1])
#endif
}

/* This process is no more; the gate's words stay as they are. */
inline forget(k)
{
	nd[k].up = 0;
	nd[k].flushed = 0;
	nd[k].alone = 0;
	nd[k].yield = 0;
	nd[k].stopping = 0;
	nd[k].role = ROLE_SILENT;
	nd[k].term = 0;
	nd[k].held = 0;
	nd[k].floor = 0;
	nd[k].want = 0;
	nd[k].why = 0;
	nd[k].grant = 0;
	nd[k].refused = 0;
	nd[k].cmd = 0;
	nd[k].timer = 0;
	nd[k].asked = 0;
	nd[k].listen = 0;
	nd[k].bye = 0;
	nd[k].quiet = 0;
	nd[k].fresh = 0;
	nd[k].peer = PEER_UNKNOWN;
	nd[k].silence = 0;
	nd[k].gap = 0;
	nd[k].heard = LEASE;
	nd[k].anchor = LEASE;
	nd[k].ticked = 0;
	nd[k].met = 0;
	nd[1 - k].met = 0;
	clear_claim(nd[k].c);
	/* what was sent to it cannot be read by the next one; what it sent can */
	clear_queue(k)
}

/* A readable heartbeat reached node k: what the exemption for partitions counts. */
inline reached(k)
{
	nd[k].unheard = 0;
	nd[1 - k].hole = nd[1 - k].unheard >= QUIET
}

/*
 * The frame that stands for an echo must take less time on its way than detection is longer than the
 * lease. Where rounding left nothing between the two the way is added here.
 */
#define WAY (LEASE < DETECT -> i : net[QUEUE(n)].sent)

/* believe() */
inline believe()
{
	i = (net[QUEUE(n)].arrived -> nd[n].unheard : 0); /* how long it waited */
	if
	:: !net[QUEUE(n)].arrived && !net[QUEUE(n)].bye -> reached(n)
	:: else
	fi;
	copy_claim(nd[n].c, net[QUEUE(n)].c);
	nd[n].heard = net[QUEUE(n)].sent;
	nd[n].anchor = (net[QUEUE(n)].echo < nd[n].anchor -> net[QUEUE(n)].echo : nd[n].anchor);
	if
	:: net[QUEUE(n)].bye -> nd[n].bye = 1
	:: else ->
		nd[n].listen = 0;
		nd[n].silence = (nd[n].silence > i -> i : nd[n].silence);
		nd[n].quiet = 0;
		if
		:: nd[n].peer != PEER_ALIVE ->
			nd[n].peer = PEER_ALIVE;
#ifndef MUT_COMES_BACK_FRESH
			/* stands_for_echo() */
			i = (net[QUEUE(n)].silence < DETECT -> WAY + net[QUEUE(n)].silence : i);
#endif
			nd[n].anchor = (i < nd[n].anchor -> i : nd[n].anchor)
		:: else
		fi;
		nd[n].fresh = nd[n].role == ROLE_SILENT
	fi;
#if SLOTS > 1
	if
	:: net[QUEUE(n) + 1].used ->
		copy_claim(net[QUEUE(n)].c, net[QUEUE(n) + 1].c);
		net[QUEUE(n)].bye = net[QUEUE(n) + 1].bye;
		net[QUEUE(n)].arrived = net[QUEUE(n) + 1].arrived;
		net[QUEUE(n)].sent = net[QUEUE(n) + 1].sent;
		net[QUEUE(n)].echo = net[QUEUE(n) + 1].echo;
		net[QUEUE(n)].silence = net[QUEUE(n) + 1].silence;
		clear_frame(net[QUEUE(n) + 1])
	:: else -> clear_frame(net[QUEUE(n)])
	fi
#else
	clear_frame(net[QUEUE(n)])
#endif
}

/* peer_restarted(): node n takes over the peer's new session. */
inline meet()
{
	nd[n].met = 1;
	clear_claim(nd[n].c);
	nd[n].heard = LEASE;
	nd[n].anchor = 0;
	nd[n].bye = 0;
	clear_queue(n)
}

/* silence_used(): a silent node listens on, at least until InitialSilence is over. */
#define LISTENED     (DETECT + nd[n].timer - SILENCE)
#define SILENCE_USED (nd[n].role != ROLE_SILENT || LISTENED >= nd[n].silence -> nd[n].silence : \
		      (LISTENED > 0 -> LISTENED : 0))

/* node_publish() */
inline put(f)
{
	f.used = 1;
	f.bye = nd[n].role == ROLE_STOPPED;
	f.arrived = 0;
	f.sent = 0;
	f.echo = nd[n].heard;
	f.silence = SILENCE_USED;
	f.c.valid = 1;
	f.c.flushed = nd[n].flushed;
	f.c.yield = nd[n].yield;
	f.c.role = nd[n].role;
	f.c.term = nd[n].term;
	f.c.held = nd[n].held;
	f.c.want = nd[n].want;
	f.c.why = nd[n].why;
	f.c.grant = nd[n].grant;
	f.c.refused = nd[n].refused;
	f.c.fit = nd[n].fit
}

#define CAN_SEND (nd[n].met && nd[m].met && nd[m].up && !nd[n].cut && !nd[m].cut && wire[m])

#define LAST(k) net[QUEUE(k) + SLOTS - 1]

/*
 * A frame more than there is room for takes the place of the newest. Where that one waits in the
 * socket of a node that does not run the new one joins it there: the newest is what counts.
 */
inline send()
{
	if
	:: CAN_SEND && !lost ->
		if
		:: LAST(m).arrived ->
			put(LAST(m));
			LAST(m).arrived = 1;
			reached(m)
		:: else ->
#if SLOTS > 1
			if
			:: net[QUEUE(m)].used -> put(LAST(m))
			:: else -> put(net[QUEUE(m)])
			fi
#else
			put(net[QUEUE(m)])
#endif
		fi
	:: else
	fi
}

/* What had to be so that both gates may be open: k opened second, and could not know better. */
#define CUT_BOTH_WAYS(k) (nd[k].unheard >= DETECT && nd[1 - (k)].hole)

inline check_gates()
{
	/* a lease that has run out is not renewed */
	assert(!ran_out || !nd[n].open || moves);
	assert(!(nd[0].drain && nd[1].drain));
#ifdef PARTITION
	assert(was_open || !nd[n].open || !nd[m].open || CUT_BOTH_WAYS(n))
#else
	assert(!nd[n].open || !nd[m].open)
#endif
}

inline remember()
{
	old_role = nd[n].role;
	old_term = nd[n].term;
	old_want = nd[n].want;
	old_grant = nd[n].grant;
	old_flushed = nd[n].flushed;
	old_refused = nd[n].refused
}

#define CHANGED (old_role != nd[n].role || old_term != nd[n].term || old_want != nd[n].want || \
		 old_grant != nd[n].grant || old_flushed != nd[n].flushed || \
		 old_refused != nd[n].refused)

/* node_step() after the event was taken */
inline step(tick, urgent)
{
	judge(tick);
	elect();
	steer(tick);
	printf("EVENT %d: role %d term %d open %d drain %d peer %d silence %d anchor %d heard %d want %d grant %d\n",
		n, nd[n].role, nd[n].term, nd[n].open, nd[n].drain, nd[n].peer, nd[n].silence,
		nd[n].anchor, nd[n].heard, nd[n].want, nd[n].grant);
	check_gates();
	tell = tick || urgent || CHANGED
}

#define FITS(r) (net[QUEUE(n)].used && net[QUEUE(n)].c.role == r || nd[n].c.valid && nd[n].c.role == r)

/* A choice where one matters: settled links, a quiet gate, a quick state sync. */
inline toss()
{
	m = 1 - n;
	if
	:: true
	:: (nd[n].role == ROLE_SILENT && nd[n].timer >= DETECT) || nd[n].role == ROLE_DRAINING ||
			(nd[n].role == ROLE_INACTIVE && FITS(ROLE_SILENT)) ||
			(nd[n].role == ROLE_ACTIVE && FITS(ROLE_WANTING)) -> coin = 1
	fi
}

#define HIGH(k)     (nd[k].term > TERM_MAX || nd[k].want > TERM_MAX || nd[k].floor > TERM_MAX)

/* What was said is sent or lost; who has stopped is gone. */
inline finish()
{
	if
	:: tell && CAN_SEND && !calm && LAST(m).arrived -> lost = 1
	:: tell && CAN_SEND && !calm && lates < LATES && LAST(m).used && !LAST(m).arrived ->
		lost = 1;
		lates++
	:: true
	fi;
	d_step {
		if
		:: tell -> send()
		:: else
		fi;
		if
		:: nd[n].role == ROLE_STOPPED ->
			assert(!nd[n].open && !nd[n].drain);
			forget(n)
		:: else
		fi;
		if
		:: HIGH(n) ->
			over = 1;
			c_code { cut_terms++; }
		:: else
		fi;
		n = 0;
		m = 0;
		coin = 0;
		lost = 0;
		tell = 0
	}
}

#define RUNS(k)    (nd[k].up && !over)
#define HAS(k)     (RUNS(k) && net[QUEUE(k)].used)
#define CROWDS(k)  (net[QUEUE(1 - (k)) + SLOTS - 1].used)
#define TICKS(k)   (RUNS(k) && !nd[k].ticked && !net[QUEUE(k)].arrived && \
		    (LOSSES == EVER || losses < LOSSES || !CROWDS(k)))
#define STRANGE(k) (RUNS(k) && RUNS(1 - (k)) && !nd[k].met && !nd[k].cut && !nd[1 - (k)].cut && \
		    wire[0] && wire[1])

#define CHOOSE(when, is) if :: (when) && is(0) -> n = 0 :: (when) && is(1) -> n = 1 fi

#define CAN_ACTIVATE(k) (RUNS(k) && nd[k].role != ROLE_ACTIVE && !nd[k].cmd && !nd[k].stopping && \
			 nd[k].peer == PEER_ALIVE && nd[k].c.valid && nd[k].fit && \
			 nd[k].c.fit && nd[k].fit >= nd[k].c.fit)
#define CAN_YIELD(k)    (RUNS(k) && nd[k].role == ROLE_ACTIVE && !nd[k].cmd && !nd[k].stopping && \
			 nd[k].peer == PEER_ALIVE && nd[k].c.valid && nd[k].c.fit && \
			 nd[k].fit <= nd[k].c.fit)
#define HAS_COMMAND(k)  (RUNS(k) && nd[k].cmd)
#define CAN_STOP(k)     (RUNS(k) && !nd[k].stopping)
#define IS_DOWN(k)      (!nd[k].up && !over)
#define IS_CUT(k)       (RUNS(k) && nd[k].cut)
#define IS_LINKED(k)    (RUNS(k) && !nd[k].cut)

inline older(x)
{
	x = (x < LEASE -> x + 1 : LEASE)
}

inline age_frame(f)
{
	if
	:: f.used -> older(f.sent); older(f.echo)
	:: else
	fi
}

/* One unit passes at node k; came: a frame reached it while it did not run,
 * and waits (1) or is lost (2). */
inline pass(k, came)
{
	if
	:: came ->
		if
		:: !net[QUEUE(k)].bye && (came == 1 || nd[k].gap >= DETECT - 1) -> reached(k)
		:: else
		fi;
		if
		:: came == 1 -> net[QUEUE(k)].arrived = 1
		:: else -> clear_queue(k) /* its NIC had no room */
		fi
	:: else
	fi;
	nd[k].open = (nd[k].open > 0 -> nd[k].open - 1 : 0);
	nd[k].drain = (nd[k].drain > 0 -> nd[k].drain - 1 : 0);
	age_frame(net[QUEUE(k)]);
#if SLOTS > 1
	age_frame(net[QUEUE(k) + 1]);
#endif
	if
	:: nd[k].up ->
		nd[k].ticked = 0;
		nd[k].gap = (nd[k].gap < DETECT -> nd[k].gap + 1 : DETECT);
		older(nd[k].heard);
		older(nd[k].anchor);
		nd[k].listen = (nd[k].listen > 0 -> nd[k].listen - 1 : 0);
		if
		:: nd[k].role == ROLE_INACTIVE -> nd[k].timer = (nd[k].timer > 0 -> nd[k].timer - 1 : 0)
		:: nd[k].role == ROLE_SILENT && nd[k].timer < SILENCE -> nd[k].timer++
		:: nd[k].role == ROLE_WANTING && nd[k].timer < WANT_TIMEOUT -> nd[k].timer++
		:: nd[k].role == ROLE_DRAINING && nd[k].timer < DRAIN -> nd[k].timer++
		:: else
		fi
	:: else
	fi
}

/* After both have passed: how long each has not been reached. */
inline unreached(k)
{
	if
	:: nd[k].up ->
		nd[k].unheard = (nd[k].unheard < DETECT -> nd[k].unheard + 1 : DETECT);
		nd[k].hole = nd[k].hole || (nd[k].unheard >= QUIET && !nd[k].cut)
	:: else
	fi
}

#define ASLEEP(k)   (nd[k].up && !nd[k].ticked)
#define WAITS(k)    (ASLEEP(k) && net[QUEUE(k)].used && !net[QUEUE(k)].arrived)
#define HEALTHY(k)  (nd[k].up && nd[k].fit && !nd[k].cut && !nd[k].stopping)
#define IS_OPEN(k)  (nd[k].open > 0)
#define ISOLATED    (nd[0].up && nd[1].up && !wire[0] && !wire[1])
#define DONE(k)     (!nd[k].up || (nd[k].ticked && !net[QUEUE(k)].used && !STRANGE(k)))

/* In a calm world: in time, and from then on for ever, the outcome that the documents promise. */
inline check_calm()
{
	calm_for = (calm_for < BOUND -> calm_for + 1 : BOUND);
	if
	:: calm_for == BOUND && ISOLATED ->
		assert((IS_OPEN(0) || !HEALTHY(0)) && (IS_OPEN(1) || !HEALTHY(1)))
	:: calm_for == BOUND && !ISOLATED && (HEALTHY(0) || HEALTHY(1)) ->
		assert(IS_OPEN(0) + IS_OPEN(1) == 1)
	:: else
	fi
}

inline end_unit()
{
	d_step {
		if
		:: SKIPS != EVER && !calm ->
			skips = skips + ASLEEP(0) + ASLEEP(1)
		:: else
		fi;
		if
		:: calm -> check_calm()
		:: else
		fi;
		pass(0, coin);
		pass(1, lost);
		unreached(0);
		unreached(1);
		coin = 0;
		lost = 0;
#ifndef PARTITION
		if
		:: nd[0].up && nd[1].up && (CUT_BOTH_WAYS(0) || CUT_BOTH_WAYS(1)) ->
			over = 1;
			c_code { cut_partition++; }
		:: else
		fi;
#else
		skip
#endif
	}
}

/* For good; what has reached the node already is told to it. */
inline cut_wire(k)
{
	wire[k] = 0;
	if
	:: net[QUEUE(k)].arrived
	:: else -> d_step { clear_queue(k) }
	fi
}

/* Node k has just heard the other one, which is in that role. */
inline acquaint(k, is)
{
	nd[k].met = 1;
	nd[k].peer = PEER_ALIVE;
	nd[k].term = 1;
	nd[k].held = (is == ROLE_ACTIVE -> 0 : 1);
	nd[k].heard = 0;
	nd[k].anchor = 0;
	nd[k].c.valid = 1;
	nd[k].c.role = is;
	nd[k].c.term = 1;
	nd[k].c.held = (is == ROLE_ACTIVE -> 1 : 0);
	nd[k].c.fit = 1
}

active proctype world()
{
	atomic {
		c_code { static int once; if (!once++) atexit(print_taken); };
		d_step {
			forget(0);
			forget(1);
			nd[0].up = 1;
			nd[1].up = 1;
			nd[0].fit = 1;
			nd[1].fit = 1;
			wire[0] = 1;
			wire[1] = 1
		}
#ifdef PAIR
		d_step {
			acquaint(0, ROLE_INACTIVE);
			acquaint(1, ROLE_ACTIVE);
			nd[0].role = ROLE_ACTIVE;
			nd[0].open = LEASE;
			nd[1].role = ROLE_INACTIVE
		}
#endif
	}
	do
	:: over -> break
	:: atomic { CHOOSE(true, TICKS) -> toss();
		d_step { losses = losses + (LOSSES != EVER && !calm && CROWDS(n)); remember(); wake();
			nd[n].ticked = 1; step(true, false) } finish() }
	:: atomic { CHOOSE(true, HAS) -> toss();
		d_step { remember(); wake(); believe(); step(false, false) } finish() }
	:: atomic { CHOOSE(true, STRANGE) -> toss();
		d_step { remember(); wake(); meet(); step(false, true) } finish() }

	/* faults and wishes */
#if CRASHES
	:: atomic { CHOOSE(!calm && crashes < CRASHES, RUNS);
		crashes++;
		if
		:: true -> d_step { nd[n].open = 0; nd[n].drain = 0 } /* power; or the supervisor */
		:: nd[n].open || nd[n].drain /* the words lapse by themselves */
		fi;
		d_step { forget(n); n = 0 } }
#endif
#if CRASHES || STOPS
	:: atomic { CHOOSE(!calm, IS_DOWN);
		d_step {
			nd[n].up = 1;
			nd[n].open = 0;
			nd[n].drain = 0;
			/* a new process has heard nothing yet */
			nd[n].unheard = DETECT;
			nd[n].hole = 1;
			n = 0
		} }
#endif
#if COMMANDS
	:: atomic { CHOOSE(!calm && commands < COMMANDS, CAN_ACTIVATE);
		commands++;
		toss();
		d_step { remember(); wake(); nd[n].cmd = CMD_ACTIVATE;
			nd[n].timer = (nd[n].role == ROLE_INACTIVE -> 0 : nd[n].timer);
			step(false, false) } finish() }
	:: atomic { CHOOSE(!calm && commands < COMMANDS, CAN_YIELD);
		commands++;
		toss();
		d_step { remember(); wake(); nd[n].cmd = CMD_DEACTIVATE; nd[n].yield = 1;
			step(false, true) } finish() }
#endif
#if COMMANDS || STOPS
	:: atomic { CHOOSE(!calm, HAS_COMMAND); /* its time is over */
		toss();
		d_step { remember(); wake(); nd[n].cmd = 0; nd[n].yield = 0; step(false, true) }
		finish() }
#endif
#if CHANGES
	:: atomic { CHOOSE(!calm && changes < CHANGES, RUNS);
		changes++;
		toss();
		if
		:: nd[n].fit != 0 -> nd[n].fit = 0
		:: nd[n].fit != 1 -> nd[n].fit = 1
		:: nd[n].fit != 2 -> nd[n].fit = 2
		fi;
		d_step { remember(); wake(); step(false, true) } finish() }
#endif
#if STOPS
	:: atomic { CHOOSE(!calm && stops < STOPS, CAN_STOP);
		stops++;
		toss();
		d_step { remember(); wake(); nd[n].stopping = 1; nd[n].cmd = 0;
			if
			:: nd[n].role == ROLE_ACTIVE && PEER_LIVES && nd[n].c.fit ->
				nd[n].cmd = CMD_DEACTIVATE;
				nd[n].yield = 1
			:: else
			fi;
			step(false, true) } finish() }
#endif
#if CUTS
	:: atomic { CHOOSE(!calm && cuts < CUTS, IS_LINKED);
		cuts++;
		toss();
		d_step { remember(); wake(); nd[n].cut = 1; clear_queue(0); clear_queue(1);
			step(false, false) } finish() }
	:: atomic { CHOOSE(!calm, IS_CUT);
		toss();
		d_step { remember(); wake(); nd[n].cut = 0; nd[n].listen = SILENCE - 1;
			step(false, false) } finish() }
#endif

	/* time */
	:: atomic { !over && (calm && DONE(0) && DONE(1) || !calm &&
			(SKIPS == EVER || skips + ASLEEP(0) + ASLEEP(1) <= SKIPS)) ->
		if
		:: true
		:: WAITS(0) -> coin = 1
		:: WAITS(0) -> coin = 2
		fi;
		if
		:: true
		:: WAITS(1) -> lost = 1
		:: WAITS(1) -> lost = 2
		fi;
		end_unit();
		printf("UNIT unheard %d %d, hole %d %d\n", nd[0].unheard, nd[1].unheard,
			nd[0].hole, nd[1].hole) }
#ifdef CALM
	:: atomic { !calm && !over && nd[0].met && nd[1].met ->
		calm = 1;
		d_step { losses = 0; lates = 0; skips = 0; crashes = 0; commands = 0; changes = 0; stops = 0; cuts = 0 }
		if
		:: true
		:: true -> cut_wire(0)
		:: true -> cut_wire(1)
		:: true -> cut_wire(0); cut_wire(1)
		fi }
	:: atomic { !calm && !over && !(nd[0].met && nd[1].met) ->
		calm = 1;
		d_step { losses = 0; lates = 0; skips = 0; crashes = 0; commands = 0; changes = 0; stops = 0; cuts = 0 } }
#endif
	od
}
