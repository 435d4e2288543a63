/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the hardware says: trees of /sys as machines have them, and as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/hardware.h"

static char root[] = "/tmp/tw-hardware-XXXXXX";

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void
clear(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(root, 0700), 0);
}

/* "sys/class/hwmon/hwmon0/fan1_input=1200" for each line; "path -> target" is a symbolic link,
 * "path/" an empty folder. */
static void
plant(const char *lines)
{
	char line[256], path[512];

	clear();
	for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char *value, *arrow;
		FILE *f;

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		arrow = strstr(line, " -> ");
		value = strchr(line, '=');
		if (arrow)
			*arrow = '\0';
		else if (value)
			*value = '\0';
		snprintf(path, sizeof(path), "%s/%s", root, line);
		for (char *s = path + strlen(root) + 1; (s = strchr(s, '/')); s++) {
			*s = '\0';
			mkdir(path, 0700);
			*s = '/';
		}
		if (arrow) {
			assert_int_equal(symlink(arrow + 4, path), 0);
		} else if (value) {
			f = fopen(path, "w");
			assert_non_null(f);
			fprintf(f, "%s\n", value + 1);
			fclose(f);
		}
	}
}

struct row {
	const char *tree;
	uint8_t value;
	const char *text;
};

#define H0 "sys/class/hwmon/hwmon0/"
#define H1 "sys/class/hwmon/hwmon1/"

static void
expect(const struct row *rows, size_t n, void (*probe)(const char *root, struct finding *out))
{
	for (size_t i = 0; i < n; i++) {
		struct finding f = {0};

		plant(rows[i].tree);
		probe(root, &f);
		if (f.value != rows[i].value || strcmp(f.text, rows[i].text) != 0)
			fail_msg("row %zu: %u '%s', expected %u '%s'", i, f.value, f.text,
				rows[i].value, rows[i].text);
	}
}

#define EXPECT(rows, probe) expect(rows, sizeof(rows) / sizeof((rows)[0]), probe)

static void
test_fans(void **state)
{
	static const struct row rows[] = {
		{"", HEALTH_UNKNOWN, ""},
		{"sys/class/hwmon/", HEALTH_UNKNOWN, ""},
		{H0 "name=coretemp\n" H0 "temp1_input=45000\n", HEALTH_UNKNOWN, ""},
		{H0 "name=nct6775\n" H0 "fan1_input=1200\n" H0 "fan1_min=300\n", 100, ""},
		{H0 "name=nct6775\n" H0 "fan1_input=1200\n" H0 "fan1_min=300\n" H0
		    "fan2_input=0\n" H0 "fan2_min=300\n",
			50, "fan2 of nct6775: 0 rpm, at least 300"},
		{H0 "name=nct6775\n" H0 "fan1_input=0\n" H0 "fan1_min=300\n" H0 "fan2_input=0\n" H0
		    "fan2_alarm=1\n",
			0, "fan1 of nct6775: 0 rpm, at least 300; fan2 of nct6775: alarm at 0 rpm"},
		/* connectors without fans */
		{H0 "name=it87\n" H0 "fan1_input=900\n" H0 "fan2_input=0\n" H0 "fan3_input=0\n" H0
		    "fan3_min=0\n" H0 "fan3_alarm=0\n",
			100, ""},
		{H0 "fan1_input=900\n" H0 "fan1_fault=1\n" H1 "name=\x01zz\n" H1 "fan7_input=1\n" H1
		    "fan7_alarm=1\n" H1 "fan8_input=1\n",
			33, "fan1 of hwmon0: fault; fan7 of ?zz: alarm at 1 rpm"},
		{H0 "fan1_input=nonsense\n" H0 "fan2_input=\n" H0 "fan3_input=12x\n" H0
		    "fan4_input=99999999999999999999999\n",
			HEALTH_UNKNOWN, ""},
	};

	EXPECT(rows, hw_fans);
}

static void
test_temperature(void **state)
{
	static const struct row rows[] = {
		{"", HEALTH_UNKNOWN, ""},
		{H0 "temp1_input=99000\n", HEALTH_UNKNOWN, ""},
		{H0 "name=coretemp\n" H0 "temp1_input=45000\n" H0 "temp1_crit=100000\n", 100, ""},
		{H0 "name=coretemp\n" H0 "temp1_input=100000\n" H0 "temp1_crit=100000\n" H0
		    "temp2_input=50000\n" H0 "temp2_crit=100000\n",
			0, "temp1 of coretemp: 100 degrees, critical at 100"},
		{H0 "name=k10temp\n" H0 "temp1_input=80000\n" H0 "temp1_crit_alarm=1\n", 0,
			"temp1 of k10temp: critical alarm at 80 degrees"},
		{H0 "temp1_input=1000\n" H0 "temp1_crit=0\n", HEALTH_UNKNOWN, ""},
	};

	EXPECT(rows, hw_temperature);
}

