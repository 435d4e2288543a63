/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node shows of frames that it has to refuse. */
#include "node-pair.h"

/* As long as frames tell of a fault the status says so; the log when it begins, then each hour. */
static void
test_frames_that_alarm(void **state)
{
	static const struct {
		uint16_t cluster;
		uint8_t key;
		enum note_id id;
		unsigned ports; /* on which it counts */
	} table[] = {{7, 2, NOTE_KEY_DIFFERS, PORTS}, {8, 1, NOTE_CLUSTER_DIFFERS, 1}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct pair *p = pair_new();
		struct node_status s;

		for (int node = A; node <= B; node++) { /* slow, to save time */
			p->conf[node].interval_ms = 100;
			p->conf[node].failover_ms = 500;
		}
		p->conf[B].cluster_id = table[i].cluster;
		p->conf[B].key[0] = table[i].key;
		start(p, A);
		start(p, B);
		run(p, 600 * 1000);
		for (int node = A; node <= B; node++) {
			s = status(p, node);
			assert_int_equal(s.role, ROLE_ACTIVE);
			assert_int_equal(s.n_alarms, table[i].ports);
			for (unsigned k = 0; k < s.n_alarms; k++) {
				assert_int_equal(s.alarms[k].id, table[i].id);
				assert_int_equal(s.alarms[k].arg[0], k);
				assert_int_equal(s.alarms[k].arg[1], node == A ? MAC_B : MAC_A);
			}
			assert_int_equal(p->notes[node][table[i].id], table[i].ports);
		}
		assert_int_equal(s.alarms[0].arg[2], table[i].cluster == 7 ? 0 : 7);
		assert_int_equal(s.alarms[0].arg[3], table[i].cluster);
		run(p, 3600 * 1000);
		assert_int_equal(p->notes[A][table[i].id], 2 * table[i].ports);
		p->on[B] = false;
		run(p, 4000);
		assert_int_equal(status(p, A).n_alarms, table[i].ports);
		run(p, 2000);
		assert_int_equal(status(p, A).n_alarms, 0);
		run(p, 60 * 1000); /* it begins anew */
		start(p, B);
		run(p, 1000);
		assert_int_equal(p->notes[A][table[i].id], 3 * table[i].ports);
		pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_that_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
