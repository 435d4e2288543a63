/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends what to whom, and when a table counts as complete. */
#include <assert.h>
#include <string.h>
#include "core/sync/aging.h"
#include "core/sync/duty.h"

void
duty_init(struct duty *d, struct instant now, int64_t last_s)
{
	memset(d, 0, sizeof(*d));
	d->part = SYNC_STANDBY;
	d->in_expiry_s = d->in_whole_s = aging_expiry(now, last_s);
}

/* Nobody serves us any more, and what was received stays as it is. */
static void
forget_incoming(struct duty *d)
{
	d->in = IN_NONE;
	d->in_complete = false;
	d->put_request = d->put_done = d->put_incomplete = false;
	d->missed = false;
	d->again_at = INSTANT_ZERO;
	d->in_total = d->in_seen = 0;
}

static void
ask(struct duty *d)
{
	forget_incoming(d);
	d->put_request = d->session;
}

static void
forget_outgoing(struct duty *d)
{
	d->out = OUT_IDLE;
	d->lost = d->out_complete = false;
	d->out_total = d->out_sent = 0;
}

void
duty_part(struct duty *d, enum sync_part part, uint64_t term, bool alone)
{
	bool was_active = d->part == SYNC_ACTIVE;

	if (part == SYNC_BARRIER) { /* its term is the one to report; nothing else changes */
		d->draining = true;
		return;
	}
	if (term != d->term || (part == SYNC_ACTIVE) != was_active)
		d->barrier = false;
	if (part == SYNC_ACTIVE && (!was_active || term != d->term)) {
		d->put_term = d->session;
		if (!was_active)
			forget_incoming(d);
		d->heir = !alone && (!was_active || d->heir);
	}
	d->term = term;
	d->part = part;
	if (was_active && part != SYNC_ACTIVE) {
		forget_outgoing(d);
		ask(d); /* windows are stale here: the peer's flows replace ours */
		d->renew = !d->draining;
	}
	d->draining = false;
}

void
duty_set_barrier(struct duty *d, uint64_t term, uint32_t mark)
{
	d->barrier = true;
	d->barrier_term = term;
	d->barrier_mark = mark;
}

void
duty_barrier_reached(struct duty *d)
{
	d->flushed_term = d->barrier_term;
	d->barrier = false;
}

void
duty_session_up(struct duty *d)
{
	d->session = true;
	d->asked = 0;
	d->peer_term = 0;
	d->barrier = d->renew = d->heir = false;
	forget_outgoing(d);
	forget_incoming(d);
	d->put_term = d->part == SYNC_ACTIVE;
	if (d->part != SYNC_ACTIVE)
		ask(d);
}

void
duty_session_down(struct duty *d)
{
	d->session = false;
	d->asked = 0;
	d->barrier = d->put_term = d->renew = d->heir = false;
	forget_outgoing(d);
	forget_incoming(d);
}

void
duty_lost(struct duty *d)
{
	d->lost = true;
	d->out_complete = false;
	d->out = OUT_IDLE;
}

void
duty_missed(struct duty *d, bool update)
{
	if (d->part == SYNC_ACTIVE || !d->session || (update && d->in == IN_RECEIVING))
		return;
	d->put_incomplete |= d->in_complete;
	d->in_complete = d->put_done = false;
	d->missed = true;
}

static void
on_begin(struct duty *d, const struct sync_record *rec, struct instant now)
{
	if (d->part == SYNC_ACTIVE)
		return;
	if (rec->control.partial && d->in != IN_DONE)
		return; /* a whole one was asked for, and will come */
	d->in_partial = rec->control.partial;
	if (!d->in_partial) {
		if (d->in != IN_ASKED)
			d->in_complete = false; /* not a refresh: the peer lost something */
		d->missed = false;
		d->again_at = INSTANT_ZERO;
	}
	d->in = IN_RECEIVING;
	d->put_done = false;
	d->in_id = rec->control.id;
	d->in_total = rec->control.count;
	d->in_seen = 0;
	d->in_since = now;
	d->in_expiry_s = aging_expiry(now, d->in_expiry_s);
	if (!d->in_partial)
		d->in_whole_s = d->in_expiry_s;
}

void
duty_control(struct duty *d, const struct sync_record *rec, struct instant now)
{
	assert(rec->kind == SYNC_CONTROL);
	switch (rec->control.type) {
	case SYNC_BULK_REQUEST:
		if (!rec->control.count)
			d->out_complete = false;
		d->out = OUT_IDLE;
		d->asked = rec->control.id;
		break;
	case SYNC_BULK_BEGIN:
		on_begin(d, rec, now);
		break;
	case SYNC_BULK_END:
		if (d->in == IN_RECEIVING && rec->control.id == d->in_id)
			d->in = IN_SWEEPING;
		break;
	case SYNC_BULK_DONE:
		/* an INCOMPLETE of before may have come while this one was on its way */
		if (rec->control.id == d->out_id &&
			(d->out == OUT_WAITING || (d->out == OUT_DONE && !d->out_complete))) {
			d->out = OUT_DONE;
			d->out_complete = true;
			*(d->out_partial ? &d->repairs_sent : &d->bulks_sent) += 1;
		}
		break;
	case SYNC_TERM:
		d->peer_term = rec->control.term;
		d->asked = 0; /* it is active, and asks again when it is not */
		if (d->peer_term >= d->term)
			d->heir = false; /* and no longer the one that gave us the role */
		break;
	case SYNC_INCOMPLETE:
		d->out_complete = false;
		if (d->out == OUT_WAITING)
			d->out = OUT_DONE;
		break;
	case SYNC_SCAN: /* compare.c's */
	case SYNC_SUMS:
	case SYNC_BUCKETS:
	case SYNC_VERDICT:
	case SYNC_OWN: /* the daemon's */
	case SYNC_SIDE:
	case _SYNC_CONTROL_MAX:
		break;
	}
}