#define P "sys/class/power_supply/"

static void
test_power(void **state)
{
	static const struct row rows[] = {
		{"", HEALTH_UNKNOWN, ""},
		{P "BAT0/type=Battery\n" P "BAT0/online=0\n", HEALTH_UNKNOWN, ""},
		{P "AC/type=Mains\n" P "AC/online=1\n", 100, ""},
		{P "AC0/type=Mains\n" P "AC0/online=1\n" P "AC1/type=Mains\n" P "AC1/online=0\n",
			50, "power supply AC1: no mains"},
		{P "AC/type=Mains\n", HEALTH_UNKNOWN, ""},
		{H0 "name=dps460\n" H0 "in1_label=vin\n" H0 "in1_input=230000\n" H0
		    "power1_input=1\n" H1 "name=dps460\n" H1 "in1_label=vin\n" H1 "in1_input=0\n" H1
		    "power1_input=0\n",
			50, "power supply dps460 (hwmon1): no input voltage"},
	};

	EXPECT(rows, hw_power);
}

static void
test_watchdog(void **state)
{
	static const struct {
		const char *tree;
		bool was;
		uint8_t value;
	} rows[] = {
		{"", false, HEALTH_UNKNOWN},
		{"sys/class/watchdog/watchdog0/state=inactive\n", false, HEALTH_UNKNOWN},
		{"sys/class/watchdog/watchdog0/state=active\n", false, 100},
		{"sys/class/watchdog/watchdog0/state=inactive\n"
		 "sys/class/watchdog/watchdog1/state=active\n",
			true, 100},
		{"sys/class/watchdog/watchdog0/state=inactive\n", true, 0},
		{"", true, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct finding f = {0};

		plant(rows[i].tree);
		hw_watchdog(root, rows[i].was, &f);
		assert_int_equal(f.value, rows[i].value);
	}
}

static void
test_state_dir(void **state)
{
	struct finding f = {0};
	char path[64];

	clear();
	hw_state_dir(root, &f);
	assert_true(f.value == 100 || f.value == 50); /* as full as the test machine's disk is */
	snprintf(path, sizeof(path), "%s/.probe", root);
	assert_int_not_equal(access(path, F_OK), 0); /* it cleans up */
	f = (struct finding){0};
	assert_int_equal(mkdir(path, 0700), 0); /* cannot be written */
	hw_state_dir(root, &f);
	assert_int_equal(f.value, 0);
	assert_non_null(strstr(f.text, "state folder: cannot be written: "));
	f = (struct finding){0};
	hw_state_dir("/nowhere/at/all", &f);
	assert_int_equal(f.value, 0);
}

/* The disk under a file: through partitions and what is laid over disks. */
static void
test_disk_of(void **state)
{
	static const struct {
		const char *tree; /* %s: major:minor of the folder */
		const char *disk; /* NULL: none */
	} rows[] = {
		{"sys/dev/block/%s -> ../../devices/pci/sda/sda2\n"
		 "sys/devices/pci/sda/sda2/partition=2\nsys/devices/pci/sda/device/x=\n",
			"sda"},
		{"sys/dev/block/%s -> ../../devices/pci/nvme0n1\n"
		 "sys/devices/pci/nvme0n1/device/x=\n",
			"nvme0n1"},
		{"sys/dev/block/%s -> ../../devices/virtual/dm-0\n"
		 "sys/devices/virtual/dm-0/slaves/sdb1/x=\n"
		 "sys/class/block/sdb1 -> ../../devices/pci/sdb/sdb1\n"
		 "sys/devices/pci/sdb/sdb1/partition=1\nsys/devices/pci/sdb/device/x=\n",
			"sdb"},
		{"sys/dev/block/%s -> ../../devices/virtual/loop0\n"
		 "sys/devices/virtual/loop0/size=1\n",
			NULL},
		/* a stack that bites its own tail */
		{"sys/dev/block/%s -> ../../devices/virtual/dm-0\n"
		 "sys/devices/virtual/dm-0/slaves/dm-0/x=\n"
		 "sys/class/block/dm-0 -> ../../devices/virtual/dm-0\n",
			NULL},
		{"sys/class/block/\n", NULL},
	};
	struct stat st;

	assert_int_equal(stat(root, &st), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dev[32], tree[512], name[32] = "";
		bool found;

		snprintf(dev, sizeof(dev), "%u:%u", (unsigned)(st.st_dev >> 8 & 0xfff),
			(unsigned)(st.st_dev & 0xff));
		snprintf(tree, sizeof(tree), "%.*s%s%s",
			(int)(strstr(rows[i].tree, "%s") ? strstr(rows[i].tree, "%s") - rows[i].tree
							 : 0),
			rows[i].tree, strstr(rows[i].tree, "%s") ? dev : "",
			strstr(rows[i].tree, "%s") ? strstr(rows[i].tree, "%s") + 2 : rows[i].tree);
		plant(tree);
		found = hw_disk_of(root, root, name, sizeof(name));
		if ((st.st_dev >> 8 & 0xfff) == 0)
			assert_false(found); /* the test runs on a file system without a disk */
		else if (found != !!rows[i].disk || (found && strcmp(name, rows[i].disk) != 0))
			fail_msg("row %zu: '%s'", i, name);
	}
}

static void
test_smart(void **state)
{
	static const struct {
		const char *json;
		uint8_t value;
	} rows[] = {
		{"{\"smart_status\":{\"passed\":true}}", 100},
		{"{\"smart_status\":{\"passed\":false}}", 0},
		{"{\"smartctl\":{\"exit_status\":1}}", HEALTH_UNKNOWN},
		{"{\"smart_status\":{\"passed\":1}}", HEALTH_UNKNOWN},
		{"[]", HEALTH_UNKNOWN},
		{"{\"smart_status\":", HEALTH_UNKNOWN},
		{"", HEALTH_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct finding f = {.value = HEALTH_UNKNOWN};

		hw_smart_judge("sda", rows[i].json, strlen(rows[i].json), &f);
		assert_int_equal(f.value, rows[i].value);
		assert_int_equal(f.text[0] != 0, rows[i].value == 0);
	}
}

static void
test_tpm(void **state)
{
#define HEAD(size, code) "\x80\x01\0\0\0" size code
	static const struct {
		const char *bytes;
		size_t len;
		uint8_t value;
		const char *text;
	} rows[] = {
		{HEAD("\x10", "\0\0\0\0") "\0\0\0\0\0\0", 16, 100, ""},
		{HEAD("\x12", "\0\0\0\0") "\0\2xy\0\0\0\0", 18, 100, ""},
		{HEAD("\x10", "\0\0\0\0") "\0\0\0\0\x01\x53", 16, 100, ""}, /* not tested yet */
		{HEAD("\x10", "\0\0\0\0") "\0\0\0\0\x01\x01", 16, 0,
			"TPM: its self-test failed with 0x101"},
		{HEAD("\x0a", "\0\0\x01\x01"), 10, 0, "TPM: refuses with 0x101"},
		{HEAD("\x10", "\0\0\0\0") "\xff\xff\0\0\0\0", 16, 0,
			"TPM: no answer that can be understood"},
		{HEAD("\x11", "\0\0\0\0") "\0\0\0\0\0\0", 16, 0,
			"TPM: no answer that can be understood"},
		{"\x80\x01\0\0\0\x0a\0\0", 8, 0, "TPM: no answer that can be understood"},
		{"", 0, 0, "TPM: no answer that can be understood"},
	};
	struct finding f = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f = (struct finding){0};
		hw_tpm_judge((const uint8_t *)rows[i].bytes, rows[i].len, &f);
		if (f.value != rows[i].value || strcmp(f.text, rows[i].text) != 0)
			fail_msg("row %zu: %u '%s'", i, f.value, f.text);
	}
	plant("");
	f = (struct finding){0};
	hw_tpm(root, &f);
	assert_int_equal(f.value, HEALTH_UNKNOWN);
	plant("sys/class/tpm/tpm0/tpm_version_major=1\n");
	f = (struct finding){0};
	hw_tpm(root, &f);
	assert_int_equal(f.value, HEALTH_UNKNOWN);
	plant("sys/class/tpm/tpm0/tpm_version_major=2\n");
	f = (struct finding){0};
	hw_tpm(root, &f);
	assert_int_equal(f.value, 0);
	assert_string_equal(f.text, "TPM: /dev/tpmrm0: No such file or directory");
}

/* Much to say ends where the room does. */
static void
test_text(void **state)
{
	struct finding f = {0};

	for (unsigned i = 0; i < 100; i++)
		hw_text(&f, "fan%u of a chip with a long name: it stands still", i);
	assert_true(strlen(f.text) < sizeof(f.text));
	assert_memory_equal(f.text, "fan0 of a chip with a long name: it stands still; fan1", 54);
}

static int
make_root(void **state)
{
	return mkdtemp(root) ? 0 : -1;
}

static int
remove_root(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fans),
		cmocka_unit_test(test_temperature),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_state_dir),
		cmocka_unit_test(test_disk_of),
		cmocka_unit_test(test_smart),
		cmocka_unit_test(test_tpm),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
