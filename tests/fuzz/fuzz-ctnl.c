/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink message that claims to be a flow or an expectation. What is read can be built again,
 * and reads the same.
 */
#include <assert.h>
#include <string.h>
#include "sys/ctnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(4) uint8_t msg[2 * CTNL_MSG_MAX];
	struct flow f, twin;
	struct expect x, y;
	enum sync_kind kind;
	size_t len;

	if (ctnl_parse_expect(data, size, &kind, &x) == CTNL_EXPECT) {
		len = ctnl_build_expect(CTNL_EXPECT_CREATE, &x, 0, 1, msg, CTNL_MSG_MAX);
		assert(len && ctnl_parse_expect(msg, len, &kind, &y) == CTNL_EXPECT);
		assert(x.proto == y.proto && x.tuple.sport == y.tuple.sport);
		assert(x.class == y.class && x.nat == y.nat);
		return 0;
	}
	if (ctnl_parse(data, size, &kind, &f) != CTNL_FLOW)
		return 0;
	for (enum ctnl_op op = CTNL_CREATE; op <= CTNL_GET; op++) {
		len = ctnl_build(op, &f, 60, 1, msg, CTNL_MSG_MAX);
		if (!len) /* an ICMP type without an answer cannot be created */
			assert(op == CTNL_CREATE);
		else if (op == CTNL_UPDATE || op == CTNL_RETIME) {
			assert(ctnl_parse(msg, len, &kind, &twin) == CTNL_FLOW);
			assert(twin.proto == f.proto && twin.family == f.family);
			assert(twin.orig.sport == f.orig.sport ||
				flow_shape(f.proto) == FLOW_PLAIN);
		}
	}
	return 0;
}
