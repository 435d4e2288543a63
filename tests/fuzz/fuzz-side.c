/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is carried beside flows. The first byte chooses: content of a record from the peer (what is
 * accepted must survive being written and read again), or a message of the kernel's about
 * neighbours, tables, sets or elements (what is read can be built, and reads the same).
 */
#include <assert.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include "sys/neighdump.h"
#include "sys/nftsets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_record(const uint8_t *data, size_t size)
{
	uint8_t buf[SIDE_MAX], again[SIDE_MAX];
	struct side_record rec, twin;
	size_t len;

	if (size > SIDE_MAX || side_decode(data, size, &rec) != SIDE_OK)
		return;
	len = side_encode(&rec, buf);
	assert(len == size);
	assert(side_decode(buf, len, &twin) == SIDE_OK);
	assert(side_encode(&twin, again) == len && memcmp(buf, again, len) == 0);
}

static void
count_elem(void *arg, const struct side_elem *e)
{
	(void)e;
	++*(unsigned *)arg;
}

static void
build_again(void *arg, const struct side_elem *e)
{
	_Alignas(4) uint8_t msg[NFTSETS_MSG_MAX];
	const struct nftset *set = arg;
	struct side_record rec = {.what = SIDE_ELEM, .elem = *e};
	struct side_elem sent;
	uint8_t data[SIDE_MAX];
	unsigned n = 0;
	size_t len = side_encode(&rec, data);

	assert(e->key_len == set->key_len && e->left_ms <= e->timeout_ms);
	if (!len) /* a limit without a rate, or the like: left out */
		return;
	assert(side_decode(data, len, &rec) == SIDE_OK);
	sent = rec.elem;
	assert(nftsets_build_elem(set, &sent, false, 1, msg) <= sizeof(msg));
	assert(nftsets_build_elem(set, &sent, true, 1, msg) <= sizeof(msg));
	assert(nftsets_parse_elems((void *)msg, set, count_elem, &n) == 0 && n == 1);
}

static void
fuzz_kernel(const uint8_t *data, size_t size)
{
	static const uint32_t key_len[] = {4, 16, 8, SIDE_KEY_MAX};
	/* exactly as long, so that nothing reads beyond, but for the padding that netlink has */
	struct nlmsghdr *nlh = calloc(1, NLMSG_ALIGN(size));
	struct nftset set;
	struct neigh n;
	char name[NFTSETS_NAME_MAX];
	uint8_t family;

	assert(nlh);
	memcpy(nlh, data, size);
	nlh->nlmsg_len = (uint32_t)size;
	neigh_parse(nlh, &n);
	nftsets_parse_table(nlh, &family, name);
	if (nftsets_parse_set(nlh, &set))
		assert(set.key_len > 0 && set.key_len <= SIDE_KEY_MAX);
	for (unsigned i = 0; i < 4; i++) {
		set = (struct nftset){.family = 1,
			.table = "t",
			.name = "s",
			.id = 7,
			.key_len = key_len[i],
			.timeout_ms = 60000};
		nftsets_parse_elems(nlh, &set, build_again, &set);
	}
	free(nlh);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		fuzz_record(data + 1, size - 1);
	else if (size - 1 >= sizeof(struct nlmsghdr) && size < 65536)
		fuzz_kernel(data + 1, size - 1);
	return 0;
}
