/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading, mapping and attaching of the gate. The words themselves: gate_store() in gate.h. */
#include "sys/gate.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* generated code does not share our idea of const and shadowing */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#include "gate.skel.h"
#pragma GCC diagnostic pop

/* Where our filters stand on a link; fixed, so that attaching again replaces. */
#define GATE_HANDLE   1
#define GATE_PRIORITY 1

static char libbpf_said[256]; /* the first complaint of libbpf during a load, for the operator */

static int __attribute__((format(printf, 2, 0)))
keep_first_line(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && libbpf_said[0] == '\0') {
		vsnprintf(libbpf_said, sizeof(libbpf_said), fmt, ap);
		libbpf_said[strcspn(libbpf_said, "\n")] = '\0';
	}
	return 0;
}

static void
explain(int err, char *buf, size_t size)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		snprintf(buf, size,
			"loading the gate is not permitted: twinwalld needs root or CAP_BPF, "
			"CAP_PERFMON and CAP_NET_ADMIN in the first user namespace");
		return;
	case ENOSYS:
		snprintf(buf, size,
			"this kernel has no BPF (CONFIG_BPF_SYSCALL); the gate needs it");
		return;
	}
	snprintf(buf, size, "loading the gate failed: %s%s%s", strerror(-err),
		libbpf_said[0] ? ": " : "", libbpf_said);
}

static int
dup_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

static int
take_fds(const struct gate_bpf *skel, struct gate_fds *out)
{
	out->map = dup_fd(bpf_map__fd(skel->maps.gate));
	out->ports = dup_fd(bpf_map__fd(skel->maps.ports));
	out->prog_in = dup_fd(bpf_program__fd(skel->progs.gate_in));
	out->prog_out = dup_fd(bpf_program__fd(skel->progs.gate_out));
	if (out->map < 0)
		return out->map;
	if (out->ports < 0)
		return out->ports;
	return out->prog_in < 0 ? out->prog_in : out->prog_out < 0 ? out->prog_out : 0;
}

int
gate_load(struct gate_fds *out, char *err, size_t err_size)
{
	libbpf_print_fn_t old = libbpf_set_print(keep_first_line);
	struct gate_bpf *skel;
	int r;

	*out = (struct gate_fds){-1, -1, -1, -1};
	libbpf_said[0] = '\0';
	errno = 0;
	skel = gate_bpf__open();
	if (!skel) {
		r = errno ? -errno : -EINVAL;
		goto out;
	}
	r = gate_bpf__load(skel);
	if (r == 0)
		r = take_fds(skel, out);
	gate_bpf__destroy(skel);
out:
	libbpf_set_print(old);
	if (r < 0) {
		explain(r, err, err_size);
		gate_unload(out);
	}
	return r;
}

void
gate_unload(struct gate_fds *fds)
{
	int all[] = {fds->map, fds->ports, fds->prog_in, fds->prog_out};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			close(all[i]);
	*fds = (struct gate_fds){-1, -1, -1, -1};
}

int
gate_map(int map_fd, volatile struct gate_words **out)
{
	void *p = mmap(
		NULL, sizeof(struct gate_words), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

void
gate_unmap(volatile struct gate_words *w)
{
	munmap((void *)(uintptr_t)w, sizeof(struct gate_words));
}

static struct bpf_tc_hook
hook(int ifindex, enum bpf_tc_attach_point point)
{
	/* LIBBPF_OPTS zeroes the padding, too: libbpf refuses structures with anything in it */
	LIBBPF_OPTS(bpf_tc_hook, h, .ifindex = ifindex, .attach_point = point);

	return h;
}

static int
attach_one(int ifindex, enum bpf_tc_attach_point point, int prog)
{
	struct bpf_tc_hook h = hook(ifindex, point);
	LIBBPF_OPTS(bpf_tc_opts, o, .prog_fd = prog, .flags = BPF_TC_F_REPLACE,
		.handle = GATE_HANDLE, .priority = GATE_PRIORITY);

	return bpf_tc_attach(&h, &o);
}

int
gate_attach(int ifindex, int prog_in, int prog_out)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	struct bpf_tc_hook h = hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	int r = bpf_tc_hook_create(&h);

	if (r == -EEXIST)
		r = 0;
	if (r == 0)
		r = attach_one(ifindex, BPF_TC_EGRESS, prog_out);
	if (r == 0)
		r = attach_one(ifindex, BPF_TC_INGRESS, prog_in);
	if (r == 0) {
		/* trust what the kernel shows, not that nothing failed */
		r = gate_attached(ifindex, prog_in, prog_out);
		r = r == 1 ? 0 : r == 0 ? -EIO : r;
	}
	libbpf_set_print(old);
	return r;
}

static int
prog_id(int prog)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len) < 0)
		return -errno;
	return (int)info.id;
}

static int
attached_one(int ifindex, enum bpf_tc_attach_point point, int prog)
{
	struct bpf_tc_hook h = hook(ifindex, point);
	LIBBPF_OPTS(bpf_tc_opts, o, .handle = GATE_HANDLE, .priority = GATE_PRIORITY);
	int id = prog_id(prog), r;

	if (id < 0)
		return id;
	r = bpf_tc_query(&h, &o);
	if (r == -ENOENT || r == -EINVAL) /* no such filter; no clsact at all */
		return 0;
	return r < 0 ? r : o.prog_id == (__u32)id;
}

int
gate_attached(int ifindex, int prog_in, int prog_out)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int r = attached_one(ifindex, BPF_TC_INGRESS, prog_in);

	if (r == 1)
		r = attached_one(ifindex, BPF_TC_EGRESS, prog_out);
	libbpf_set_print(old);
	return r;
}

int
gate_set_port(int ports_fd, int ifindex, const uint8_t mac[6])
{
	__u32 key = (__u32)ifindex;
	struct gate_port port = {0}, old;

	if (!mac) {
		if (bpf_map_delete_elem(ports_fd, &key) < 0 && errno != ENOENT)
			return -errno;
		return 0;
	}
	memcpy(port.mac, mac, sizeof(port.mac));
	if (bpf_map_lookup_elem(ports_fd, &key, &old) == 0 && memcmp(&old, &port, sizeof(old)) == 0)
		return 0;
	return bpf_map_update_elem(ports_fd, &key, &port, BPF_ANY) < 0 ? -errno : 0;
}
