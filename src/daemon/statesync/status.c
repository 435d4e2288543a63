/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the others learn: the engine by messages, config by the page. */
#include <string.h>
#include "daemon/statesync/statesync.h"
#include "sys/ipcsock.h"

static struct sync_report
make_report(const struct statesync *s, struct instant now)
{
	struct sync_report r = {0};

	duty_report(&s->duty, &r);
	if (!s->enabled || instant_sub(now, s->link.heard) >= LINK_SILENT_NS) {
		r.state = SYNC_LOST;
		r.percent = 0;
	} else if (r.state == SYNC_LOST) {
		r.state = SYNC_SYNCING; /* a new session is being drawn */
	}
	r.lag_ms = s->enabled ? (uint32_t)(stream_lag(&s->stream, now) / NS_PER_MS) : 0;
	r.flows = s->stream.flows;
	r.peer_flows = s->stream.peer_flows;
	return r;
}

void
status_publish(struct statesync *s, bool running, struct instant now)
{
	const struct sink_counts *a = &s->sink.count;
	const struct feed_counts *f = &s->feed.count;
	const struct link_counts *l = &s->link.count;
	const struct compare_counts *c = &s->compare.count;
	struct sync_status st = {
		.report = make_report(s, now),
		.running = running,
		.link_up = link_up(&s->link),
		.session = s->duty.session && link_reachable(&s->link, now),
		.part = s->part,
		.events = s->feed.events.count,
		.event_overruns = s->feed.events.overruns,
		.flows_sent = f->sent,
		.flows_inserted = a->inserted,
		.flows_updated = a->updated,
		.flows_deleted = a->deleted + s->keep.swept,
		.insert_failed = a->failed,
		.conflicts = a->conflicts,
		.frames_sent = l->sent,
		.frames_received = l->received,
		.bytes_sent = l->bytes_sent,
		.retransmits = s->stream.count.retransmits,
		.bulks_sent = s->duty.bulks_sent,
		.bulks_received = s->duty.bulks_received,
		.buffer_full = s->stream.count.overflow,
		.filtered = f->filtered,
		.updates_missed = a->unknown,
		.expects_sent = s->expects.sent,
		.expects_held = s->expects.held,
		.expects_failed = s->expects.failed,
		.table_full = s->part == SYNC_ACTIVE ? s->people.full : s->trouble.full,
		.comparisons = c->done,
		.buckets_differed = c->differed,
		.comparisons_abandoned = c->abandoned,
		.repairs_sent = s->duty.repairs_sent,
		.repairs_received = s->duty.repairs_received,
		.flows_repaired = a->mended,
		.flows_left_over = s->keep.left_over,
		.buckets = c->buckets,
		.buckets_unsettled = c->unsettled,
		.equal_at = c->equal,
		.not_carried = s->feed.events.ignored + s->stream.count.odd,
	};

	for (unsigned i = 1; i < _REJECT_MAX; i++)
		if (i != REJECT_CLUSTER)
			st.refused += l->refused[i];
	st.refused += s->stream.count.rejected;
	side_status(s, &st);
	if (s->page)
		seqlock_write(&s->page->lock, &s->page->status, &st, sizeof(st));
}

void
status_tell(struct statesync *s, struct instant now)
{
	struct sync_report r = make_report(s, now);
	uint8_t msg[64];
	size_t len;

	if (r.state != s->told.state || r.percent != s->told.percent ||
		r.flushed_term != s->told.flushed_term) {
		s->tell = true;
		status_publish(s, true, now);
	}
	if (!s->tell || s->links.peer[PROC_ENGINE].fd < 0)
		return;
	len = ipc_encode_sync_report(&r, msg, sizeof(msg));
	if (ipcsock_send(s->links.peer[PROC_ENGINE].fd, msg, len, NULL, 0) == 0) {
		s->told = r;
		s->tell = false;
	}
}
