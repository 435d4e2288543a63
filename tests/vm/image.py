# SPDX-License-Identifier: GPL-2.0-or-later
"""What the virtual machines boot: Debian's stock kernel, a small Debian root, our build.

    kernel      linux-image-cloud-amd64, unpacked, not installed
    root-*.img  debootstrap, systemd included; all machines share it read-only, each writes to memory
    boot.gz     busybox and the modules that are needed to find the root, with guest/initramfs
    ours.gz     `make install` of this build, tests/lab, tests/vm/guest; unpacked over the root at boot

The first three are made once and kept in build/vm (TW_VM=DIR: elsewhere); the last one each time.
"""
import glob
import hashlib
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("TW_BUILD", os.path.join(ROOT, "build")))
STORE = os.path.abspath(os.environ.get("TW_VM", os.path.join(ROOT, "build", "vm")))
MIRROR = os.environ.get("TW_VM_MIRROR", "http://deb.debian.org/debian")
KERNEL = "linux-image-cloud-amd64"
PACKAGES = ["systemd", "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "nftables", "conntrack",
            "iputils-ping", "iputils-arping", "procps", "tcpdump", "util-linux", "python3",
            "python3-pytest", "libteam-utils", "ethtool",
            # what our programs are linked with
            "libsodium23", "libmnl0", "libjansson4", "libnftables1", "libbpf1", "libelf1", "libedit2",
            "libseccomp2", "libcap-ng0"]
# To find the root; everything else is loaded from there.
BOOT_MODULES = ["virtio_pci", "virtio_blk", "overlay"]


def run(*args, timeout=900, **more):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                       **more)
    if p.returncode:
        raise RuntimeError(f"{' '.join(args)}: status {p.returncode}\n{p.stdout[-2000:]}{p.stderr[-4000:]}")
    return p.stdout


def store(*parts):
    return os.path.join(STORE, *parts)


