/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command stat: figures of the node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/hb/frame.h"
#include "daemon/config/commands.h"
#include "daemon/config/control.h"
#include "sys/sysctl.h"

/* A number from /proc/sys; `missing` when the kernel has none (conntrack not loaded). */
static json_int_t
sysctl_number(const char *path, json_int_t missing)
{
	char text[32];

	return sysctl_read(path, text, sizeof(text)) == 0 ? atoll(text) : missing;
}

static json_t *
stat_heartbeats(const struct node_status *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "sent", (json_int_t)s->sent, "heard",
		(json_int_t)s->heard, "takeovers", (json_int_t)s->takeovers, "overslept",
		(json_int_t)s->overslept, "worst_oversleep_us",
		(json_int_t)(s->worst_oversleep_ns / NS_PER_US));
}

static json_t *
stat_refused(const struct config *c, const struct node_status *s)
{
	const struct engine_page *page = c->pages.engine;
	json_t *o = json_object();

	for (int i = FRAME_OK + 1; i < _REJECT_MAX; i++)
		json_object_set_new(o, frame_reject_name((enum frame_reject)i),
			json_integer((json_int_t)s->refused.count[i]));
	json_object_set_new(o, "flooded_windows", json_integer((json_int_t)page->flooded));
	json_object_set_new(o, "flood_dropped", json_integer((json_int_t)page->flood_dropped));
	return o;
}

static json_t *
stat_control(const struct config *c)
{
	const uint64_t *refused = control_refused(c->control);
	json_t *o = json_object();

	for (int i = CONTROL_OK + 1; i < _CONTROL_MAX; i++)
		json_object_set_new(o, control_reject_name((enum control_reject)i),
			json_integer((json_int_t)refused[i]));
	return o;
}

static json_t *
stat_sync(const struct config *c)
{
	struct sync_status y;
	json_t *o = show_sync(c);

#define COUNTER(NAME)                                                                              \
	{                                                                                          \
#NAME, y.NAME                                                                      \
	}
	if (!pages_sync_status(c, &y))
		return o;
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {COUNTER(events), COUNTER(event_overruns), COUNTER(flows_sent),
		COUNTER(flows_inserted), COUNTER(flows_updated), COUNTER(flows_deleted),
		COUNTER(insert_failed), COUNTER(updates_missed), COUNTER(conflicts),
		COUNTER(frames_sent), COUNTER(frames_received), COUNTER(bytes_sent),
		COUNTER(retransmits), COUNTER(bulks_sent), COUNTER(bulks_received),
		COUNTER(buffer_full), COUNTER(refused), COUNTER(filtered), COUNTER(not_carried),
		COUNTER(expects_sent), COUNTER(expects_held), COUNTER(expects_failed),
		COUNTER(comparisons), COUNTER(comparisons_abandoned), COUNTER(buckets),
		COUNTER(buckets_unsettled), COUNTER(buckets_differed), COUNTER(repairs_sent),
		COUNTER(repairs_received), COUNTER(flows_repaired), COUNTER(flows_left_over),
		COUNTER(neighbours), COUNTER(neighbours_sent), COUNTER(neighbours_written),
		COUNTER(neighbours_failed), COUNTER(sets), COUNTER(set_elements),
		COUNTER(elements_sent), COUNTER(elements_written), COUNTER(elements_failed),
		COUNTER(elements_unknown)};
#undef COUNTER

	json_object_set_new(o, "running", json_boolean(y.running));
	json_object_set_new(o, "link_up", json_boolean(y.link_up));
	json_object_set_new(o, "session", json_boolean(y.session));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(
			o, counters[i].name, json_integer((json_int_t)counters[i].value));
	return o;
}

/* From state sync while it talks to the peer, else from the heartbeats. */
static json_t *
stat_peer(const struct config *c, const struct node_status *s)
{
	struct sync_report r = show_sync_report(c);

	if (r.state != SYNC_LOST)
		return json_integer((json_int_t)r.peer_flows);
	return s->peer_claim.valid ? json_integer((json_int_t)s->peer_claim.flows) : json_null();
}

static json_int_t
stat_uptime(const struct config *c)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (json_int_t)((ts.tv_sec * NS_PER_S + ts.tv_nsec - c->service_started_ns) / NS_PER_S);
}

void
cmd_stat(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct node_status s;

	if (rq->n_args > 0) {
		answer_fail(out, ANSWER_USAGE, 0, "stat takes no words");
		return;
	}
	pages_node_status(c, &s);
	out->data = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", c->rev.model->device_name,
		"version", TW_VERSION, "revision", (json_int_t)c->rev.number, "uptime_seconds",
		stat_uptime(c), "connections",
		sysctl_number("net/netfilter/nf_conntrack_count", s.sync.flows), "connections_max",
		sysctl_number("net/netfilter/nf_conntrack_max", 0));
	json_object_set_new(out->data, "peer_connections", stat_peer(c, &s));
	json_object_set_new(out->data, "interfaces", show_ports(c, &s));
	json_object_set_new(out->data, "heartbeats", stat_heartbeats(&s));
	json_object_set_new(out->data, "refused", stat_refused(c, &s));
	json_object_set_new(out->data, "sync", stat_sync(c));
	json_object_set_new(out->data, "control_refused", stat_control(c));
}
