/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hears when somebody changes our nftables table: `nft flush ruleset` in a start script would leave
 * a firewall that lets everything pass. Only listens; loading the rules again is the caller's part.
 */
#pragma once
#include <stdbool.h>

struct nftwatch {
	int fd; /* readable: call nftwatch_read(); -1 = not open */
	struct mnl_socket *nl;
	bool touched; /* in the transaction that is being told */
	char by[64];  /* who it was, after nftwatch_read() gave 1: "nft (pid 12)" */
};

/* 0 or -errno. */
int nftwatch_open(struct nftwatch *w);
void nftwatch_close(struct nftwatch *w);
/*
 * Reads what is there. 1 = our table was changed, or messages were lost and it may have been; 0 =
 * not; -errno = the socket is unusable.
 */
int nftwatch_read(struct nftwatch *w);
/* Forgets what is there: called after a change of our own, whose messages are all there by then. */
void nftwatch_forget(struct nftwatch *w);
