/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between our processes: every decoder over the same bytes; what decodes encodes to the
 * same. */
#include <stdlib.h>
#include <string.h>
#include "core/ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[IPC_MSG_MAX];

static void
same(const uint8_t *data, size_t size, size_t len)
{
	if (len != size || memcmp(again, data, size) != 0)
		abort();
}

#define TRY(name, type)                                                                            \
	do {                                                                                       \
		static type m;                                                                     \
		if (ipc_decode_##name(data, size, &m))                                             \
			same(data, size, ipc_encode_##name(&m, again, sizeof(again)));             \
	} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > IPC_MSG_MAX)
		return 0;
	TRY(link, struct ipc_link);
	TRY(shutdown, struct ipc_shutdown);
	TRY(ha_conf, struct ha_conf);
	TRY(health, struct health);
	TRY(probe_conf, struct probe_conf);
	TRY(finding, struct finding);
	TRY(command, struct ipc_command);
	TRY(reply, struct ipc_reply);
	TRY(sync_conf, struct ipc_sync_conf);
	TRY(sync_part, struct ipc_sync_part);
	TRY(sync_report, struct sync_report);
	TRY(addresses, struct ipc_addresses);
	TRY(links, struct ipc_links);
	{
		struct ipc_open m;

		if (ipc_decode_open(data, size, &m))
			same(data, size,
				ipc_encode_open((enum ipc_type)ipc_type(data, size), &m, again,
					sizeof(again)));
	}
	return 0;
}