/*
 * Asks again, with pauses that grow while it does not help: when this kernel's table is full, a
 * bulk every second would cost both nodes much and mend nothing.
 */
static void
ask_again(struct duty *d, struct instant now)
{
	if (d->again_at.ns && instant_reached(now, d->again_at)) {
		d->put_request = true;
		d->again_last = now;
		return;
	}
	if (d->again_at.ns)
		return;
	if (!d->again_last.ns || instant_sub(now, d->again_last) > 2 * DUTY_AGAIN_MAX_NS)
		d->again_ns = DUTY_AGAIN_MIN_NS;
	else
		d->again_ns =
			d->again_ns * 2 < DUTY_AGAIN_MAX_NS ? d->again_ns * 2 : DUTY_AGAIN_MAX_NS;
	d->again_at = instant_add(now, d->again_ns);
}

static void
begin_out(struct duty *d, uint32_t flows, bool partial)
{
	d->out = OUT_BEGIN;
	d->lost = false;
	d->out_partial = partial;
	d->out_id++;
	d->out_total = flows;
	d->out_sent = 0;
}

void
duty_poll(struct duty *d, struct instant now, bool calm, uint32_t flows)
{
	if (d->part != SYNC_ACTIVE && d->in == IN_DONE && d->missed)
		ask_again(d, now);
	else if (d->part != SYNC_ACTIVE && d->in == IN_DONE &&
		 aging_needs_refresh(now, d->in_whole_s))
		d->put_request = true;
	if (d->part != SYNC_ACTIVE || !d->session || !d->asked || d->put_term)
		return;
	if (d->out != OUT_IDLE || !calm)
		return;
	begin_out(d, flows, false);
}

void
duty_repair(struct duty *d, uint32_t flows)
{
	assert(duty_comparable(d));
	begin_out(d, flows, true);
}

bool
duty_next(const struct duty *d, struct sync_record *rec)
{
	rec->kind = SYNC_CONTROL;
	if (d->put_term) {
		rec->control.type = SYNC_TERM;
		rec->control.term = d->term;
	} else if (d->put_request) {
		rec->control.type = SYNC_BULK_REQUEST;
		rec->control.id = d->request_id + 1;
		rec->control.count = d->in_complete;
	} else if (d->put_incomplete) {
		rec->control.type = SYNC_INCOMPLETE;
	} else if (d->put_done) {
		rec->control.type = SYNC_BULK_DONE;
		rec->control.id = d->in_id;
	} else if (d->out == OUT_BEGIN) {
		rec->control.type = SYNC_BULK_BEGIN;
		rec->control.id = d->out_id;
		rec->control.count = d->out_total;
		rec->control.partial = d->out_partial;
	} else if (d->out == OUT_END) {
		rec->control.type = SYNC_BULK_END;
		rec->control.id = d->out_id;
		rec->control.count = d->out_sent;
	} else {
		return false;
	}
	return true;
}

void
duty_put(struct duty *d, const struct sync_record *rec)
{
	switch (rec->control.type) {
	case SYNC_TERM:
		d->put_term = false;
		break;
	case SYNC_BULK_REQUEST:
		d->put_request = false;
		d->request_id++;
		d->in = IN_ASKED;
		break;
	case SYNC_INCOMPLETE:
		d->put_incomplete = false;
		break;
	case SYNC_BULK_DONE:
		d->put_done = false;
		break;
	case SYNC_BULK_BEGIN:
		d->out = OUT_SENDING;
		break;
	case SYNC_BULK_END:
		d->out = OUT_WAITING;
		break;
	case SYNC_SCAN:
	case SYNC_SUMS:
	case SYNC_BUCKETS:
	case SYNC_VERDICT:
	case SYNC_OWN:
	case SYNC_SIDE:
	case _SYNC_CONTROL_MAX:
		break;
	}
}

void
duty_walked(struct duty *d)
{
	assert(d->out == OUT_SENDING);
	d->out = OUT_END;
}

void
duty_swept(struct duty *d)
{
	assert(d->in == IN_SWEEPING);
	d->in = IN_DONE;
	d->in_complete = !d->missed;
	d->put_done = !d->missed;
	d->put_incomplete |= d->missed;
	*(d->in_partial ? &d->repairs_received : &d->bulks_received) += 1;
}

void
duty_spoiled(struct duty *d)
{
	d->missed = true;
	duty_swept(d);
}

static uint8_t
percent(uint32_t done, uint32_t total)
{
	uint64_t p = total ? (uint64_t)done * 100 / total : 0;

	return p > 99 ? 99 : (uint8_t)p;
}

void
duty_report(const struct duty *d, struct sync_report *r)
{
	bool active = d->part == SYNC_ACTIVE;

	r->flushed_term = d->flushed_term;
	if (!d->session) {
		r->state = SYNC_LOST;
		r->percent = 0;
	} else if (active ? d->out_complete : d->in_complete) {
		r->state = SYNC_SYNCED;
		r->percent = 100;
	} else {
		r->state = SYNC_SYNCING;
		r->percent = active ? percent(d->out_sent, d->out_total)
				    : percent(d->in_seen, d->in_total);
	}
}
