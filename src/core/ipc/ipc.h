/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the processes of one node, one per SOCK_SEQPACKET packet, packed field by field
 * (base/wire.h): version, type, then the fields of the struct. Decoders check every bound and
 * return false; nothing of *out may then be used. Descriptors travel beside a message
 * (sys/ipcsock.h).
 */
#pragma once
#include "core/node/event.h"
#include "core/quality/monitor.h"
#include "core/sync/except.h"

#define IPC_VERSION 1
#define IPC_MSG_MAX 32768
#define IPC_FDS_MAX 8

enum proc { PROC_SUPERVISOR, PROC_ENGINE, PROC_STATESYNC, PROC_CONFIG, PROC_PROBE, _PROC_MAX };

enum ipc_type {
	IPC_SETUP =
		1, /* supervisor → child, first message; descriptors as listed in daemon/setup.h */
	IPC_LINK, /* supervisor → child: here is a socket to another child (also after a restart) */
	IPC_READY,       /* config → supervisor: a configuration is in force */
	IPC_STOP,        /* supervisor → child: end in order */
	IPC_STOPPED,     /* engine → supervisor: handed over or closed, goodbye said */
	IPC_SHUTDOWN,    /* config → supervisor: restart the service after `seconds` */
	IPC_HA_CONF,     /* config → engine: struct ha_conf */
	IPC_COMMAND,     /* config → engine */
	IPC_REPLY,       /* engine → config: end of a command */
	IPC_SYNC_CONF,   /* config → statesync */
	IPC_SYNC_PART,   /* engine → statesync: struct ipc_sync_part */
	IPC_SYNC_REPORT, /* statesync → engine: struct sync_report */
	IPC_ADDRESSES,   /* config → engine, before IPC_HA_CONF: what to announce */
	IPC_PROBE_CONF,  /* config → probe: struct probe_conf */
	IPC_FINDING,     /* within probe: struct finding */
	IPC_HEALTH,      /* probe → engine: struct health */
	/* What may wait in the kernel is not the engine's to do: */
	IPC_CLOSE,  /* engine → config: close the descriptor beside it */
	IPC_OPEN,   /* engine → config: struct ipc_open, a packet socket is wanted */
	IPC_OPENED, /* config → engine: struct ipc_open, the socket beside it; none: it failed */
	IPC_LOOK,   /* engine → config: how are the links? */
	IPC_LINKS,  /* config → engine: struct ipc_links, the answer in several messages */
};

struct ipc_link {
	enum proc proc;
};

struct ipc_shutdown {
	uint32_t seconds;
};

/* What one check of this machine found. */
struct finding {
	enum health_part part;
	uint8_t value; /* as in struct health */
	bool late;     /* the check does not end */
	char text[HEALTH_TEXT_MAX];
};

struct ipc_command {
	enum command cmd;
	uint32_t id;
	bool force;
};

struct ipc_reply {
	uint32_t id;
	enum refusal refusal;
};

struct ipc_sync_part {
	enum sync_part part;
	uint64_t term;
	bool alone; /* SYNC_ACTIVE without the peer's leave */
};

/* A socket for the engine's frames (sys/packet.h). */
struct ipc_open {
	uint16_t index; /* of the interface */
	uint32_t ifindex;
	uint16_t ethertype;
	uint8_t group[6];
};

enum ipc_links_stage {
	LINKS_BEGIN, /* everything that exists follows: forget what came before */
	LINKS_PART,  /* as the kernel wrote it: rtnetlink messages */
	LINKS_END,   /* the descriptor beside it tells what happens from here on */
	_LINKS_MAX,
};

struct ipc_links {
	enum ipc_links_stage stage;
	const uint8_t *data; /* LINKS_PART; lies in the message */
	size_t len;
};

#define LINKS_PART_MAX (IPC_MSG_MAX - 16)

#define ANNOUNCE_ADDRS_MAX 1024

/* Shared addresses, with the fixed link-local ones; each belongs to a port of IPC_HA_CONF. */
struct ipc_addresses {
	uint16_t n;
	struct {
		uint16_t index; /* of the interface */
		struct ip_addr addr;
	} a[ANNOUNCE_ADDRS_MAX];
};

