/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between processes: round trips, every truncation refused; announcement frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/ipc/ipc.h"
#include "sys/announce.h"

static uint8_t buf[IPC_MSG_MAX];

static void
test_ha_conf(void **state)
{
	static struct ha_conf in, out;
	size_t len;

	in = (struct ha_conf){.enabled = true,
		.type = NODE_SLAVE,
		.cluster_id = 65535,
		.ethertype = 0x8ffd,
		.interval_ms = 2,
		.failover_ms = 10,
		.initial_silence_ms = 5000,
		.garp_period_s = 60,
		.prefer = PREFER_SLAVE,
		.unique_shared_mac = true,
		.revision = 42,
		.hash = {1, 2, 3, 4, 5, 6, 7, 8},
		.key = {9, 9, 9},
		.n_ports = IFACES_MAX,
		.lacp_members_weight = true,
		.n_monitors = MONITORS_MAX};
	for (unsigned i = 0; i < IFACES_MAX; i++) {
		memcpy(in.ports[i].name, "abcdefghijkl", 13);
		memcpy(in.ports[i].dev, "enp0s31f6.1234x", 16);
		in.ports[i].index = (uint16_t)(i + 1);
		in.ports[i].weight = 9999;
		in.ports[i].heartbeats = i % 2;
		in.ports[i].sync = i == 0;
	}
	for (unsigned i = 0; i < MONITORS_MAX; i++)
		in.monitors[i] = (struct ha_monitor){.name = "abcdefghijkl",
			.index = (uint16_t)i,
			.weight = 9999,
			.ping_ms = 60000};
	len = ipc_encode_ha_conf(&in, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(ipc_type(buf, len), IPC_HA_CONF);
	assert_true(ipc_decode_ha_conf(buf, len, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	for (size_t cut = 0; cut < len; cut += 7)
		assert_false(ipc_decode_ha_conf(buf, cut, &out));
	buf[2] = 2; /* a boolean is 0 or 1 */
	assert_false(ipc_decode_ha_conf(buf, len, &out));
}

static void
test_sync_conf_and_addresses(void **state)
{
	static struct ipc_sync_conf in = {.enabled = true,
					    .n_devs = 2,
					    .buffer_kb = 4096,
					    .burst = 100,
					    .silence_s = 5,
					    .n_own = SYNC_OWN_ADDRS_MAX},
				    out;
	static struct ipc_addresses ain = {.n = ANNOUNCE_ADDRS_MAX}, aout;
	size_t len;

	for (unsigned i = 0; i < SYNC_OWN_ADDRS_MAX; i++) {
		in.own[i].family = i % 2 ? 6 : 4;
		in.own[i].b[3] = (uint8_t)i;
		ain.a[i].index = (uint16_t)i;
		ain.a[i].addr = in.own[i];
	}
	in.except.n_nets = in.except.n_services = SYNC_EXCEPT_MAX;
	for (unsigned i = 0; i < SYNC_EXCEPT_MAX; i++) {
		in.except.nets[i] =
			(struct ip_range){{.family = 6, .b = {1}}, {.family = 6, .b = {2}}};
		in.except.services[i].proto = (uint8_t)i;
		in.except.services[i].hi = 65535;
	}
	len = ipc_encode_sync_conf(&in, buf, sizeof(buf));
	assert_true(len > 0 && ipc_decode_sync_conf(buf, len, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	len = ipc_encode_addresses(&ain, buf, sizeof(buf));
	assert_true(len > 0 && ipc_decode_addresses(buf, len, &aout));
	assert_memory_equal(&ain, &aout, sizeof(ain));
	assert_false(ipc_decode_addresses(buf, len - 1, &aout));
	buf[6] = 5; /* no such family */
	assert_false(ipc_decode_addresses(buf, len, &aout));
}

static void
test_small_messages(void **state)
{
	struct ipc_link link = {.proc = PROC_CONFIG};
	struct ipc_command cmd = {.cmd = CMD_FORCE, .id = 77, .force = true};
	struct ipc_reply reply = {.id = 77, .refusal = REFUSE_TIMEOUT};
	struct ipc_sync_part part = {.part = SYNC_ACTIVE, .term = 1234567890123, .alone = true};
	struct ipc_open open = {
		.index = 2, .ifindex = 77, .ethertype = 0xc157, .group = {1, 2, 3, 4, 5, 6}};
	struct ipc_links links = {.stage = LINKS_PART, .data = (const uint8_t *)"news", .len = 4};
	struct sync_report report = {
		.state = SYNC_SYNCED, .percent = 100, .flows = 5, .flushed_term = 3};
	struct ipc_shutdown shut = {.seconds = 9};
	struct health health = {.value = {100, HEALTH_UNKNOWN, 50}, .monitors_lost = 1};
	size_t len;

	len = ipc_encode_link(&link, buf, sizeof(buf));
	link.proc = PROC_SUPERVISOR;
	assert_true(ipc_decode_link(buf, len, &link) && link.proc == PROC_CONFIG);
	buf[2] = _PROC_MAX;
	assert_false(ipc_decode_link(buf, len, &link));
	len = ipc_encode_command(&cmd, buf, sizeof(buf));
	cmd.id = 0;
	assert_true(ipc_decode_command(buf, len, &cmd) && cmd.id == 77 && cmd.cmd == CMD_FORCE &&
		    cmd.force);
	assert_false(ipc_decode_reply(buf, len, &reply)); /* another type */
	len = ipc_encode_reply(&reply, buf, sizeof(buf));
	assert_true(ipc_decode_reply(buf, len, &reply) && reply.refusal == REFUSE_TIMEOUT);
	len = ipc_encode_open(IPC_OPENED, &open, buf, sizeof(buf));
	open = (struct ipc_open){0};
	assert_int_equal(ipc_type(buf, len), IPC_OPENED);
	assert_true(ipc_decode_open(buf, len, &open) && open.index == 2 && open.ifindex == 77 &&
		    open.ethertype == 0xc157 && open.group[5] == 6);
	buf[2 + 2] = 0x80; /* no such ifindex */
	assert_false(ipc_decode_open(buf, len, &open));
	len = ipc_encode_links(&links, buf, sizeof(buf));
	links = (struct ipc_links){0};
	assert_true(ipc_decode_links(buf, len, &links) && links.stage == LINKS_PART &&
		    links.len == 4 && memcmp(links.data, "news", 4) == 0);
	assert_false(ipc_decode_links(buf, len - 4, &links)); /* a part of nothing */
	links = (struct ipc_links){.stage = LINKS_END};
	len = ipc_encode_links(&links, buf, sizeof(buf));
	assert_true(ipc_decode_links(buf, len, &links) && links.stage == LINKS_END);
	len = ipc_encode_sync_part(&part, buf, sizeof(buf));
	part.term = 0;
	assert_true(
		ipc_decode_sync_part(buf, len, &part) && part.term == 1234567890123 && part.alone);
	len = ipc_encode_sync_report(&report, buf, sizeof(buf));
	assert_true(ipc_decode_sync_report(buf, len, &report) && report.flushed_term == 3);
	buf[3] = 101; /* per cent */
	assert_false(ipc_decode_sync_report(buf, len, &report));
	len = ipc_encode_health(&health, buf, sizeof(buf));
	health.monitors_lost = 0;
	assert_true(ipc_decode_health(buf, len, &health) && health.monitors_lost == 1 &&
		    health.value[HEALTH_TPM] == HEALTH_UNKNOWN);
	buf[2] = 101; /* per cent */
	assert_false(ipc_decode_health(buf, len, &health));
	len = ipc_encode_shutdown(&shut, buf, sizeof(buf));
	assert_true(ipc_decode_shutdown(buf, len, &shut) && shut.seconds == 9);
	buf[0] = IPC_VERSION + 1;
	assert_int_equal(ipc_type(buf, len), -1);
	assert_false(ipc_decode_shutdown(buf, len, &shut));
}

static void
test_probe_conf(void **state)
{
	static struct probe_conf in, out;
	struct finding fin = {.part = HEALTH_FANS, .value = 50, .text = "fan2"}, fout;
	size_t len;

	memset(&in, 0, sizeof(in));
	in.tpm = true;
	in.n_ports = MONITOR_PORTS_MAX;
	in.n_monitors = MONITORS_MAX;
	for (unsigned i = 0; i < MONITOR_PORTS_MAX; i++) {
		memcpy(in.ports[i].name, "abcdefghijkl", 13);
		memcpy(in.ports[i].dev, "enp0s31f6.1234x", 16);
		in.ports[i].own[0] = (struct ip_addr){.family = 4, .b = {10, 1, 0, 2}};
		in.ports[i].own[1] = (struct ip_addr){.family = 6, .b = {0xfd, [15] = 2}};
		in.ports[i].shared[0] = (struct ip_addr){.family = 4, .b = {10, 1, 0, 1}};
		in.ports[i].shared[1] = (struct ip_addr){.family = 6, .b = {0xfd, [15] = 1}};
	}
	for (unsigned i = 0; i < MONITORS_MAX; i++) {
		struct probe_monitor *m = &in.monitors[i];

		*m = (struct probe_monitor){.name = "abcdefghijkl",
			.max_loss = 7,
			.ping_ms = 250,
			.grace_ms = 45000,
			.n_hosts = MONITOR_HOSTS_MAX};
		for (unsigned h = 0; h < MONITOR_HOSTS_MAX; h++)
			m->hosts[h] = (struct probe_host){
				.addr = {.family = 6, .b = {0x20, 1, [15] = (uint8_t)h}},
				.port = (uint8_t)((i + h) % MONITOR_PORTS_MAX),
				.on_link = h % 2};
	}
	len = ipc_encode_probe_conf(&in, buf, sizeof(buf));
	assert_true(len > 0 && ipc_decode_probe_conf(buf, len, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	for (size_t cut = 0; cut < len; cut += 7)
		assert_false(ipc_decode_probe_conf(buf, cut, &out));
	in.monitors[3].hosts[2].port = MONITOR_PORTS_MAX; /* nowhere */
	assert_false(
		ipc_decode_probe_conf(buf, ipc_encode_probe_conf(&in, buf, sizeof(buf)), &out));
	in.monitors[3].hosts[2].port = 0;
	in.monitors[9].ping_ms = 0; /* as fast as it can */
	assert_false(
		ipc_decode_probe_conf(buf, ipc_encode_probe_conf(&in, buf, sizeof(buf)), &out));
	len = ipc_encode_finding(&fin, buf, sizeof(buf));
	assert_true(ipc_decode_finding(buf, len, &fout) && fout.part == HEALTH_FANS &&
		    fout.value == 50 && strcmp(fout.text, "fan2") == 0);
	buf[3] = 101;
	assert_false(ipc_decode_finding(buf, len, &fout));
}

/* Both kinds, field by field. */
static void
test_announcements(void **state)
{
	static const uint8_t mac[6] = {0x02, 0xc1, 0, 7, 0, 1};
	struct ip_addr v4 = {.family = 4, .b = {10, 1, 0, 1}};
	struct ip_addr v6 = {.family = 6, .b = {0xfd, 0x01, [15] = 1}};
	uint8_t f[ANNOUNCE_FRAME_MAX];
	uint32_t sum = 32 + 58;

	assert_int_equal(announce_build(mac, &v4, true, f), 60);
	assert_memory_equal(f,
		"\xff\xff\xff\xff\xff\xff\x02\xc1\x00\x07\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04"
		"\x00\x01"
		"\x02\xc1\x00\x07\x00\x01\x0a\x01\x00\x01\x00\x00\x00\x00\x00\x00\x0a\x01\x00\x01",
		42);
	assert_int_equal(announce_build(mac, &v6, false, f), 86);
	assert_int_equal(f[58], 0x20); /* a private address: nobody's router */
	assert_int_equal(announce_build(mac, &v6, true, f), 86);
	assert_memory_equal(f, "\x33\x33\x00\x00\x00\x01\x02\xc1\x00\x07\x00\x01\x86\xdd\x60", 15);
	assert_int_equal(f[21], 255);
	assert_int_equal(f[54], 136);
	assert_int_equal(f[58], 0xa0);
	assert_memory_equal(f + 80, mac, 6);
	for (int i = 22; i < 86; i += 2) /* a correct checksum makes the sum all ones */
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ha_conf),
		cmocka_unit_test(test_sync_conf_and_addresses),
		cmocka_unit_test(test_small_messages),
		cmocka_unit_test(test_probe_conf),
		cmocka_unit_test(test_announcements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
