/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the TPM there, and does it hold itself for working? TPM2_GetTestResult (TPM 2.0 library, part
 * 3, §10.4) is answered even in failure mode, and changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/wire.h"
#include "sys/hardware.h"

#define TAG_NO_SESSIONS 0x8001
#define GET_TEST_RESULT 0x17c
#define RC_SUCCESS      0
#define RC_NEEDS_TEST   0x153
#define RC_TESTING      0x90a

void
hw_tpm_judge(const uint8_t *answer, size_t len, struct finding *out)
{
	struct rd r = rd_init(answer, len);
	uint32_t size, code, result;
	uint8_t data[1024];
	size_t n;

	out->value = 0;
	if (rd_u16(&r) != TAG_NO_SESSIONS) {
		hw_text(out, "TPM: no answer that can be understood");
		return;
	}
	size = rd_u32(&r);
	code = rd_u32(&r);
	if (r.bad || size != len) {
		hw_text(out, "TPM: no answer that can be understood");
		return;
	}
	if (code != RC_SUCCESS) {
		hw_text(out, "TPM: refuses with 0x%03x", code);
		return;
	}
	n = rd_u16(&r); /* the maker's own words */
	rd_bytes(&r, data, n < sizeof(data) ? n : sizeof(data));
	result = rd_u32(&r);
	if (r.bad)
		hw_text(out, "TPM: no answer that can be understood");
	else if (result == RC_SUCCESS || result == RC_NEEDS_TEST || result == RC_TESTING)
		out->value = 100;
	else
		hw_text(out, "TPM: its self-test failed with 0x%03x", result);
}

static bool
is_old(const char *root)
{
	char path[512], version = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/sys/class/tpm/tpm0/tpm_version_major", root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* an old kernel: ask */
	if (read(fd, &version, 1) != 1)
		version = 0;
	close(fd);
	return version == '1';
}

void
hw_tpm(const char *root, struct finding *out)
{
	static const uint8_t ask[10] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x7c};
	uint8_t answer[4096];
	char path[512];
	ssize_t n;
	int fd;

	out->value = HEALTH_UNKNOWN;
	snprintf(path, sizeof(path), "%s/sys/class/tpm/tpm0", root);
	if (access(path, F_OK) < 0) {
		hw_text(out, "TPM: this machine has none");
		return;
	}
	if (is_old(root)) {
		hw_text(out, "TPM: of version 1.2, which is not asked");
		return;
	}
	out->value = 0;
	snprintf(path, sizeof(path), "%s/dev/tpmrm0", root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		hw_text(out, "TPM: /dev/tpmrm0: %s", strerror(errno));
		return;
	}
	n = write(fd, ask, sizeof(ask)) == (ssize_t)sizeof(ask) ? read(fd, answer, sizeof(answer))
								: -1;
	if (n < 0)
		hw_text(out, "TPM: does not answer: %s", strerror(errno));
	else
		hw_tpm_judge(answer, (size_t)n, out);
	close(fd);
}
