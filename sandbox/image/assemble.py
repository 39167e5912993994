"""Copies what CPython, NumPy and cv2 load from unpacked Debian packages into a minimal root.

cv2 of Debian links every OpenCV module, and some of those pull in Qt, VTK, FFmpeg, GStreamer and
GDAL: half a gigabyte that still images never touch. Those libraries are replaced by one stub that
exports the names cv2 wants to see when it is loaded. A stubbed function returns 0 where a
constructor calls it on the way up (RETURNS_ZERO) and aborts the process with a message elsewhere.

Invariants:
1. A needed library is copied, or it is on ABSENT, or the build fails. Nothing is missing by chance.
2. The result depends on the packages only: sorted walks, hash-checked bytecode, no timestamps.
"""

import compileall
import hashlib
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
from urllib.parse import quote

# Libraries that still images on one thread do not need; their callers inside OpenCV get the stub.
ABSENT = re.compile(
    r"^lib(opencv_(highgui|videoio|viz|hdf|freetype|text)"
    r"|GLX|gdcm\w+|gdal|OpenEXR(Core)?(-3_1)?|Imath(-3_1)?|Iex(-3_1)?|IlmThread(-3_1)?)\.so"
)
# Called while the image codecs are registered: doing nothing is their whole job here.
RETURNS_ZERO = {"GDALAllRegister", "_ZN7Imf_3_114ChromaticitiesC1ERKN9Imath_3_14Vec2IfEES5_S5_S5_"}
# Extension modules of the standard library whose own libraries are left out (no network, no
# terminal, no databases). hashlib falls back on the interpreter's own digests.
DROPPED_EXTENSIONS = re.compile(r"^(_ssl|_hashlib|_curses|_curses_panel|readline|nis|_dbm|_sqlite3|_crypt|_tkinter|_gdbm)\.")
DROPPED_FOLDERS = {
    "test", "tests", "idlelib", "lib2to3", "ensurepip", "pydoc_data", "tkinter", "turtledemo",
    "distutils", "curses", "dbm", "sqlite3", "f2py", "include", "__pycache__", "venv",
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def is_elf(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", path))


def symbols(path):
    """The undefined names that must be found (with their kind), and the defined names."""
    wanted, defined = {}, set()
    for line in run("readelf", "-W", "--dyn-syms", path).splitlines():
        columns = line.split()
        if len(columns) < 8 or not columns[0].endswith(":") or columns[0] == "Num:":
            continue
        kind, binding, section, name = columns[3], columns[4], columns[6], columns[7].split("@")[0]
        if section != "UND":
            defined.add(name)
        elif binding == "GLOBAL" and name:
            wanted[name] = kind
    return wanted, defined


def index_libraries(tree):
    found = {}
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(files):
            if ".so" in name:
                found.setdefault(name, os.path.join(folder, name))
    return found


def copy_python_tree(source, target):
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in DROPPED_FOLDERS)
        inside = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(inside, exist_ok=True)
        for name in sorted(files):
            if name.endswith((".py", ".so")) and not DROPPED_EXTENSIONS.match(name):
                shutil.copy(os.path.join(folder, name), os.path.join(inside, name))


def copy_libraries(root, libraries, library_folder):
    """Follows DT_NEEDED from everything in `root`; returns the copied objects and the absent ones."""
    queue = [os.path.join(f, n) for f, _, files in os.walk(root) for n in files]
    queue = sorted(path for path in queue if is_elf(path))
    objects, absent, placed = list(queue), set(), set()
    while queue:
        for name in needed(queue.pop(0)):
            if name in placed or name in absent or name.startswith("ld-linux"):
                continue
            if ABSENT.match(name):
                absent.add(name)
                continue
            if name not in libraries:
                sys.exit(f"assemble.py: {name} is needed, but no package in packages.txt has it")
            target = os.path.join(library_folder, name)
            shutil.copy(os.path.realpath(libraries[name]), target)
            placed.add(name)
            queue.append(target)
            objects.append(target)
    return objects, sorted(absent)


def write_stub(objects, absent, library_folder, work):
    wanted, defined = {}, set()
    for path in objects:
        object_wanted, object_defined = symbols(path)
        wanted.update(object_wanted)
        defined |= object_defined
    missing = {name: kind for name, kind in sorted(wanted.items()) if name not in defined}
    lines = [".text"]
    for name, kind in missing.items():
        if kind == "OBJECT" or name.startswith(("_ZTV", "_ZTI", "_ZTS", "_ZTT")):
            continue
        lines += [f'.globl "{name}"', f'.type "{name}", %function', f'"{name}":']
        lines += RETURN_ZERO if name in RETURNS_ZERO else say_and_trap(name)
    lines += WRITE_AND_TRAP + [".bss", ".balign 16"]
    for name, kind in missing.items():
        if kind == "OBJECT" or name.startswith(("_ZTV", "_ZTI", "_ZTS", "_ZTT")):
            # Larger than any type information or table of functions that is compared by address.
            lines += [f'.globl "{name}"', f'.type "{name}", %object', f'"{name}":', ".zero 512"]
            lines += [f'.size "{name}", 512']
    lines += ['.section .note.GNU-stack,"",%progbits', ""]
    source, stub = os.path.join(work, "stub.s"), os.path.join(library_folder, "libabsent.so")
    with open(source, "w", encoding="ascii") as file:
        file.write("\n".join(lines))
    run("as", "-o", source + ".o", source)
    run("ld", "-shared", "--build-id=none", "-soname", "libabsent.so", "-o", stub, source + ".o")
    for name in absent:
        os.symlink("libabsent.so", os.path.join(library_folder, name))
    return len(missing)


MACHINE = os.uname().machine
RETURN_ZERO = {"x86_64": ["xorl %eax, %eax", "ret"], "aarch64": ["mov x0, #0", "ret"]}[MACHINE]
# write(2, text, length), then an illegal instruction: the process dies, the reason is on stderr.
WRITE_AND_TRAP = {
    "x86_64": ["write_and_trap:", "movl $1, %eax", "movl $2, %edi", "syscall", "ud2"],
    "aarch64": ["write_and_trap:", "mov x8, #64", "mov x0, #2", "svc #0", "udf #0"],
}[MACHINE]


def say_and_trap(name):
    text = f"{name} is not part of this sandbox\\n"
    message = ['.section .rodata', f'"says_{name}": .ascii "{text}"', ".text"]
    if MACHINE == "x86_64":
        load = [f'leaq "says_{name}"(%rip), %rsi', f"movl ${len(text) - 1}, %edx"]
        return message + load + ["jmp write_and_trap"]
    load = [f'adrp x1, "says_{name}"', f'add x1, x1, :lo12:"says_{name}"', f"mov x2, #{len(text) - 1}"]
    return message + load + ["b write_and_trap"]


def compile_bytecode(root):
    """Bytecode beside no source: smaller, and nothing is compiled again in every execution."""
    for top in ("usr/lib/python3.11", "usr/lib/python3"):
        folder = os.path.join(root, top)
        compileall.compile_dir(
            folder, stripdir=root, legacy=True, quiet=1, workers=1, force=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        for inside, _, files in os.walk(folder):
            for name in files:
                if name.endswith(".py") and os.path.exists(os.path.join(inside, name + "c")):
                    os.remove(os.path.join(inside, name))


def main(unpacked, root):
    triplet = f"{MACHINE}-linux-gnu"
    library_folder = os.path.join(root, "usr/lib", triplet)
    for folder in (library_folder, os.path.join(root, "usr/bin"), os.path.join(root, "etc")):
        os.makedirs(folder)
    for folder, mode in (("tmp", 0o1777), ("proc", 0o755), ("dev", 0o755), ("sys", 0o755), ("opt/varft", 0o755)):
        os.makedirs(os.path.join(root, folder))
        os.chmod(os.path.join(root, folder), mode)
    for link in ("lib", "bin", "sbin"):
        os.symlink("usr/bin" if link != "lib" else "usr/lib", os.path.join(root, link))

    libraries = index_libraries(unpacked)
    shutil.copy(os.path.join(unpacked, "usr/bin/python3.11"), os.path.join(root, "usr/bin/python3"))
    copy_python_tree(os.path.join(unpacked, "usr/lib/python3.11"), os.path.join(root, "usr/lib/python3.11"))
    copy_python_tree(os.path.join(unpacked, "usr/lib/python3"), os.path.join(root, "usr/lib/python3"))
    objects, absent = copy_libraries(root, libraries, library_folder)
    interpreter = re.search(r"\[Requesting program interpreter: (.+)\]", run("readelf", "-lW", objects[0]))
    loader = interpreter.group(1) if interpreter else sys.exit("assemble.py: python3 names no loader")
    loader_target = root + loader
    os.makedirs(os.path.dirname(loader_target), exist_ok=True)
    shutil.copy(os.path.realpath(libraries[os.path.basename(loader)]), loader_target)
    objects.append(loader_target)

    stubs = write_stub(objects, absent, library_folder, os.path.dirname(root))
    compile_bytecode(root)
    with open(os.path.join(root, "etc/passwd"), "w", encoding="ascii") as file:
        file.write("sandbox:x:10001:10001::/tmp:/\n")
    print(f"assemble.py: {len(objects)} objects, {stubs} stubbed names for {' '.join(absent)}")


def write_materials(debs, path):
    """A software bill of materials (CycloneDX 1.5, https://cyclonedx.org/): the packages of the image."""
    components = []
    for name in sorted(os.listdir(debs)):
        deb = os.path.join(debs, name)
        package, version, machine, source = (
            run("dpkg-deb", "--field", deb, field).strip() for field in ("Package", "Version", "Architecture", "Source")
        )
        with open(deb, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        origin = [{"name": "debian:source", "value": source}] if source else []
        components.append({
            "type": "library", "name": package, "version": version,
            "purl": f"pkg:deb/debian/{package}@{quote(version, safe='')}?arch={machine}&distro=bookworm",
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "properties": origin,
        })
    materials = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(materials, file, indent=1)


if sys.argv[1] == "--materials":
    write_materials(sys.argv[2], sys.argv[3])
else:
    main(sys.argv[1], sys.argv[2])
