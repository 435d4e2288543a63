/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to this machine's hardware. Each may take as long as the hardware likes: they run in
 * processes of their own with a time limit (daemon/probe/keeper.c). `root` stands before every path
 * of /sys and /dev: "" on a real machine, a recorded tree in tests. How each is judged:
 * docs/design/health.md. The caller sets out->part; value HEALTH_UNKNOWN = not fitted.
 */
#pragma once
#include "core/ipc/ipc.h"

/* hwsysfs.c */
void hw_power(const char *root, struct finding *out);       /* mains and PMBus supplies */
void hw_fans(const char *root, struct finding *out);        /* hwmon */
void hw_temperature(const char *root, struct finding *out); /* hwmon */
/* `was_running`: an earlier call found one that runs. */
void hw_watchdog(const char *root, bool was_running, struct finding *out);

/* hwdisk.c */
/* The file system of the state folder: can it be written, is there room? */
void hw_state_dir(const char *state, struct finding *out);
/* Kernel name of a whole disk behind `path`, "sda"; false: none, as with tmpfs or a network disk.
 */
bool hw_disk_of(const char *root, const char *path, char *name, size_t size);
/* Asks `smartctl` (a path) for S.M.A.R.T. health of the disk that holds `path`. */
void hw_smart(const char *root, const char *path, const char *smartctl, struct finding *out);
/* What smartctl's JSON says. */
void hw_smart_judge(const char *disk, const char *json, size_t len, struct finding *out);

/* hwtpm.c */
void hw_tpm(const char *root, struct finding *out);
/* The answer to TPM2_GetTestResult. */
void hw_tpm_judge(const uint8_t *answer, size_t len, struct finding *out);

/* Adds to out->text, "; " before anything but the first; printable ASCII only, cut when full. */
void hw_text(struct finding *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