#define SYNC_OWN_ADDRS_MAX 1024

struct ipc_sync_conf {
	bool enabled; /* HighAvailability Enabled and Sync */
	enum node_type type;
	uint16_t cluster_id, ethertype;
	uint8_t key[CLUSTER_KEY_LEN];
	uint8_t n_devs;
	struct {
		char dev[DEV_NAME_MAX]; /* sync interfaces' NICs */
		uint16_t index;
	} devs[2];
	uint32_t buffer_kb, burst, after_s;
	struct sync_except except;
	uint32_t silence_s; /* InitialSilence */
	uint16_t n_own;     /* shared and private addresses: flows that end here are not carried */
	struct ip_addr own[SYNC_OWN_ADDRS_MAX];
};

/* Type of a received message, or -1 when it is no message of this version. */
int ipc_type(const uint8_t *msg, size_t len);

/* Encoders return the length, or 0 when buf is too small. */
size_t ipc_encode_plain(
	enum ipc_type type, uint8_t *buf, size_t size); /* SETUP READY STOP STOPPED CLOSE LOOK */
size_t ipc_encode_link(const struct ipc_link *m, uint8_t *buf, size_t size);
size_t ipc_encode_shutdown(const struct ipc_shutdown *m, uint8_t *buf, size_t size);
size_t ipc_encode_ha_conf(const struct ha_conf *m, uint8_t *buf, size_t size);
size_t ipc_encode_command(const struct ipc_command *m, uint8_t *buf, size_t size);
size_t ipc_encode_reply(const struct ipc_reply *m, uint8_t *buf, size_t size);
size_t ipc_encode_sync_conf(const struct ipc_sync_conf *m, uint8_t *buf, size_t size);
size_t ipc_encode_sync_part(const struct ipc_sync_part *m, uint8_t *buf, size_t size);
size_t ipc_encode_sync_report(const struct sync_report *m, uint8_t *buf, size_t size);
size_t ipc_encode_health(const struct health *m, uint8_t *buf, size_t size);
size_t ipc_encode_finding(const struct finding *m, uint8_t *buf, size_t size);
size_t ipc_encode_probe_conf(const struct probe_conf *m, uint8_t *buf, size_t size);
size_t ipc_encode_addresses(const struct ipc_addresses *m, uint8_t *buf, size_t size);
/* type: IPC_OPEN or IPC_OPENED; the decoder takes both. */
size_t ipc_encode_open(enum ipc_type type, const struct ipc_open *m, uint8_t *buf, size_t size);
size_t ipc_encode_links(const struct ipc_links *m, uint8_t *buf, size_t size);

bool ipc_decode_link(const uint8_t *msg, size_t len, struct ipc_link *out);
bool ipc_decode_shutdown(const uint8_t *msg, size_t len, struct ipc_shutdown *out);
bool ipc_decode_ha_conf(const uint8_t *msg, size_t len, struct ha_conf *out);
bool ipc_decode_command(const uint8_t *msg, size_t len, struct ipc_command *out);
bool ipc_decode_reply(const uint8_t *msg, size_t len, struct ipc_reply *out);
bool ipc_decode_sync_conf(const uint8_t *msg, size_t len, struct ipc_sync_conf *out);
bool ipc_decode_sync_part(const uint8_t *msg, size_t len, struct ipc_sync_part *out);
bool ipc_decode_sync_report(const uint8_t *msg, size_t len, struct sync_report *out);
bool ipc_decode_health(const uint8_t *msg, size_t len, struct health *out);
bool ipc_decode_finding(const uint8_t *msg, size_t len, struct finding *out);
bool ipc_decode_probe_conf(const uint8_t *msg, size_t len, struct probe_conf *out);
bool ipc_decode_addresses(const uint8_t *msg, size_t len, struct ipc_addresses *out);
bool ipc_decode_open(const uint8_t *msg, size_t len, struct ipc_open *out);
bool ipc_decode_links(const uint8_t *msg, size_t len, struct ipc_links *out);
