/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers to the questions of LinkMonitors, as anybody on the wire may send them; and what a TPM or
 * smartctl says. */
#include <stdint.h>
#include "sys/hardware.h"
#include "sys/reach_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {6, 0, 0, 0, 10, 1};
	struct reach_token token;
	struct ip_addr from;
	struct finding f = {0};

	reach_parse_arp(data, size, mac, &from);
	reach_parse_na(data, size, &from);
	reach_parse_echo(4, data, size, 0x1234, &token);
	reach_parse_echo(6, data, size, 0x1234, &token);
	hw_tpm_judge(data, size, &f);
	hw_smart_judge("sda", (const char *)data, size, &f);
	return 0;
}