def _package(name, into):
    """Fetches a package and unpacks it, without installing anything."""
    folder = store("deb-" + name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    run("apt-get", "download", "-o", "APT::Sandbox::User=root", name, cwd=folder)
    os.makedirs(into, exist_ok=True)
    for deb in glob.glob(os.path.join(folder, "*.deb")):
        run("dpkg", "-x", deb, into)
    shutil.rmtree(folder)


def kernel():
    """The folder of the unpacked kernel package."""
    folder = store("kernel")
    if not glob.glob(os.path.join(folder, "boot", "vmlinuz-*")):
        depends = run("apt-cache", "depends", KERNEL).split()
        name = next(d for d in depends if d.startswith("linux-image-") and d != KERNEL)
        _package(name, folder + ".new")
        version = os.listdir(os.path.join(folder + ".new", "lib", "modules"))[0]
        run("/usr/sbin/depmod", "-b", folder + ".new", version)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(folder + ".new", folder)
    return folder


def kernel_version():
    return os.listdir(os.path.join(kernel(), "lib", "modules"))[0]


def vmlinuz():
    return os.path.join(kernel(), "boot", "vmlinuz-" + kernel_version())


def root():
    """The root file system with the kernel's modules; made in some minutes when what it is made of changed."""
    made_of = hashlib.sha256(" ".join([kernel_version(), MIRROR, *PACKAGES]).encode()).hexdigest()[:8]
    image = store(f"root-{made_of}.img")
    if os.path.exists(image):
        return image
    for old in glob.glob(store("root-*.img")):
        os.unlink(old)
    tree = store("root.new")
    shutil.rmtree(tree, ignore_errors=True)
    run("/usr/sbin/debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), "bookworm", tree,
        MIRROR, timeout=1800)
    shutil.rmtree(os.path.join(tree, "var", "cache", "apt"))
    shutil.rmtree(os.path.join(tree, "var", "lib", "apt", "lists"))
    shutil.copytree(os.path.join(kernel(), "lib", "modules"), os.path.join(tree, "usr", "lib", "modules"),
                    dirs_exist_ok=True)
    size = int(run("du", "-sm", tree).split()[0]) * 13 // 10 + 64
    # 256-byte inodes for a world after 2038; no journal: nobody ever writes to it
    run("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-I", "256", "-d", tree, image + ".new",
        f"{size}M")
    os.rename(image + ".new", image)
    shutil.rmtree(tree)
    return image


def _modules(names):
    """Files of these modules and all they need, in the order of loading."""
    base = os.path.join(kernel(), "lib", "modules", kernel_version())
    needs = {}
    with open(os.path.join(base, "modules.dep"), encoding="ascii") as f:
        for line in f:
            path, deps = line.strip().split(":")
            needs[os.path.basename(path).split(".ko")[0].replace("-", "_")] = [path, *deps.split()]
    order = []
    for name in names:
        for path in reversed(needs[name]):
            if path not in order:
                order.append(path)
    return [os.path.join(base, p) for p in order]


def _pack(tree, out):
    with open(out + ".new", "wb") as f:
        subprocess.run("find . -print0 | cpio -0 -o -H newc --quiet -R 0:0 | gzip -1", shell=True, cwd=tree,
                       stdout=f, check=True, timeout=300)
    os.rename(out + ".new", out)
    return out


def boot():
    """The initramfs that finds the root."""
    tree = store("boot.new")
    shutil.rmtree(tree, ignore_errors=True)
    for sub in ("bin", "dev", "proc", "sys", "lower", "upper", "root", "modules"):
        os.makedirs(os.path.join(tree, sub))
    if not os.path.exists(store("busybox", "bin", "busybox")):
        _package("busybox-static", store("busybox"))
    shutil.copy(store("busybox", "bin", "busybox"), os.path.join(tree, "bin"))
    for i, path in enumerate(_modules(BOOT_MODULES)):
        shutil.copy(path, os.path.join(tree, "modules", f"{i:02}-{os.path.basename(path)}"))
    shutil.copy(os.path.join(HERE, "guest", "initramfs"), os.path.join(tree, "init"))
    os.chmod(os.path.join(tree, "init"), 0o755)
    return _pack(tree, store("boot.gz"))


def ours():
    """This build as it would be installed, and what the tests need inside."""
    tree = store("ours.new")
    shutil.rmtree(tree, ignore_errors=True)
    top = os.path.join(tree, "ours")
    os.makedirs(top)
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", env=os.environ | {"DESTDIR": top})
    for sub in ("man", "doc"):
        shutil.rmtree(os.path.join(top, "usr", "share", sub), ignore_errors=True)
    here = os.path.join(top, "tw")
    shutil.copytree(os.path.join(HERE, "guest"), os.path.join(here, "guest"))
    # the lab's tests and what they read or run
    for sub in ("tests/lab", "tests/golden", "src/core/notes"):
        shutil.copytree(os.path.join(ROOT, sub), os.path.join(here, sub), ignore=shutil.ignore_patterns("__pycache__"))
    for sub in ("tests/lab", "tests/golden", "src/daemon", "src/cli"):
        os.makedirs(os.path.join(here, "build", sub))
        for path in glob.glob(os.path.join(BUILD, sub, "*")):
            if os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy(path, os.path.join(here, "build", sub))
    units = os.path.join(top, "etc", "systemd", "system")
    os.makedirs(os.path.join(units, "sysinit.target.wants"))
    os.symlink("/tw/guest/tw-agent.service", os.path.join(units, "tw-agent.service"))
    os.symlink("/tw/guest/tw-agent.service", os.path.join(units, "sysinit.target.wants", "tw-agent.service"))
    return _pack(tree, store("ours.gz"))


def make():
    """Everything; (kernel, initramfs, root image)."""
    os.makedirs(STORE, exist_ok=True)
    kernel()
    image = root()
    initramfs = store("initramfs")
    with open(initramfs + ".new", "wb") as f:
        for part in (boot(), ours()):
            with open(part, "rb") as g:
                data = g.read()
            f.write(data + b"\0" * (-len(data) % 4))  # the kernel wants each archive aligned
    os.rename(initramfs + ".new", initramfs)
    return vmlinuz(), initramfs, image


if __name__ == "__main__":
    print("\n".join(make()))
