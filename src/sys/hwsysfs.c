/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power supplies, fans, temperatures and watchdogs as sysfs shows them (Documentation/ABI/testing/
 * sysfs-class-hwmon, sysfs-class-power, sysfs-class-watchdog of the kernel).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sys/hardware.h"

#define PATH_LEN    512
#define WORD_LEN    64
#define ENTRIES_MAX 256 /* devices of a class; more are left out */
#define SENSORS_MAX 64  /* of one kind on one chip */

void
hw_text(struct finding *out, const char *fmt, ...)
{
	size_t len = strlen(out->text);
	va_list ap;

	if (len + 3 > sizeof(out->text))
		return;
	if (len > 0) {
		memcpy(out->text + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(out->text + len, sizeof(out->text) - len, fmt, ap);
	va_end(ap);
	for (char *p = out->text + len; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

/* The first line of a file. False: not there, or not readable. */
static bool
read_word(const char *dir, const char *name, char word[WORD_LEN])
{
	char path[PATH_LEN];
	ssize_t n;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, word, WORD_LEN - 1);
	close(fd);
	if (n < 0)
		return false;
	word[n] = '\0';
	word[strcspn(word, "\n")] = '\0';
	return true;
}

static bool
read_number(const char *dir, const char *name, long *out)
{
	char word[WORD_LEN], *end;

	if (!read_word(dir, name, word))
		return false;
	errno = 0;
	*out = strtol(word, &end, 10);
	return !errno && end != word && !*end;
}

/* "fan2" and "_min" → fan2_min */
static bool
read_sensor(const char *dir, const char *kind, unsigned i, const char *what, long *out)
{
	char name[WORD_LEN];

	snprintf(name, sizeof(name), "%s%u_%s", kind, i, what);
	return read_number(dir, name, out);
}

static int
no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

struct tally {
	unsigned total, working;
	struct finding *out;
};

/* Calls fn for every device of a class, in order of their numbers. */
static void
each_device(const char *root, const char *class,
	void (*fn)(struct tally *t, const char *dir, const char *name), struct tally *t)
{
	char path[PATH_LEN];
	struct dirent **list;
	int n;

	snprintf(path, sizeof(path), "%s/sys/class/%s", root, class);
	n = scandir(path, &list, no_dots, versionsort);
	for (int i = 0; i < n; i++) {
		char dir[PATH_LEN];

		if (i < ENTRIES_MAX && (size_t)snprintf(dir, sizeof(dir), "%s/%s", path,
					       list[i]->d_name) < sizeof(dir))
			fn(t, dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void
judge_share(const struct tally *t)
{
	t->out->value = t->total ? (uint8_t)(t->working * 100 / t->total) : (uint8_t)HEALTH_UNKNOWN;
}

static void
chip_name(const char *dir, const char *name, char word[WORD_LEN])
{
	if (!read_word(dir, "name", word) || !word[0])
		snprintf(word, WORD_LEN, "%.20s", name);
}

static void
mains(struct tally *t, const char *dir, const char *name)
{
	char type[WORD_LEN];
	long online;

	if (!read_word(dir, "type", type) || strcmp(type, "Mains") != 0 ||
		!read_number(dir, "online", &online))
		return;
	t->total++;
	t->working += online > 0;
	if (online <= 0)
		hw_text(t->out, "power supply %.20s: no mains", name);
}

/* A PMBus supply is a chip that measures its power and the voltage that it is fed with. */
static void
pmbus(struct tally *t, const char *dir, const char *name)
{
	char label[WORD_LEN], chip[WORD_LEN];
	long millivolt, power;

	if (!read_word(dir, "in1_label", label) || strcmp(label, "vin") != 0 ||
		!read_number(dir, "power1_input", &power) ||
		!read_number(dir, "in1_input", &millivolt))
		return;
	chip_name(dir, name, chip);
	t->total++;
	t->working += millivolt > 0;
	if (millivolt <= 0)
		hw_text(t->out, "power supply %s (%.20s): no input voltage", chip, name);
}

void
hw_power(const char *root, struct finding *out)
{
	struct tally t = {.out = out};

	each_device(root, "power_supply", mains, &t);
	each_device(root, "hwmon", pmbus, &t);
	judge_share(&t);
}

static void
fans_of_chip(struct tally *t, const char *dir, const char *name)
{
	char chip[WORD_LEN];

	chip_name(dir, name, chip);
	for (unsigned i = 1; i <= SENSORS_MAX; i++) {
		long rpm, min = 0, alarm = 0, fault = 0;
		bool known;

		if (!read_sensor(dir, "fan", i, "input", &rpm))
			continue;
		read_sensor(dir, "fan", i, "min", &min);
		known = min > 0;
		read_sensor(dir, "fan", i, "alarm", &alarm);
		read_sensor(dir, "fan", i, "fault", &fault);
		if (rpm <= 0 && !known && alarm <= 0 && fault <= 0)
			continue; /* a connector without a fan */
		t->total++;
		if (fault > 0)
			hw_text(t->out, "fan%u of %s: fault", i, chip);
		else if (known && rpm < min)
			hw_text(t->out, "fan%u of %s: %ld rpm, at least %ld", i, chip, rpm, min);
		else if (alarm > 0)
			hw_text(t->out, "fan%u of %s: alarm at %ld rpm", i, chip, rpm);
		else
			t->working++;
	}
}

void
hw_fans(const char *root, struct finding *out)
{
	struct tally t = {.out = out};

	each_device(root, "hwmon", fans_of_chip, &t);
	judge_share(&t);
}

static void
temperatures_of_chip(struct tally *t, const char *dir, const char *name)
{
	char chip[WORD_LEN];

	chip_name(dir, name, chip);
	for (unsigned i = 1; i <= SENSORS_MAX; i++) {
		long now = 0, crit = 0, alarm = 0;
		bool has_crit, has_alarm;

		if (!read_sensor(dir, "temp", i, "input", &now))
			continue;
		has_crit = read_sensor(dir, "temp", i, "crit", &crit) && crit > 0;
		has_alarm = read_sensor(dir, "temp", i, "crit_alarm", &alarm);
		if (!has_crit && !has_alarm)
			continue;
		t->total++;
		if (has_crit && now >= crit)
			hw_text(t->out, "temp%u of %s: %ld degrees, critical at %ld", i, chip,
				now / 1000, crit / 1000);
		else if (alarm > 0)
			hw_text(t->out, "temp%u of %s: critical alarm at %ld degrees", i, chip,
				now / 1000);
		else
			t->working++;
	}
}

/* One sensor at its critical value is enough: what gets too hot switches itself off. */
void
hw_temperature(const char *root, struct finding *out)
{
	struct tally t = {.out = out};

	each_device(root, "hwmon", temperatures_of_chip, &t);
	judge_share(&t);
	if (t.working < t.total)
		out->value = 0;
}

static void
one_watchdog(struct tally *t, const char *dir, const char *name)
{
	char state[WORD_LEN];

	(void)name;
	if (!read_word(dir, "state", state))
		return;
	t->total++;
	t->working += strcmp(state, "active") == 0;
}

/* A watchdog that nobody uses says nothing; one that nobody uses any more does. */
void
hw_watchdog(const char *root, bool was_running, struct finding *out)
{
	struct tally t = {.out = out};

	each_device(root, "watchdog", one_watchdog, &t);
	out->value = t.working ? 100 : was_running ? 0 : HEALTH_UNKNOWN;
	if (!t.working && was_running)
		hw_text(out, "the watchdog does not run any more");
	else if (!t.working && t.total)
		hw_text(out, "the watchdog is not in use");
}
