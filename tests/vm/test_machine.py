# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine alone: the service under systemd, and the lab's tests on Debian's stock kernel."""
import json
import shutil
import tempfile
import time

import pytest

import image
from farm import KEY, TIMERS, say, statements, wait
from qemu import Cable, Vm


class Alone:
    """A machine whose cables end nowhere."""

    def __init__(self, nics, **more):
        self.dir = tempfile.mkdtemp(prefix="tw-vm-")
        self.cables = [Cable() for _ in nics]
        self.vm = Vm("alone", self.dir, image.make(),
                     [(nic, f"06:00:00:00:0c:{i + 1:02x}", c.ends[0])
                      for i, (nic, c) in enumerate(zip(nics, self.cables))], **more)

    def __enter__(self):
        began = time.monotonic()
        try:
            self.vm.start().booted(300)
        except Exception:
            self.__exit__()
            raise
        say(f"   booted in {time.monotonic() - began:.0f} s")
        return self.vm

    def __exit__(self, *_):
        self.vm.power_off()
        if self.vm.drain:
            self.vm.drain.stop()
        for c in self.cables:
            c.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def property_of(vm, name):
    return vm.run("systemctl", "show", "-P", name, "twinwall").strip()


def wait_role(vm, role, seconds=90):
    def look():
        status, out, _ = vm.run("twinwall", "--json", "ha", check=False, timeout=60)
        return status == 0 and json.loads(out)["role"] == role
    wait(f"the node becomes {role}", look, seconds, step=1)


def test_service_under_systemd():
    """The installed unit under a real systemd: it starts, is restarted after a crash, stops cleanly"""
    with Alone(["sync", "lan", "wan"], init="/sbin/init", memory=768) as vm:
        say("   systemd " + vm.run("systemctl", "--version").split()[1]
            + ", kernel " + vm.run("uname", "-r").strip())
        wait("systemd has started everything",
             lambda: vm.run("systemctl", "is-system-running", check=False)[1].strip() in ("running", "degraded"),
             240, step=2)
        failed = vm.run("systemctl", "--failed", "--plain", "--no-legend")
        say(f"   failed units: {failed.strip() or 'none'}")
        unit = vm.sh("ls /usr/lib/systemd/system/twinwall.service /usr/local/lib/systemd/system/twinwall.service "
                     "2>/dev/null || true").strip()
        status, out, err = vm.run("systemd-analyze", "verify", "--man=no", unit, check=False)
        say(f"   systemd-analyze verify {unit}: {(out + err).strip() or 'nothing to say'}")
        assert status == 0
        conf = statements("Master", ipv6=False, ha=TIMERS)
        for iface, dev in (("sync", "eth0"), ("lan", "eth1"), ("wan", "eth2")):
            conf = conf.replace(f"add EthernetInterface {iface}",
                                f"add EthernetInterface {iface} MasterDevice={dev} SlaveDevice={dev}")
        vm.sh("for d in eth0 eth1 eth2; do ip link set $d up; done")
        vm.write("/etc/twinwall/twinwall.conf", conf)
        vm.write("/var/lib/twinwall/cluster.key", KEY + "\n", "600")

        vm.run("systemctl", "enable", "--now", "twinwall", timeout=120)
        wait_role(vm, "active")
        pid = property_of(vm, "MainPID")
        tree = vm.run("ps", "-o", "pid,cls,rtprio,comm", "--ppid", pid, "-p", pid)
        say("   active:\n      " + tree.strip().replace("\n", "\n      "))
        assert "FF" in tree, "the engine has no real-time priority under the unit's limits"
        locked = vm.sh("grep VmLck /proc/$(pgrep -x tw-engine)/status")
        say("   engine: " + " ".join(locked.split()))
        assert locked.split()[1] != "0"
        bits = vm.sh(f"grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/{pid}/status; "
                     "grep -E '^(CapEff|Seccomp):' /proc/$(pgrep -x tw-engine)/status")
        say("   supervisor, engine: " + " ".join(bits.split()))
        bad = vm.run("journalctl", "-u", "twinwall", "-p", "err", "-q", "-o", "cat", check=False)[1]
        say(f"   errors in the journal: {bad.strip() or 'none'}")

        exposure = vm.run("systemd-analyze", "security", "--no-pager", "twinwall", check=False)[1]
        say("   systemd-analyze security: " + exposure.strip().splitlines()[-1].split("→")[-1].strip())

        say("   the supervisor is killed:")
        vm.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "twinwall")
        wait("the service runs again",
             lambda: property_of(vm, "MainPID") not in ("0", pid) and property_of(vm, "ActiveState") == "active",
             60, step=1)
        wait_role(vm, "active")
        say(f"   main process {pid} -> {property_of(vm, 'MainPID')}, restarts {property_of(vm, 'NRestarts')}, "
            "active again")

        began = time.monotonic()
        vm.run("systemctl", "stop", "twinwall", timeout=90)
        say(f"   stopped in {time.monotonic() - began:.1f} s: {property_of(vm, 'ActiveState')}, "
            f"status {property_of(vm, 'ExecMainStatus')}, result {property_of(vm, 'Result')}")
        assert property_of(vm, "Result") == "success" and property_of(vm, "ExecMainStatus") == "0"
        left = vm.sh("ip -o link | grep tw- || true; nft list tables; ip rule | grep -v -E '^(0|32766|32767):' || true")
        say(f"   left in the kernel: {left.strip() or 'nothing'}")
        assert not left.strip()


# What of the lab says something about a kernel, and what in it asks for a faster machine than this.
LAB = ["test_requirements.py::test_aggregate_counts_until_all_members_are_lost", "test_gate.py",
       "test_netapply.py", "test_rules.py", "test_statesync.py"]
TOO_FAST = ["test_gate.py::test_lease_lapses_by_itself", "test_rules.py::test_replacing_the_ruleset",
            "test_statesync.py::test_off_flushes_at_once"]


@pytest.fixture(scope="module")
def stock():
    """A machine for the lab."""
    with Alone([], memory=1536) as vm:
        vm.sh("for m in veth macvlan bridge bonding 8021q nf_tables nf_conntrack nf_conntrack_netlink sch_ingress "
              "cls_bpf; do modprobe $m; done; echo 0 > /proc/sys/kernel/printk; "
              "sysctl -qw net.netfilter.nf_conntrack_max=70000")
        yield vm


@pytest.mark.parametrize("what", LAB)
def test_lab_on_stock_kernel(stock, what):
    """The lab's tests, inside the machine"""
    say(f"   {what}")
    leave_out = " ".join(f"--deselect tests/lab/{t}" for t in TOO_FAST)
    status, out, err = stock.run(
        "sh", "-c", f"cd /tw && export TW_BUILD=/tw/build TW_LAB_SLOW=5 TW_LAB_TIMERS='{TIMERS}' && exec python3 -B "
        f"-m pytest -q --no-header -p no:cacheprovider --tb=short {leave_out} tests/lab/{what}", check=False,
        timeout=1500)
    text = (out + err).strip()
    say("      " + text[-3000 if status else -400:].replace("\n", "\n      "))
    if status:
        say(stock.run("sh", "-c", "tail -n 15 /tw/build/lab-failures/*/*/log", check=False)[1])
    assert status == 0 and "skipped" not in text
